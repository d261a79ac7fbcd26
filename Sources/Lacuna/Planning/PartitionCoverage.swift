/// What is known of one partition in one snapshot: the input of the algebra.
public struct PartitionEvidence: Sendable, Hashable {
    /// The lane.
    public var partition: Partition
    /// The range of units that was scanned.
    public var scanned: Range<Int64>
    /// The units without a row, inside ``scanned``.
    public var missing: UnitSet
    /// The extents, where something was committed.
    public var extents: Extents?
    /// Units that are verified empty.
    public var verified: UnitSet
    /// Units that were declared wrong, or that a check found wrong.
    public var refetch: UnitSet
    /// The only expected units, where a query names them.
    public var expected: UnitSet?
    /// Whether a row has the key 2^63−1: it is no unit, but every unit before it lies inside the history.
    public var hasLargestKey: Bool

    /// Evidence.
    public init(
        partition: Partition, scanned: Range<Int64>, missing: UnitSet, extents: Extents? = nil,
        verified: UnitSet = UnitSet(), refetch: UnitSet = UnitSet(), expected: UnitSet? = nil,
        hasLargestKey: Bool = false
    ) {
        self.partition = partition
        self.scanned = scanned
        self.missing = missing
        self.extents = extents
        self.verified = verified
        self.refetch = refetch
        self.expected = expected
        self.hasLargestKey = hasLargestKey
    }

    /// The hull of the units that have rows; nil where none has.
    public var presentHull: Range<Int64>? {
        guard let first = missing.ranges.first, let last = missing.ranges.last else {
            return scanned.isEmpty ? nil : scanned
        }
        let lower = first.lowerBound <= scanned.lowerBound ? first.upperBound : scanned.lowerBound
        let upper = last.upperBound >= scanned.upperBound ? last.lowerBound : scanned.upperBound
        return lower < upper ? lower..<upper : nil
    }
}

/// What a partition lacks: `gaps = expected − ((present ∪ verified) − refetch)`.
public struct PartitionCoverage: Sendable, Hashable {
    /// The lane.
    public let partition: Partition
    /// The smallest unit known, by extents or rows; nil where there is nothing yet.
    public let oldest: Int64?
    /// The largest unit known, by extents or rows; nil where there is nothing yet.
    public let latest: Int64?
    /// From where to where history is expected: its first unit up to `latest`, or up to the end where nothing is there yet.
    public let range: Range<Int64>
    /// The expected units of ``range``.
    public let expected: UnitSet
    /// The expected units of ``range`` that are not covered.
    public let gaps: UnitSet
    /// The expected units beyond ``range`` and `latest` that are due or lie ahead; nil where only the source knows where they
    /// end.
    public let tail: UnitSet?
    /// The expected units that are not over yet, where the stream names an end in the future: up to `latest`, or up to that
    /// end where nothing is there yet. They are asked for on every run and are no gaps.
    public let ahead: UnitSet
    /// Units that are verified empty, inside ``range``.
    public let verified: UnitSet
    /// Units inside ``range`` that were declared wrong.
    public let refetch: UnitSet

    /// Whether the units have an order, so that there can be extents and a tail.
    private let hasOrder: Bool

    /// Whether nothing was ever committed or inserted. Of ids there is no such state: each is there or is not.
    public var isNew: Bool { hasOrder && latest == nil }

    /// The number of expected units that are covered.
    public var coveredCount: UInt64 { expected.count - gaps.count }

    /// The longest run without a gap that ends at `latest`; nil where there is none.
    public var contiguous: Range<Int64>? {
        guard let latest, !range.isEmpty else { return nil }
        let lower = gaps.ranges.last?.upperBound ?? range.lowerBound
        let upper = max(range.upperBound, lower)
        return lower < upper && lower <= latest ? lower..<upper : nil
    }

