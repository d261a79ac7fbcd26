import LacunaModel
import LacunaRecords

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
    /// With more rows per unit than this, dropping duplicates is cheaper than setting the same bit again and again.
    static let rowsPerBit = 10.0
    /// With fewer rows than one of so many units, a segment of bits holds too little.
    static let unitsPerRow = 16.0
    /// Partitions of fewer units than this, or that lack more of them, are likely to fall short in most segments.
    static let shortPartition = 16_384.0
    static let manyMissing = 0.02

    let statistics: ScanStatistics
    /// Whether no two rows of a partition have the same unit.
    let unitsAreUnique: Bool
    private let hasExactBounds: Bool
    private let partitionCount: Double?
    private let readsPartitions: Bool

    /// - Parameters:
    ///   - declared: how many partitions are declared; nil if nobody knows.
    ///   - readsPartitions: whether the partitions are to be found in the table.
    init(_ statistics: ScanStatistics, key: KeyExpression, declared: Int?, readsPartitions: Bool) {
        self.statistics = statistics
        unitsAreUnique = statistics.isPlain && statistics.isUnique && key.isOneKeyPerUnit
        hasExactBounds = key.hasExactBounds
        partitionCount = readsPartitions ? statistics.partitionCount ?? declared.map(Double.init) : 1
        self.readsPartitions = readsPartitions
    }

    /// Why a way does not give the right answer on this table; nil if it does.
    func problem(with strategy: ScanStrategy) -> String? {
        if strategy == .window { return nil }
        if readsPartitions, !statistics.hasPlainPartitions {
            return "a partition column is not of type text, integer, uuid or date"
        }
        if strategy == .segments, !unitsAreUnique {
            return "no unique index says that a unit has at most one row of a partition"
        }
        if strategy != .segments, !hasExactBounds { return "its units are no ranges of the index" }
        return nil
    }

    /// Why nothing but the window scan comes into question; nil if the table has to be measured first.
    var reasonForWindow: String? {
        guard statistics.isPlain else {
            return "it is a view, or a foreign or inherited table"
        }
        // A table that was just filled has no statistics: there its size has to do.
        let rows = statistics.rows ?? statistics.mostRows
        guard rows >= ScanChoice.smallTable else { return "the table is small" }
        guard statistics.rows != nil || unitsAreUnique else { return "the table has no statistics yet (ANALYZE)" }
        guard statistics.isIndexed else { return "no index begins with the partition columns and the key" }
        guard let partitionCount, partitionCount * 64 <= rows else {
            return "the partitions are small, or not known to be few"
        }
        guard !readsPartitions || statistics.hasPlainPartitions else {
            return "a partition column is not of type text, integer, uuid or date"
        }
        guard hasExactBounds else { return "its units are no ranges of the index" }
        return nil
    }

    /// Whether a pass over all units reads the table itself rather than an index.
    ///
    /// An index visits the pages that are not marked all-visible row by row. Where the hulls hold as good as all rows,
    /// their order is worth nothing.
    func readsSequentially(spannedUnits: UInt64) -> Bool {
        statistics.visible < 0.5 && unitsAreUnique && (statistics.rows ?? 0) <= Double(spannedUnits) * 2
            // More take a pass each.
            && spannedUnits <= UInt64(MeasuredTable.bitsOfStatement)
    }

    /// How long a way may take before another one is better; nil if it reads each row once, which no other way avoids.
    ///
    /// Far longer than it takes on any machine: ten microseconds in place of each row that it could have read, of which
    /// one takes a tenth to a half.
    func longestTime(of strategy: ScanStrategy, spannedUnits: UInt64) -> Duration? {
        let rows: Double
        switch strategy {
        case .window, .bits: return nil
        case .segments: rows = Double(spannedUnits)
        case .probe: rows = Double(spannedUnits) * ScanChoice.rowsPerProbe
        case .skip: rows = max(statistics.rows ?? 0, statistics.mostRows)
        }
        return .seconds(5) + .seconds(rows / 100_000)
    }

    /// The best way.
    ///
    /// - Parameters:
    ///   - spannedUnits: the units between the first and the last row of each partition, all together.
    ///   - measuredCount: the partitions that have rows.
    ///   - fitsBits: whether there is memory for a bit for each of these units.
    func decision(spannedUnits: UInt64, measuredCount: Int, fitsBits: Bool) -> Decision {
        let rows = statistics.rows ?? statistics.mostRows
        let spanned = Double(spannedUnits)
        let areDense = rows * ScanChoice.unitsPerRow >= spanned
        if unitsAreUnique {
            guard areDense else { return Decision(strategy: .window, reason: "units are unique and far apart") }
            let areLong = spanned >= Double(measuredCount) * ScanChoice.shortPartition
            let lackFew = rows >= spanned * (1 - ScanChoice.manyMissing)
            return areLong && lackFew && !readsSequentially(spannedUnits: spannedUnits) || !fitsBits
                ? Decision(strategy: .segments, reason: "units are unique and most of them are there")
                : Decision(strategy: .bits, reason: "units lie close together")
        }
        if rows >= spanned * ScanChoice.rowsPerProbe {
            return Decision(strategy: .probe, reason: "there are many rows per unit")
        }
        if let keys = statistics.keys, rows >= keys * (partitionCount ?? rows) * ScanChoice.rowsPerHop {
            return Decision(strategy: .skip, reason: "there are very many rows per unit, and the units lie apart")
        }
        if fitsBits, areDense, rows < spanned * ScanChoice.rowsPerBit {
            return Decision(strategy: .bits, reason: "units lie close together, with few rows each")
        }
        return Decision(strategy: .window, reason: "there are few rows per unit")
    }
}
