import Foundation
import Lacuna

/// What the units of a stream, and gaps that repeat, are called.
struct UnitWords: Sendable {
    let type: KeyType

    init(_ type: KeyType) {
        self.type = type
    }

    /// The distances that people count in: weeks of days, days and weeks of times. Numbers have none.
    var rhythms: [UInt64] {
        switch type {
        case .date: [7]
        case .timestamp(let step, _):
            [86_400, 604_800].filter { $0 > step && $0.isMultiple(of: step) }.map { UInt64($0 / step) }
        case .integer, .text: []
        }
    }

    /// One unit.
    var noun: String {
        switch type {
        case .date, .timestamp(step: 86_400, _): "day"
        case .timestamp(step: 3600, _): "hour"
        case .timestamp(step: 60, _): "minute"
        case .text: "id"
        case .integer, .timestamp: "unit"
        }
    }

    /// `14 days`.
    func count(_ count: some BinaryInteger) -> String { Numbers.count(count, noun) }

    /// The range as all of the program shows it, in characters that can be shown.
    func text(_ range: Range<Int64>) -> String { Console.printable(type.text(range)) }

    /// `2024-01-16–2024-01-29`, or `every Monday, 2024-11-04–2024-12-16`.
    func text(_ group: GapGroup) -> String {
        guard group.count > 1 else { return text(group.first) }
        return "\(rhythm(of: group)), \(text(group.first.lowerBound..<group.last.upperBound))"
    }

    /// `14 days`, or `7 × 1 day`.
    func length(of group: GapGroup) -> String {
        let one = count(group.first.unitCount)
        return group.count > 1 ? "\(Numbers.grouped(group.count)) × \(one)" : one
    }

    /// How often gaps of a group come: `every Monday`, `every 24 h`, `every 100`.
    func rhythm(of group: GapGroup) -> String {
        let distance = group.distance
        switch type {
        case .date, .timestamp(step: 86_400, _):
            guard distance == 7, let day = type.localStart(of: group.first.lowerBound)?.date.weekday else {
                return distance == 2 ? "every second day" : "every \(Numbers.grouped(distance)) days"
            }
            guard group.first.unitCount > 1,
                let last = type.localStart(of: group.first.upperBound - 1)?.date.weekday
            else { return "every \(day.name)" }
            return "every \(day.name) to \(last.name)"
        case .timestamp(let step, let timezone):
            let (seconds, overflows) = distance.multipliedReportingOverflow(by: UInt64(step))
            guard !overflows, seconds <= 1_000_000_000 else { return "every \(Numbers.grouped(distance)) units" }
            // Only a zone that never turns its clocks has one clock time for all of them.
            let isSteady = timezone.nextDaylightSavingTimeTransition(after: Date(timeIntervalSince1970: 0)) == nil
            if seconds == 86_400, isSteady, let local = type.localStart(of: group.first.lowerBound) {
                return "every day at \(UnitWords.clock(local.secondOfDay))"
            }
            if seconds == 604_800, isSteady, let local = type.localStart(of: group.first.lowerBound) {
                return "every \(local.date.weekday.name) at \(UnitWords.clock(local.secondOfDay))"
            }
            if seconds.isMultiple(of: 86_400) { return "every \(Numbers.count(seconds / 86_400, "day"))" }
            return "every \(Numbers.exactTime(seconds: seconds))"
        case .integer(let step):
            let (keys, overflows) = distance.multipliedReportingOverflow(by: UInt64(step))
            return overflows ? "every \(Numbers.grouped(distance)) units" : "every \(Numbers.grouped(keys))"
        case .text: return "every \(Numbers.grouped(distance))"
        }
    }

    /// `06:00`.
    static func clock(_ secondOfDay: Int64) -> String {
        let (minutes, seconds) = (secondOfDay / 60, secondOfDay % 60)
        let parts = [minutes / 60, minutes % 60] + (seconds == 0 ? [] : [seconds])
        return parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }
}

extension Weekday {
    /// Its name in English.
    var name: String {
        switch self {
        case .mon: "Monday"
        case .tue: "Tuesday"
        case .wed: "Wednesday"
        case .thu: "Thursday"
        case .fri: "Friday"
        case .sat: "Saturday"
        case .sun: "Sunday"
        }
    }
}

extension CivilDate {
    private static let monthNames = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Jan`.
    var monthName: String { CivilDate.monthNames[month - 1] }
}

extension Numbers {
    /// `2 h`, `90 s`, `1 h 30 min`: all of it, without rounding.
    static func exactTime(seconds: UInt64) -> String {
        let parts = [(seconds / 3600, "h"), (seconds % 3600 / 60, "min"), (seconds % 60, "s")]
        let texts = parts.filter { $0.0 > 0 }.map { "\(grouped($0.0)) \($0.1)" }
        return texts.isEmpty ? "0 s" : texts.joined(separator: " ")
    }

    /// A length of time in the one unit that people would use: `40 s`, `6 weeks`, `2 years`. Rounded down.
    static func age(seconds: Int64) -> String {
        let seconds = max(seconds, 0)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        case ..<1_814_400: return count(seconds / 86_400, "day")
        case ..<7_776_000: return count(seconds / 604_800, "week")
        case ..<63_115_200: return count(seconds / 2_629_800, "month")
        default: return count(seconds / 31_557_600, "year")
        }
    }
}
