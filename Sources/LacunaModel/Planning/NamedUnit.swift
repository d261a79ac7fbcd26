extension StreamDefinition {
    /// The unit that a person names: a key, or a time like `today`, `today-30d`, `now-6h`.
    ///
    /// - Parameters:
    ///   - text: what was typed.
    ///   - now: seconds since the epoch.
    /// - Throws: ``KeyError`` if it is neither.
    public func unit(named text: String, now: Int64) throws(KeyError) -> Int64 {
        try unit(named: text, isLast: false, now: now)
    }

    /// The unit that `text` names as the last one of a range: of a date without a time, or of `today`, the last unit of that day.
    ///
    /// - Throws: as ``unit(named:now:)``.
    package func lastUnit(named text: String, now: Int64) throws(KeyError) -> Int64 {
        try unit(named: text, isLast: true, now: now)
    }

    private func unit(named text: String, isLast: Bool, now: Int64) throws(KeyError) -> Int64 {
        let compact = text.filter { !$0.isWhitespace }
        for (name, makeBound) in [("today", Expectation.Bound.today), ("now", Expectation.Bound.now)]
        where compact.hasPrefix(name) {
            let rest = compact.dropFirst(name.count)
            let offset: Expectation.Offset?
            switch rest.first {
            case nil: offset = Expectation.Offset()
            case "-", "+": offset = HistoryLength(String(rest.dropFirst())).map { .init($0, isPast: rest.first == "-") }
            default: offset = nil
            }
            guard let offset, let unit = unit(of: makeBound(offset), now: now) else {
                throw KeyError(text: text, expected: "\(keyType.example), or \(name)-30d on dates and times")
            }
            guard isLast, name == "today", case .timestamp = keyType, let day = keyType.localStart(of: unit)?.date,
                let next = keyType.firstUnit(on: CivilDate(daysSinceEpoch: day.daysSinceEpoch + 1))
            else { return unit }
            return max(next - 1, unit)
        }
        return try isLast ? keyType.lastOrdinal(of: text) : keyType.ordinal(of: text)
    }
}
