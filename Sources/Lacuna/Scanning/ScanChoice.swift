/// Which way to scan a table, from what is known of it. Pure.
struct ScanChoice: Sendable {
    /// A way, and why.
    struct Decision: Sendable, Hashable {
        let strategy: ScanStrategy
        let reason: String
    }

    /// Below this the window scan takes milliseconds, whatever the table's shape.
    static let smallTable = 50_000.0
    /// Rows that a window scan reads in the time of one look into the index for a unit.
    static let rowsPerProbe = 40.0
    /// The same for one hop from a unit to the next.
    static let rowsPerHop = 200.0

    let statistics: ScanStatistics
    /// Whether no two rows of a partition have the same unit.
    let unitsAreUnique: Bool
    private let hasExactBounds: Bool
    private let lanes: Double?
    private let readsLanes: Bool

    init(_ statistics: ScanStatistics, key: KeyExpression, partitionCount: Double?, hasPartitions: Bool) {
        self.statistics = statistics
        unitsAreUnique = statistics.isPlain && statistics.isUnique && key.isOneKeyPerUnit
        hasExactBounds = key.hasExactBounds
        lanes = hasPartitions ? partitionCount ?? statistics.lanes : 1
        readsLanes = hasPartitions && partitionCount == nil
    }

    /// Why a way does not give the right answer on this table; nil where it does.
    func problem(with strategy: ScanStrategy) -> String? {
        if strategy == .window { return nil }
        if readsLanes, !statistics.hasPlainLanes {
            return "a partition column is not of type text, integer, uuid or date"
        }
        if strategy == .segments, !unitsAreUnique {
            return "no unique index says that a unit has at most one row of a partition"
        }
        if strategy != .segments, !hasExactBounds { return "its units are no ranges of the index" }
        return nil
    }

    /// Why nothing but the window scan comes into question; nil where the table has to be measured first.
    var reasonForWindow: String? {
        guard statistics.isPlain else {
            return "it is a view, a foreign or inherited table, or the database is Citus's"
        }
        guard let rows = statistics.rows else { return "the table has no statistics yet (ANALYZE)" }
        guard rows >= ScanChoice.smallTable else { return "the table is small" }
        guard statistics.isIndexed else { return "no index begins with the partition columns and the key" }
        guard let lanes, lanes * 64 <= rows else { return "the partitions are small, or not known to be few" }
        guard !readsLanes || statistics.hasPlainLanes else {
            return "a partition column is not of type text, integer, uuid or date"
        }
        if unitsAreUnique {
            return statistics.visible >= 0.7 ? nil : "much of the table is not marked all-visible yet (VACUUM)"
        }
        guard hasExactBounds else { return "its units are no ranges of the index" }
        return nil
    }

    /// The best way.
    ///
    /// - Parameter spannedUnits: the units between the first and the last row of each partition, all together.
    func decision(spannedUnits: UInt64) -> Decision {
        let rows = statistics.rows ?? 0
        let spanned = Double(spannedUnits)
        if unitsAreUnique {
            return rows * 2 >= spanned
                ? Decision(strategy: .segments, reason: "units are unique and most of them are there")
                : Decision(strategy: .window, reason: "units are unique and far apart")
        }
        if rows >= spanned * ScanChoice.rowsPerProbe {
            return Decision(strategy: .probe, reason: "there are many rows per unit")
        }
        if let keys = statistics.keys, rows >= keys * (lanes ?? rows) * ScanChoice.rowsPerHop {
            return Decision(strategy: .skip, reason: "there are very many rows per unit, and the units lie apart")
        }
        return Decision(strategy: .window, reason: "there are few rows per unit")
    }
}