    /// Computes a partition's coverage.
    ///
    /// - Parameters:
    ///   - evidence: what the snapshot shows.
    ///   - stream: what is expected.
    ///   - now: the database's clock, seconds since the epoch.
    ///   - tip: the newest unit of the source, where it was asked.
    ///   - endsAtBound: whether the units between `latest` and a declared `to` count as missing too, as for a table that
    ///     nobody catches up.
    public init(
        _ evidence: PartitionEvidence, of stream: StreamDefinition, now: Int64, tip: Int64? = nil,
        endsAtBound: Bool = false
    ) {
        hasOrder = stream.keyType.isOrdered
        guard hasOrder else {
            // Of a set of ids there is no newest one and no tail, and the query says what is expected.
            partition = evidence.partition
            expected = evidence.expected ?? UnitSet()
            range = expected.hull ?? 0..<0
            (oldest, latest) = (nil, nil)
            verified = evidence.verified.intersection(expected)
            refetch = evidence.refetch.intersection(expected)
            gaps = evidence.missing.subtracting(evidence.verified).union(evidence.refetch).intersection(expected)
            (tail, ahead) = (UnitSet(), UnitSet())
            return
        }
        let limits = stream.keyType.limits
        let hull = evidence.presentHull
        partition = evidence.partition
        let beyond: Int64? = evidence.hasLargestKey ? .max : nil
        oldest = [hull?.lowerBound, evidence.extents?.oldest, beyond].compactMap(\.self).min()
        latest = [hull.map { $0.upperBound - 1 }, evidence.extents?.latest, beyond].compactMap(\.self).max()

        let newest = [latest, tip].compactMap(\.self).max()
        let declaredEnd = stream.unit(of: stream.expect.to, now: now).map { $0.adding(saturating: 1) }
        let due = stream.dueEnd(now: now, newest: newest)
        let aheadEnd = stream.lookAheadEnd(now: now)
        let end: Int64? =
            switch stream.expect.to {
            case .tip: tip.map { min($0.adding(saturating: 1), due) }
            default: declaredEnd.map { min($0, due) }
            }

        let begin = [oldest, evidence.expected?.hull?.lowerBound].compactMap(\.self).min()
        let lower = stream.expect.from.flatMap { stream.unit(of: $0, now: now) } ?? begin
        let historyEnd: Int64
        if endsAtBound, let declaredEnd {
            historyEnd = declaredEnd
        } else if let latest {
            // Nothing beyond `latest` is a gap; and what is not due yet is none either.
            historyEnd = min(latest.adding(saturating: 1), declaredEnd ?? limits.upperBound, due)
        } else {
            historyEnd = lower == nil ? 0 : end ?? lower ?? 0
        }
        let first = min(max(lower ?? 0, limits.lowerBound), limits.upperBound)
        let last = min(max(historyEnd, first), limits.upperBound)
        range = first..<last

        let expectedUnits = { (range: Range<Int64>) -> UnitSet in
            let calendar = stream.calendarUnits(in: range, partition: evidence.partition)
            return evidence.expected.map(calendar.intersection) ?? calendar
        }
        expected = expectedUnits(first..<last)
        verified = evidence.verified.intersection(range)
        let wrong = evidence.refetch.intersection(first..<last)
        refetch = wrong
        gaps = evidence.missing.intersection(first..<last).subtracting(evidence.verified).union(wrong)
            .intersection(expected)
        let afterLatest = latest?.adding(saturating: 1)
        tail = (aheadEnd ?? end).map { end in
            guard let afterLatest, max(last, afterLatest) < end else { return UnitSet() }
            return expectedUnits(max(last, afterLatest)..<min(end, limits.upperBound))
        }
        ahead =
            aheadEnd.map { aheadEnd in
                let end = min(aheadEnd, afterLatest ?? aheadEnd)
                return lower != nil && last < end ? expectedUnits(last..<end) : UnitSet()
            } ?? UnitSet()
    }
}
