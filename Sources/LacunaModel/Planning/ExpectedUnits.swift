/// The calendar arithmetic of ``Expectation``: which units of a range are expected, and what bounds mean now.
extension StreamDefinition {
    /// The unit that a bound names at `now` (seconds since the epoch); nil for the tip, and for times on integer keys.
    package func unit(of bound: Expectation.Bound, now: Int64) -> Int64? {
        switch bound {
        case .unit(let unit): return unit
        case .tip: return nil
        case .now(let offset):
            guard let unit = keyType.unit(at: now) else { return nil }
            return moved(unit, by: offset)
        case .today(let offset):
            let midnight = keyType.timezone.localSeconds(at: now).floorDivided(by: 86_400)
            // The move is made on the day, so that `today - 1 month` is a calendar month for every key.
            let day = KeyType.date(timezone: keyType.timezone)
            let date = CivilDate(
                daysSinceEpoch: offset.isPast
                    ? day.ordinal(midnight, minus: offset.length)
                    : day.ordinal(midnight, plus: offset.length))
            return keyType.firstUnit(on: date)
        }
    }

    private func moved(_ unit: Int64, by offset: Expectation.Offset) -> Int64 {
        offset.isPast ? keyType.ordinal(unit, minus: offset.length) : keyType.ordinal(unit, plus: offset.length)
    }

    /// The end (exclusive) of a stream that looks ahead, as fixtures do: it names a last unit that lies in the future, and no
    /// `delay` keeps it from asking. What the source says of units that are not over may change until they are, so that they
    /// are asked for on every run and none of them is ever missing. Nil if the stream does not look ahead.
    ///
    /// - Parameter now: seconds since the epoch.
    package func lookAheadEnd(now: Int64) -> Int64? {
        guard expect.delay == nil, let last = unit(of: expect.to, now: now), let current = keyType.unit(at: now),
            last > current
        else { return nil }
        return min(last, keyType.limits.upperBound - 1) + 1
    }

    /// The end (exclusive) of the units that are due: without a `delay` those that have begun, with one those that ended at
    /// least so long ago. Of a stream that looks ahead, those that are over.
    ///
    /// - Parameters:
    ///   - now: seconds since the epoch.
    ///   - newest: the newest unit known, which `delay` counts from on integer keys.
    package func dueEnd(now: Int64, newest: Int64?) -> Int64 {
        let limit = keyType.limits.upperBound
        guard let current = keyType.unit(at: now) else {
            guard let newest, let delay = expect.delay else { return limit }
            return min(limit, keyType.ordinal(newest, minus: delay).adding(saturating: 1))
        }
        guard let delay = expect.delay else {
            if expect.to == .tip { return min(limit, current.adding(saturating: 1)) }
            return lookAheadEnd(now: now) == nil ? limit : min(limit, current)
        }
        if case .seconds(let seconds) = delay { return min(limit, keyType.unit(at: now - seconds) ?? current) }
        return min(limit, keyType.ordinal(current, minus: delay))
    }

    /// The end (exclusive) of the units that an empty answer proves something about: due, and over.
    package func attestableEnd(now: Int64, newest: Int64?) -> Int64 {
        min(dueEnd(now: now, newest: newest), keyType.unit(at: now) ?? .max)
    }

    /// The units of `range` that are expected in a partition by the calendar.
    package func calendarUnits(in range: Range<Int64>, partition: Partition) -> UnitSet {
        guard !range.isEmpty else { return UnitSet() }
        switch expect.calendar {
        case .everyDay: return UnitSet(range)
        case .weekdays(let days):
            return unitsOnDays(in: range) { days.contains($0.weekday) }
        case .seasons(let seasons):
            let own = seasons.seasons(of: partition)
            guard !own.isEmpty else { return UnitSet(range) }
            return unitsInSeasons(own, range: range)
        }
    }

    private func unitsOnDays(in range: Range<Int64>, where isExpected: (CivilDate) -> Bool) -> UnitSet {
        guard let first = keyType.localStart(of: range.lowerBound)?.date.daysSinceEpoch,
            let last = keyType.localStart(of: range.upperBound - 1)?.date.daysSinceEpoch
        else { return UnitSet(range) }
        var ranges: [Range<Int64>] = []
        var day = first
        while day <= last {
            guard isExpected(CivilDate(daysSinceEpoch: day)) else {
                day += 1
                continue
            }
            var end = day + 1
            while end <= last, isExpected(CivilDate(daysSinceEpoch: end)) { end += 1 }
            ranges.append(contentsOf: units(fromDay: day, toDay: end))
            day = end
        }
        return UnitSet(ranges).intersection(range)
    }

    private func unitsInSeasons(_ seasons: [Season], range: Range<Int64>) -> UnitSet {
        guard let first = keyType.localStart(of: range.lowerBound)?.date.year,
            let last = keyType.localStart(of: range.upperBound - 1)?.date.year
        else { return UnitSet(range) }
        var ranges: [Range<Int64>] = []
        for year in max(first - 1, 1)...last {
            for season in seasons {
                let endYear = season.last < season.first ? year + 1 : year
                let start = Season.date(season.first, year: year, isEnd: false)
                let end = Season.date(season.last, year: endYear, isEnd: true)
                ranges.append(contentsOf: units(fromDay: start, toDay: end + 1))
            }
        }
        return UnitSet(ranges).intersection(range)
    }

    private func units(fromDay first: Int64, toDay end: Int64) -> [Range<Int64>] {
        guard let lower = keyType.firstUnit(on: CivilDate(daysSinceEpoch: first)),
            let upper = keyType.firstUnit(on: CivilDate(daysSinceEpoch: end)), lower < upper
        else { return [] }
        return [lower..<upper]
    }
}

extension Season {
    /// The day in a year, as days since the epoch. In a year without the 29th of February a season that begins then
    /// begins on the 1st of March, and one that ends then ends on the 28th of February.
    fileprivate static func date(_ day: Day, year: Int, isEnd: Bool) -> Int64 {
        if let date = CivilDate(year: year, month: day.month, day: day.day) { return date.daysSinceEpoch }
        let march = CivilDate(year: min(year, 9999), month: 3, day: 1)?.daysSinceEpoch ?? 0
        return isEnd ? march - 1 : march
    }
}
