import LacunaModel

extension GapRecord {
    /// Parts missing units of a partition by their causes. It asks neither a database nor a clock.
    ///
    /// - Parameters:
    ///   - gaps: units of the coverage's gaps.
    ///   - flagged: what the stream's check found wrong.
    /// - Returns: all of the units, ascending. Ids are listed one by one.
    func explain(
        _ gaps: UnitSet, _ coverage: PartitionCoverage, flagged: UnitSet?, keyType: KeyType
    ) -> [ExplainedGap] {
        let partition = coverage.partition
        var parts = GapParts(gaps)
        parts.take(failed[partition] ?? []) { window in
            GapCause(
                kind: .failing, detail: window.detail, at: window.at, tries: window.tries,
                nextTry: window.at + FailureWait.seconds(afterFailures: window.tries))
        }
        parts.take(flagged ?? UnitSet(), GapCause(kind: .checkFailed))
        parts.take(marked[partition] ?? []) { mark in
            GapCause(
                kind: .marked, detail: mark.detail, at: mark.at, markedBy: mark.by.isEmpty ? nil : mark.by)
        }
        parts.take(coverage.thin, GapCause(kind: .thin))
        let lost = lostUnits(of: partition)
        parts.take(lost.map { Window(range: $0.range, at: $0.until) }) { GapCause(kind: .hadRows, at: $0.at) }
        if let message = refused[partition] { parts.takeRest(GapCause(kind: .refused, detail: message)) }
        if let deferral { parts.takeRest(GapCause(kind: .deferred, detail: deferral)) }
        parts.take(committed[partition] ?? []) { GapCause(kind: .fetched, at: $0.at) }
        if isWhole { parts.takeRest(GapCause(kind: .neverFetched)) }
        // Nobody has asked for what was not there yet when the journal began.
        if let since, let unit = keyType.unit(at: since) {
            parts.take(UnitSet(unit.adding(saturating: 1)..<Int64.max), GapCause(kind: .neverFetched))
        }
        parts.takeRest(GapCause(kind: .unknown))

        var explained = parts.parts.flatMap { range, cause in
            split(range, thin: coverage.thin).map { ExplainedGap(range: $0.range, isThin: $0.isThin, cause: cause) }
        }
        explained.sort { $0.range.lowerBound < $1.range.lowerBound }
        explained = GapRecord.dated(explained, lost).joined()
        if !keyType.isOrdered {
            explained = explained.flatMap { gap in
                gap.range.map { unit in
                    var one = gap
                    one.range = unit..<unit + 1
                    return one
                }
            }
        }
        return aged(explained, by: known[partition] ?? [])
    }

    private func split(_ range: Range<Int64>, thin: UnitSet) -> [(range: Range<Int64>, isThin: Bool)] {
        let thin = thin.intersection(range)
        guard !thin.isEmpty else { return [(range, false)] }
        return thin.ranges.map { ($0, true) } + UnitSet(range).subtracting(thin).ranges.map { ($0, false) }
    }

    /// What lost its rows: the changes that are recorded say it anew, earlier surveys have kept it.
    private func lostUnits(of partition: Partition) -> [LostUnits] {
        let new = lost[partition] ?? []
        let newUnits = UnitSet(new.map(\.range))
        let kept = (known[partition] ?? []).flatMap { gap -> [LostUnits] in
            guard let until = gap.hadRowsUntil else { return [] }
            return UnitSet(gap.range).subtracting(newUnits).ranges.map { LostUnits(range: $0, until: until) }
        }
        return (new + kept).sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    /// Says of gaps when their last rows went.
    ///
    /// - Parameters:
    ///   - gaps: ascending.
    ///   - lost: ascending.
    private static func dated(_ gaps: [ExplainedGap], _ lost: [LostUnits]) -> [ExplainedGap] {
        guard !lost.isEmpty else { return gaps }
        var result: [ExplainedGap] = []
        var first = 0
        for gap in gaps {
            var rest = gap
            while first < lost.count, lost[first].range.upperBound <= gap.range.lowerBound { first += 1 }
            var index = first
            while index < lost.count, lost[index].range.lowerBound < gap.range.upperBound {
                let part = lost[index].range.clamped(to: rest.range)
                if part.lowerBound > rest.range.lowerBound {
                    var before = rest
                    before.range = rest.range.lowerBound..<part.lowerBound
                    result.append(before)
                }
                var dated = rest
                dated.range = part
                dated.hadRowsUntil = lost[index].until
                if !part.isEmpty { result.append(dated) }
                rest.range = part.upperBound..<rest.range.upperBound
                index += 1
            }
            if !rest.range.isEmpty { result.append(rest) }
        }
        return result
    }

    /// Gives gaps the age of what was known of their units: the oldest, if they came from several.
    ///
    /// - Parameters:
    ///   - gaps: ascending.
    ///   - known: ascending, and none overlapping another.
    private func aged(_ gaps: [ExplainedGap], by known: [ExplainedGap]) -> [ExplainedGap] {
        var first = 0
        return gaps.map { gap in
            var gap = gap
            while first < known.count, known[first].range.upperBound <= gap.range.lowerBound { first += 1 }
            var index = first
            while index < known.count, known[index].range.lowerBound < gap.range.upperBound {
                gap.firstSeen = [gap.firstSeen, known[index].firstSeen].compactMap(\.self).min()
                index += 1
            }
            return gap
        }
    }
}

/// Units that are parted: each is taken once.
private struct GapParts {
    private var rest: UnitSet
    private(set) var parts: [(range: Range<Int64>, cause: GapCause)] = []

    init(_ units: UnitSet) { rest = units }

    mutating func take(_ units: UnitSet, _ cause: GapCause) {
        let taken = rest.intersection(units)
        parts += taken.ranges.map { ($0, cause) }
        rest = rest.subtracting(taken)
    }

    mutating func takeRest(_ cause: GapCause) {
        parts += rest.ranges.map { ($0, cause) }
        rest = UnitSet()
    }

    /// Takes the units of windows, which come by their first unit. Of windows that overlap the first one has the units.
    mutating func take(_ windows: [GapRecord.Window], _ cause: (GapRecord.Window) -> GapCause) {
        var end = Int64.min
        var taken: [Range<Int64>] = []
        for window in windows where window.range.upperBound > end {
            let range = max(window.range.lowerBound, end)..<window.range.upperBound
            let units = rest.intersection(range)
            end = window.range.upperBound
            guard !units.isEmpty else { continue }
            let cause = cause(window)
            parts += units.ranges.map { ($0, cause) }
            taken += units.ranges
        }
        if !taken.isEmpty { rest = rest.subtracting(UnitSet(taken)) }
    }
}

extension [ExplainedGap] {
    /// Joins gaps that touch and are alike.
    fileprivate func joined() -> [ExplainedGap] {
        reduce(into: []) { result, gap in
            guard var last = result.last, last.range.upperBound == gap.range.lowerBound else {
                return result.append(gap)
            }
            last.range = last.range.lowerBound..<gap.range.upperBound
            var same = gap
            same.range = last.range
            if last == same { result[result.count - 1] = last } else { result.append(gap) }
        }
    }
}
