import LacunaModel
import LacunaRecords

extension Survey {
    /// The units beyond the newest one that are due and over, of all partitions; nil if only the source knows whether there
    /// are any.
    var behindCount: UInt64? {
        var count: UInt64 = 0
        for coverage in partitions where !coverage.isNew {
            guard let behind = behindCount(of: coverage) else { return nil }
            count += behind
        }
        return count
    }

    /// The units beyond the newest one of a partition that are due and over; nil if only the source knows whether there are
    /// any.
    public func behindCount(of coverage: PartitionCoverage) -> UInt64? {
        guard let tail = coverage.tail else { return nil }
        guard let hull = tail.hull else { return 0 }
        let due = stream.definition.attestableEnd(now: now, newest: hull.upperBound - 1)
        return hull.lowerBound < due ? tail.intersection(hull.lowerBound..<due).count : 0
    }

    /// Whether a run has a reason to ask for some of these units now.
    package func wants(_ window: Range<Int64>, of partition: Partition) -> Bool {
        guard let coverage = partitions.first(where: { $0.partition == partition }) else { return false }
        // Only the source knows what else a run would ask for.
        if coverage.isNew { return true }
        if coverage.tail == nil, window.upperBound > coverage.range.upperBound { return true }
        let planner = RunPlanner(survey: self, options: RunOptions(), earlier: [])
        return [coverage.gaps, coverage.ahead, coverage.tail ?? UnitSet(), planner.lookback(coverage)]
            .contains { !$0.intersection(window).isEmpty }
    }
}
