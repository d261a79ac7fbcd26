/// What is known of one partition in one snapshot: the input of the algebra.
package struct PartitionEvidence: Sendable, Hashable {
    /// The partition.
    package var partition: Partition
    /// The units that have rows.
    package var present: PresentUnits
    /// The extents, if something was committed.
    package var extents: Extents?
    /// Units that are verified empty.
    package var verified: UnitSet
    /// Units that were answered with nothing a short while ago, when the source had shown nothing newer.
    package var provisional: UnitSet
    /// Units that were declared wrong, or that a check found wrong.
    package var refetch: UnitSet
    /// Units that a person declared missing for good, as long as that holds.
    package var accepted: [AcceptedRange] = []
    /// The units that have rows and are not complete.
    package var thin = ThinUnits()
    /// The units whose answer was as thin before.
    package var settled: [SettledRange] = []
    /// The only expected units, if a query names them.
    package var expected: UnitSet?
    /// Gaps of one look that a second one did not confirm: they are none.
    package var unconfirmed = UnitSet()
    /// Whether a row has the key 2^63−1: it is no unit, but every unit before it lies inside the history.
    package var hasLargestKey: Bool

    /// Evidence.
    package init(
        partition: Partition, present: PresentUnits, extents: Extents? = nil,
        verified: UnitSet = UnitSet(), provisional: UnitSet = UnitSet(), refetch: UnitSet = UnitSet(),
        expected: UnitSet? = nil, hasLargestKey: Bool = false
    ) {
        self.partition = partition
        self.present = present
        self.extents = extents
        self.verified = verified
        self.provisional = provisional
        self.refetch = refetch
        self.expected = expected
        self.hasLargestKey = hasLargestKey
    }

    /// The accepted units, whether they have rows or not.
    package var acceptedUnits: UnitSet { UnitSet(accepted.map(\.range)) }

    /// The accepted units that have no rows, or not all of them.
    package var acceptedIncomplete: UnitSet {
        let units = acceptedUnits
        return units.hull.map { units.intersection(present.missing(in: $0).union(thin.units)) } ?? units
    }

    /// The accepted units that have got their rows: the declaration has ended.
    package var acceptedComplete: UnitSet { acceptedUnits.subtracting(acceptedIncomplete) }

    /// The smallest unit known, by extents or rows.
    fileprivate var oldest: Int64? {
        let first = present.hull.isEmpty ? nil : present.hull.lowerBound
        return [first, extents?.oldest, hasLargestKey ? .max : nil].compactMap(\.self).min()
    }

    /// The largest unit known, by extents or rows.
    fileprivate var latest: Int64? {
        let last = present.hull.isEmpty ? nil : present.hull.upperBound - 1
        return [last, extents?.latest, hasLargestKey ? .max : nil].compactMap(\.self).max()
    }
}

/// What a partition lacks: `gaps = expected − ((complete ∪ verified ∪ settled ∪ accepted) − refetch) − provisional`.
public struct PartitionCoverage: Sendable, Hashable {
    /// What it was computed from.
    package let evidence: PartitionEvidence
    /// Whether the units have an order, so that there can be extents and a tail.
    private let hasOrder: Bool
    /// From where to where history is expected: its first unit up to `latest`, or up to the end where nothing is there yet.
    public let range: Range<Int64>
    /// The expected units of ``range``; nil if that is all of them.
    private let fewerExpected: UnitSet?
    /// The expected units of ``range`` that are not covered: they have no row, or they are thin, or they were declared wrong.
    public let gaps: UnitSet
    /// Those of ``gaps`` that have rows and are not complete.
    public let thin: UnitSet
    /// The expected units of ``range`` that are not complete, and covered because the source has no more of them.
    public let settled: UnitSet
    /// The expected units that were answered with nothing, and wait for a newer record or for another look: neither gaps nor
    /// covered. Beyond ``range`` too.
    public let provisional: UnitSet
    /// The expected units beyond ``range`` and `latest` that are due or lie ahead; nil if only the source knows where they
    /// end.
    public let tail: UnitSet?
    /// The expected units that are not over yet, if the stream names an end in the future: up to `latest`, or up to that
    /// end where nothing is there yet. They are asked for on every run and are no gaps.
    package let ahead: UnitSet

    /// The partition.
    public var partition: Partition { evidence.partition }

    /// The smallest unit known, by extents or rows; nil if there is nothing yet.
    public var oldest: Int64? { hasOrder ? evidence.oldest : nil }

    /// The largest unit known, by extents or rows; nil if there is nothing yet.
    public var latest: Int64? { hasOrder ? evidence.latest : nil }

    /// The expected units of ``range``.
    public var expected: UnitSet { fewerExpected ?? UnitSet(range) }

    /// Units that are verified empty, inside ``range``; of ids those that are expected.
    public var verified: UnitSet { insideRange(evidence.verified) }

    /// Units inside ``range`` that were declared wrong; of ids those that are expected.
    public var refetch: UnitSet { insideRange(evidence.refetch) }

    /// The expected units of ``range`` that are covered by nothing but a person's word.
    public var accepted: UnitSet {
        insideRange(evidence.acceptedIncomplete).intersection(expected).subtracting(evidence.verified)
            .subtracting(evidence.refetch)
    }

    /// What of ``accepted`` stands under each declaration, by unit.
    public var acceptedRanges: [AcceptedRange] {
        let units = accepted
        return evidence.accepted.flatMap { declared in
            units.intersection(declared.range).ranges.map {
                AcceptedRange(range: $0, reason: declared.reason, end: declared.end)
            }
        }
    }

