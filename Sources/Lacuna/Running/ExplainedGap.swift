import LacunaModel

/// Why units are missing, as far as evidence and journal tell. It decides nothing.
package struct GapCause: Sendable, Hashable {
    /// What kind of cause it is. Of several that hold for a unit the first one is told.
    package enum Kind: String, Sendable, CaseIterable {
        /// Its window failed, and was not committed since.
        case failing
        /// The stream's check finds its rows wrong.
        case checkFailed = "check_failed"
        /// Somebody declared it wrong.
        case marked
        /// It has rows, and `complete` asks for more.
        case thin
        /// It had rows, and changes that were recorded took them away.
        case hadRows = "had_rows"
        /// The source refused the last reconcile for its partition.
        case refused
        /// The last reconcile was left to a later one.
        case deferred
        /// It was fetched before. The answer did not prove that it is empty, or its rows went.
        case fetched
        /// No run has asked for it.
        case neverFetched = "never_fetched"
        /// The journal does not reach far enough.
        case unknown
    }

    /// What kind of cause it is.
    package var kind: Kind
    /// An error or a reason; empty: none.
    package var detail = ""
    /// When it failed, was marked or was fetched last, seconds since the epoch.
    package var at: Int64?
    /// In how many runs in a row it failed.
    package var tries: Int?
    /// From when on a run tries it again, seconds since the epoch.
    package var nextTry: Int64?
    /// The role that made the mark.
    package var markedBy: String?
}

/// Missing units that share a cause.
package struct ExplainedGap: Sendable, Hashable {
    /// The units.
    package var range: Range<Int64>
    /// Whether they have rows, and not all of them.
    package var isThin: Bool
    /// Why they are missing.
    package var cause: GapCause
    /// When the last row of them went, seconds since the epoch; nil if that is not known.
    package var hadRowsUntil: Int64?
    /// Since when it is known that they are missing, microseconds since the epoch; nil: only since now.
    package var firstSeen: Int64?
}

/// The missing units of a survey, each with its cause and its age.
package struct ExplainedGaps: Sendable {
    /// So many ranges of a stream are explained and kept. The oldest ones of each partition come first.
    package static let limit = 10_000

    /// Of each partition that was surveyed, ascending.
    package private(set) var partitions: [Partition: [ExplainedGap]] = [:]
    /// The missing units that are not listed, because there are too many ranges or because an id has no ordinal yet.
    package private(set) var unlisted: [Partition: UInt64] = [:]
    private var count = 0

    /// Explains what a survey found.
    ///
    /// - Parameter limit: how many ranges are listed.
    package init(_ survey: Survey, _ record: GapRecord, limit: Int = ExplainedGaps.limit) {
        let type = survey.definition.keyType
        for coverage in survey.partitions {
            let partition = coverage.partition
            let listed = ExplainedGaps.listed(coverage.gaps, of: type, limit: limit - count)
            var gaps = record.explain(listed, coverage, flagged: survey.flagged[partition], keyType: type)
            gaps.removeLast(max(0, gaps.count - (limit - count)))
            count += gaps.count
            partitions[partition] = gaps
            let listedCount = gaps.reduce(UInt64(0)) { $0.adding(saturating: $1.range.unitCount) }
            unlisted[partition] = coverage.gaps.count - listedCount
        }
    }

    /// What of the units can be listed: so many ranges, and of ids those that have an ordinal of their own.
    static func listed(_ gaps: UnitSet, of type: KeyType, limit: Int) -> UnitSet {
        guard !type.isOrdered else {
            return gaps.ranges.count <= limit ? gaps : UnitSet(Array(gaps.ranges.prefix(max(0, limit))))
        }
        // Each id is a range of its own.
        var listed: [Range<Int64>] = []
        var room = UInt64(max(0, limit))
        for range in gaps.intersection(Int64.min..<TextKeys.firstTemporary).ranges where room > 0 {
            let count = min(range.unitCount, room)
            listed.append(range.lowerBound..<range.lowerBound + Int64(count))
            room -= count
        }
        return UnitSet(listed)
    }

    /// What of a partition overlaps a range.
    package func overlapping(_ range: Range<Int64>, of partition: Partition) -> ArraySlice<ExplainedGap> {
        let gaps = partitions[partition] ?? []
        let first = gaps.partitioningIndex { $0.range.upperBound > range.lowerBound }
        let end = gaps[first...].partitioningIndex { $0.range.lowerBound >= range.upperBound }
        return gaps[first..<end]
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index from which on a condition holds, if it holds for all behind the first one that it holds for.
    func partitioningIndex(where holds: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
