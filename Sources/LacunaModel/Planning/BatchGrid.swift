/// The grid that batches are cut on. Its lines never move, so that two runs cut the same windows.
///
/// Numbers of units count from ordinal 0; days from a Monday, so that `7d` is a calendar week; months are calendar months
/// in the stream's zone, counted from January of year 0.
package struct BatchGrid: Sendable, Hashable {
    private let type: KeyType
    private let unitsPerCell: Int64
    private let origin: Int64
    private let months: Int?

    /// The grid of a key type and a batch size. A size of zero counts as one unit.
    package init(type: KeyType, batch: HistoryLength) {
        self.type = type
        let monday: Int64 = 4  // 1970-01-05
        switch (type, batch) {
        case (.date, .months(let count)), (.timestamp, .months(let count)):
            months = max(count, 1)
            unitsPerCell = 1
            origin = 0
        case (.timestamp(let step, _), .days(let count)):
            months = nil
            unitsPerCell = max((count.multiplied(by: 86_400) ?? .max) / step, 1)
            origin = count % 7 == 0 ? monday * 86_400 / step : 0
        case (.timestamp(let step, _), .seconds(let count)):
            months = nil
            unitsPerCell = max(count / step, 1)
            origin = 0
        case (.date, .seconds(let count)):
            months = nil
            unitsPerCell = max(count / 86_400, 1)
            origin = 0
        case (_, .days(let count)), (_, .units(let count)), (_, .seconds(let count)):
            months = nil
            unitsPerCell = max(count, 1)
            if case .date = type, count % 7 == 0 { origin = monday } else { origin = 0 }
        case (.integer, .months(let count)), (.text, .months(let count)):
            months = nil
            unitsPerCell = max(Int64(count), 1)
            origin = 0
        }
    }

    /// The cell that holds a unit, inside the type's limits.
    package func cell(of unit: Int64) -> Range<Int64> {
        let limits = type.limits
        if let months, let date = type.localStart(of: unit)?.date {
            let index = (date.year * 12 + date.month - 1) / months * months
            let lower = firstUnit(ofMonth: index)
            let upper = firstUnit(ofMonth: index + months)
            return max(lower, limits.lowerBound)..<min(max(upper, unit + 1), limits.upperBound)
        }
        let offset = unit.subtracting(saturating: origin)
        let index = offset.floorDivided(by: unitsPerCell)
        // The first cell begins below the smallest ordinal, and the last ends above the largest.
        let lower = (index.multiplied(by: unitsPerCell) ?? .min).adding(saturating: origin)
        let upper = ((index + 1).multiplied(by: unitsPerCell) ?? .max).adding(saturating: origin)
        return max(lower, limits.lowerBound)..<min(upper, limits.upperBound)
    }

    /// The windows of a range, cut at the grid's lines.
    ///
    /// - Parameters:
    ///   - order: which end comes first.
    ///   - limit: at most so many; the range may hold more.
    package func windows(of range: Range<Int64>, order: FetchOrder = .oldest, limit: Int = .max) -> [Range<Int64>] {
        var windows: [Range<Int64>] = []
        var rest = range
        while !rest.isEmpty, windows.count < limit {
            switch order {
            case .oldest:
                let upper = min(max(cell(of: rest.lowerBound).upperBound, rest.lowerBound + 1), rest.upperBound)
                windows.append(rest.lowerBound..<upper)
                rest = upper..<rest.upperBound
            case .newest:
                let lower = max(min(cell(of: rest.upperBound - 1).lowerBound, rest.upperBound - 1), rest.lowerBound)
                windows.append(lower..<rest.upperBound)
                rest = rest.lowerBound..<lower
            }
        }
        return windows
    }

    /// The units of a set cell by cell, without the cells that hold none.
    ///
    /// - Parameter limit: at most so many.
    func groups(of units: UnitSet, limit: Int) -> [UnitSet] {
        var groups: [UnitSet] = []
        var current: (cell: Range<Int64>, ranges: [Range<Int64>])?
        for range in units.ranges {
            for window in windows(of: range, limit: limit) {
                if let cell = current?.cell, cell.contains(window.lowerBound) {
                    current?.ranges.append(window)
                    continue
                }
                if let current { groups.append(UnitSet(current.ranges)) }
                guard groups.count < limit else { return groups }
                current = (cell(of: window.lowerBound), [window])
            }
        }
        if let current { groups.append(UnitSet(current.ranges)) }
        return groups
    }

    private func firstUnit(ofMonth index: Int) -> Int64 {
        guard let date = CivilDate(year: index / 12, month: index % 12 + 1, day: 1) else {
            return index <= 12 ? type.limits.lowerBound : type.limits.upperBound
        }
        return type.firstUnit(on: date) ?? 0
    }
}