    /// The expected units of ``range`` and ``tail`` without rows, or without all of them: what may be declared missing for good.
    package var acceptable: UnitSet {
        let behind = (tail ?? UnitSet()).union(provisional)
        let units = gaps.union(expected.subtracting(evidence.verified).intersection(evidence.acceptedUnits)).union(
            behind)
        guard let hull = units.hull else { return units }
        return units.intersection(evidence.present.missing(in: hull).union(thin))
    }

    private func insideRange(_ units: UnitSet) -> UnitSet {
        hasOrder ? units.intersection(range) : units.intersection(expected)
    }

    /// Whether nothing was ever committed or inserted. Of ids there is no such state: each is there or is not.
    public var isNew: Bool { hasOrder && latest == nil }

    /// The number of expected units that are covered.
    public var coveredCount: UInt64 { expected.count - gaps.count - provisional.intersection(range).count }

    /// The longest run without a gap that ends at `latest`; nil if there is none.
    public var contiguous: Range<Int64>? {
        guard let latest, !range.isEmpty else { return nil }
        let open = [gaps.ranges.last?.upperBound, provisional.intersection(range).ranges.last?.upperBound]
        let lower = open.compactMap(\.self).max() ?? range.lowerBound
        let upper = max(range.upperBound, lower)
        return lower < upper && lower <= latest ? lower..<upper : nil
    }

    /// The last unit that nothing is missing up to: of all expected units from the first one to it each is covered. Nil if the
    /// first one is missing, or if nothing is there yet.
    public var completeThrough: Int64? {
        guard latest != nil else { return nil }
        let open = [gaps.ranges.first?.lowerBound, provisional.intersection(range).ranges.first?.lowerBound]
        let end = open.compactMap(\.self).min() ?? range.upperBound
        return end > range.lowerBound ? end - 1 : nil
    }

    /// Computes a partition's coverage.
    ///
    /// - Parameters:
    ///   - evidence: what the snapshot shows.
    ///   - stream: what is expected.
    ///   - now: the database's clock, seconds since the epoch.
    ///   - tip: the newest unit of the source, if it was asked.
    ///   - endsAtBound: whether the units between `latest` and a declared `to` count as missing too, and those that are not due
    ///     yet, as for a table that nobody catches up.
    package init(
        _ evidence: PartitionEvidence, of stream: StreamDefinition, now: Int64, tip: Int64? = nil,
        endsAtBound: Bool = false
    ) {
        self.evidence = evidence
        hasOrder = stream.keyType.isOrdered
        guard hasOrder else {
            // Of a set of ids there is no newest one and no tail, and the query says what is expected.
            let expected = evidence.expected ?? UnitSet()
            fewerExpected = expected
            range = expected.hull ?? 0..<0
            gaps = evidence.present.missing(in: range).subtracting(evidence.verified)
                .subtracting(evidence.acceptedUnits).union(evidence.refetch).intersection(expected)
                .subtracting(evidence.unconfirmed)
            (tail, ahead, provisional) = (UnitSet(), UnitSet(), UnitSet())
            (thin, settled) = (UnitSet(), UnitSet())
            return
        }
        let limits = stream.keyType.limits
        let (oldest, latest) = (evidence.oldest, evidence.latest)
        let newest = [latest, tip].compactMap(\.self).max()
        let declaredEnd = stream.unit(of: stream.expect.to, now: now).map { $0.adding(saturating: 1) }
        let due = endsAtBound ? limits.upperBound : stream.dueEnd(now: now, newest: newest)
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
        let expected = expectedUnits(range)
        fewerExpected = expected == UnitSet(range) ? nil : expected
        // Once a newer record has been seen, the source is asked again.
        let accepted = evidence.acceptedUnits.subtracting(evidence.refetch)
        let newestRow = evidence.present.hull.isEmpty ? nil : evidence.present.hull.upperBound - 1
        let waiting = evidence.provisional.intersection((newestRow ?? limits.lowerBound)..<limits.upperBound)
            .subtracting(evidence.refetch).subtracting(accepted)
        // A unit that is not over yet may well lack rows.
        let over = first..<max(first, min(last, stream.attestableEnd(now: now, newest: newest)))
        let incomplete = evidence.thin.units.intersection(over).intersection(expected).subtracting(accepted)
        settled = evidence.thin.settled(by: evidence.settled, now: now).intersection(incomplete)
            .subtracting(evidence.refetch)
        thin = incomplete.subtracting(settled).subtracting(evidence.unconfirmed)
        gaps = evidence.present.missing(in: range).subtracting(evidence.verified).subtracting(accepted)
            .union(evidence.refetch.intersection(range)).intersection(expected).subtracting(waiting).union(thin)
            .subtracting(evidence.unconfirmed)
        let afterLatest = latest?.adding(saturating: 1)
        tail = (aheadEnd ?? end).map { end in
            guard let afterLatest, max(last, afterLatest) < end else { return UnitSet() }
            return expectedUnits(max(last, afterLatest)..<min(end, limits.upperBound)).subtracting(waiting)
                .subtracting(accepted)
        }
        ahead =
            aheadEnd.map { aheadEnd in
                let end = min(aheadEnd, afterLatest ?? aheadEnd)
                return lower != nil && last < end ? expectedUnits(last..<end) : UnitSet()
            } ?? UnitSet()
        provisional =
            waiting.hull.map { expectedUnits($0.clamped(to: first..<limits.upperBound)) }?
            .intersection(waiting).intersection(evidence.present.missing(in: first..<limits.upperBound))
            .subtracting(evidence.verified) ?? UnitSet()
    }
}
