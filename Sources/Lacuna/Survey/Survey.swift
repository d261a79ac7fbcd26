import LacunaModel
import LacunaRecords

/// What one snapshot of the database says of a stream.
public struct Survey: Sendable {
    /// The stream and its table.
    package let stream: ResolvedStream
    /// The database's clock, seconds since the epoch.
    public let now: Int64
    /// Every partition, ordered.
    public let partitions: [PartitionCoverage]
    /// Units that the stream's check found wrong, by partition.
    public let flagged: [Partition: UnitSet]
    /// How the table was scanned.
    package let scan: ScanAccount
    /// When it was made by the server's clock, as SQL reads it.
    package var asOf = ""
    /// What lost its rows since changes were summed up, if they are tracked.
    package var lost: [Partition: [LostUnits]] = [:]
    /// Whether the table has rows that belong to no partition, because a partition column is NULL. Such rows are looked for
    /// only in a table that is no stream.
    public internal(set) var leavesRows = false

    /// The stream's declaration.
    public var definition: StreamDefinition { stream.definition }

    /// The partition's coverage; it is looked for from the first one on.
    public func coverage(of partition: Partition) -> PartitionCoverage? {
        partitions.first { $0.partition == partition }
    }

    /// The number of units missing, over all partitions.
    public var missingCount: UInt64 {
        partitions.reduce(0) { $0.adding(saturating: $1.gaps.count) }
    }

    /// The number of units that were answered with nothing and are neither gaps nor covered yet, over all partitions.
    public var provisionalCount: UInt64 {
        partitions.reduce(0) { $0.adding(saturating: $1.provisional.count) }
    }

    /// The number of expected units that a person declared missing for good, over all partitions.
    public var acceptedCount: UInt64 {
        partitions.reduce(0) { $0.adding(saturating: $1.accepted.count) }
    }

    /// The number of missing units that have rows and are not complete, over all partitions.
    public var thinCount: UInt64 {
        partitions.reduce(0) { $0.adding(saturating: $1.thin.count) }
    }

    /// The number of units that are not complete, and covered because the source has no more of them, over all partitions.
    public var settledCount: UInt64 {
        partitions.reduce(0) { $0.adding(saturating: $1.settled.count) }
    }

    /// The same snapshot, in which accepted units are gaps.
    public var strict: Survey {
        with { coverage in
            guard !coverage.evidence.accepted.isEmpty else { return coverage }
            var evidence = coverage.evidence
            evidence.accepted = []
            return PartitionCoverage(evidence, of: definition, now: now)
        }
    }

    /// The same snapshot, with its partitions seen in another way.
    private func with(_ seen: (PartitionCoverage) -> PartitionCoverage) -> Survey {
        var survey = Survey(stream: stream, now: now, partitions: partitions.map(seen), flagged: flagged, scan: scan)
        (survey.asOf, survey.lost, survey.leavesRows) = (asOf, lost, leavesRows)
        return survey
    }

    /// The number of units of a range that are missing, over all partitions.
    func missingCount(in range: Range<Int64>) -> UInt64 {
        partitions.reduce(0) { $0.adding(saturating: $1.gaps.count(in: range)) }
    }

    /// The same snapshot, seen with the tips of its partitions known.
    package func with(tips: [Partition: Int64]) -> Survey {
        guard !tips.isEmpty else { return self }
        return with { coverage in
            guard let tip = tips[coverage.partition] else { return coverage }
            return PartitionCoverage(coverage.evidence, of: stream.definition, now: now, tip: tip)
        }
    }

    /// The same snapshot, with no tip known.
    package var withoutTips: Survey {
        with { PartitionCoverage($0.evidence, of: definition, now: now) }
    }
}
