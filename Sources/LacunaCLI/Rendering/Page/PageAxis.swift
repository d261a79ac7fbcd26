import Foundation
import Lacuna

/// The units that the strips of a stream lie on: the same for each, so that what happened at one time stands in one line.
struct PageAxis: Sendable {
    /// A mark with its text.
    struct Tick: Hashable, Sendable {
        let unit: Int64
        let text: String
    }

    /// More would run into each other.
    static let tickLimit = 6
    /// What lies beyond the newest unit may reach far into the future. It gets one part in so many of the axis.
    private static let tailShare: UInt64 = 10

    let range: Range<Int64>
    let ticks: [Tick]

    /// The axis of all partitions; nil if there is nothing to draw, or if the keys have no order.
    init?(_ partitions: [PartitionCoverage], of type: KeyType) {
        guard type.isOrdered else { return nil }
        var history: Range<Int64>?
        var end: Int64?
        for coverage in partitions {
            let own = [coverage.range, coverage.provisional.hull ?? 0..<0].filter { !$0.isEmpty }
            for range in own {
                history =
                    history.map { min($0.lowerBound, range.lowerBound)..<max($0.upperBound, range.upperBound) } ?? range
            }
            if let tail = coverage.tail?.hull { end = max(end ?? tail.upperBound, tail.upperBound) }
        }
        guard let history else { return nil }
        let room = max(history.unitCount / PageAxis.tailShare, 1)
        let most = history.upperBound.adding(saturating: Int64(clamping: room))
        self.init(history.lowerBound..<max(history.upperBound, min(end ?? .min, most)), type)
    }

    init(_ range: Range<Int64>, _ type: KeyType) {
        self.range = range
        ticks = PageAxis.ticks(range, type)
    }

    /// Where a unit begins, from 0 to 1.
    func position(_ unit: Int64) -> Double {
        guard unit > range.lowerBound else { return 0 }
        guard unit < range.upperBound else { return 1 }
        return Double((range.lowerBound..<unit).unitCount) / Double(range.unitCount)
    }

    /// Round keys inside a range, ascending, at most ``tickLimit``.
    static func ticks(_ range: Range<Int64>, _ type: KeyType) -> [Tick] {
        guard !range.isEmpty else { return [] }
        switch type {
        case .integer(let step): return numbers(range, step: step)
        case .date, .timestamp: return times(range, type)
        case .text: return []
        }
    }

    private static func numbers(_ range: Range<Int64>, step: Int64) -> [Tick] {
        // Keys of all units fit into 64 bits, and their distance does not.
        let (lower, upper) = (Int128(range.lowerBound) * Int128(step), Int128(range.upperBound - 1) * Int128(step))
        func first(_ distance: Int128) -> Int128 {
            let quotient = lower / distance
            return (lower > quotient * distance ? quotient + 1 : quotient) * distance
        }
        var distance: Int128 = 1
        var factors = ([2, 5, 10] as [Int128])[...]
        var power: Int128 = 1
        while first(distance) + distance * Int128(tickLimit) <= upper {
            if factors.isEmpty {
                power *= 10
                factors = [2, 5, 10]
            }
            distance = power * factors.removeFirst()
        }
        return stride(from: first(distance), through: upper, by: Int128.Stride(distance)).map { key in
            // The unit that holds the key: rounded towards negative infinity.
            let quotient = key / Int128(step)
            let unit = key < quotient * Int128(step) ? quotient - 1 : quotient
            return Tick(unit: Int64(unit), text: Numbers.grouped(key))
        }
    }

    /// Steps of a calendar that people count in.
    private enum CalendarStep {
        case seconds(Int64)
        case days(Int64)
        case months(Int)

        /// About how long it is.
        var seconds: Int64 {
            switch self {
            case .seconds(let seconds): seconds
            case .days(let days): days * 86_400
            case .months(let months): Int64(months) * 2_629_746
            }
        }

        static let all: [CalendarStep] =
            [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200].map(CalendarStep.seconds)
            + [1, 2, 7, 14].map(CalendarStep.days)
            + [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12_000, 24_000].map(CalendarStep.months)
    }

    private static func times(_ range: Range<Int64>, _ type: KeyType) -> [Tick] {
        guard let start = type.start(of: range.lowerBound), let end = type.start(of: range.upperBound - 1),
            let first = type.localStart(of: range.lowerBound)?.date,
            let last = type.localStart(of: range.upperBound - 1)?.date
        else { return [] }
        for step in CalendarStep.all where (end - start) / step.seconds <= Int64(tickLimit) {
            if case .seconds(let seconds) = step {
                guard case .timestamp(let own, _) = type, seconds >= own, seconds.isMultiple(of: own) else { continue }
            }
            let ticks = ticks(range, type, step, from: first, to: last)
            if ticks.count <= tickLimit { return ticks }
        }
        return []
    }

    private static func ticks(
        _ range: Range<Int64>, _ type: KeyType, _ step: CalendarStep, from first: CivilDate, to last: CivilDate
    ) -> [Tick] {
        var ticks: [Tick] = []
        func add(_ unit: Int64?, _ text: (CivilDate, Int64) -> String) {
            guard let unit, range.contains(unit), unit > ticks.last?.unit ?? .min,
                let local = type.localStart(of: unit)
            else { return }
            ticks.append(Tick(unit: unit, text: text(local.date, local.secondOfDay)))
        }
        switch step {
        case .seconds(let seconds):
            guard case .timestamp(let own, _) = type else { return [] }
            for day in first.daysSinceEpoch...last.daysSinceEpoch {
                guard let midnight = type.firstUnit(on: CivilDate(daysSinceEpoch: day)) else { continue }
                for second in Swift.stride(from: Int64(0), to: 86_400, by: Int(seconds)) {
                    add(midnight + second / own) { "\($0.day) \($0.monthName) \(UnitWords.clock($1))" }
                }
            }
        case .days(let days):
            // Weeks begin on Mondays: 1970-01-05 was one.
            let anchor: Int64 = days >= 7 ? 4 : 0
            let offset = ((first.daysSinceEpoch - anchor) % days + days) % days
            for day in Swift.stride(from: first.daysSinceEpoch - offset, through: last.daysSinceEpoch, by: Int(days)) {
                add(type.firstUnit(on: CivilDate(daysSinceEpoch: day))) { date, _ in
                    KeyType.date(timezone: .utc).text(date.daysSinceEpoch)
                }
            }
        case .months(let months):
            let index = (first.year * 12 + first.month - 1) / months * months
            for index in Swift.stride(from: index, through: last.year * 12 + last.month - 1, by: months) {
                guard let date = CivilDate(year: index / 12, month: index % 12 + 1, day: 1) else { continue }
                add(type.firstUnit(on: date)) { date, _ in
                    months.isMultiple(of: 12) ? "\(date.year)" : "\(date.monthName) \(date.year)"
                }
            }
        }
        return ticks
    }
}
