import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What is missing between two units of a table, partition by partition.
package struct GapScanResult: Sendable, Hashable {
    /// The range that was asked for.
    package let range: Range<Int64>
    /// The units of every partition that has a row in the range, or the key 2^63−1. A partition that is not here has none.
    package let present: [Partition: PresentUnits]
    /// The partitions that have a row with the key 2^63−1, which no range of units holds.
    package var largestKey: Set<Partition> = []
    /// The units that have rows and fall short, if that was looked for.
    package var thin: [Partition: ThinUnits] = [:]
    /// The units that had rows when changes were summed up, and have none now; only if changes are tracked.
    package var lost: [Partition: UnitSet] = [:]
    /// How it was found out.
    package var account = ScanAccount(strategy: .window, reason: "")
    /// What may be kept of it for the next scan.
    var summary: PendingSummary?

    /// The missing units of every partition of ``present``.
    package var missing: [Partition: UnitSet] { present.mapValues { $0.missing(in: range) } }

    /// The missing units of a partition: all of them where it has no row.
    package func missing(in partition: Partition) -> UnitSet {
        (present[partition] ?? PresentUnits()).missing(in: range)
    }

    /// The units that have rows.
    package func present(in partition: Partition) -> UnitSet {
        UnitSet(range).subtracting(missing(in: partition))
    }
}

/// A way to find the missing units of a table. All ways give the same answer; they differ in cost.
package protocol GapScan: Sendable {
    /// Scans `range` of the stream's table, in one partition or in all of them at once.
    ///
    /// - Throws: ``PostgresError``.
    func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult
}

/// The canonical scan: a window function over the distinct units (`sql/statements/find_gaps.sql`).
package struct WindowGapScan: GapScan {
    /// Whether no two rows have the same unit in a partition, so that none need be dropped.
    let unitsAreUnique: Bool
    /// Whether the first row is looked for before the others: a step down an index, if one serves the range, after which
    /// a range without rows needs nothing more. The planner, which expects rows where there were some once, would read the
    /// whole table for a range that it takes for a large part of it.
    let looksFirst: Bool

    /// The scan, which takes rows of any kind.
    package init() {
        self.init(unitsAreUnique: false)
    }

    /// A scan of what is known.
    package init(unitsAreUnique: Bool = false, looksFirst: Bool = false) {
        self.unitsAreUnique = unitsAreUnique
        self.looksFirst = looksFirst
    }

    /// Scans `range` of the stream's table.
    ///
    /// - Throws: ``PostgresError``.
    package func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult {
        guard !range.isEmpty else { return GapScanResult(range: range, present: [:]) }
        let statement = try statement(stream, range: range, partition: partition)
        guard stream.keysAskedByName == nil else {
            return try result(of: try await session.query(statement), stream, range: range)
        }
        var gaps = PartitionGaps(range: range)
        try await session.forEachRow(statement) { try gaps.take($0) }
        return gaps.result()
    }

    /// The statement, for callers that send it together with others. A window of n units has at most n rows to answer.
    package func statement(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?
    ) throws -> BoundStatement {
        if let keys = stream.keysAskedByName { return try stream.presentKeys(keys, range: range, partition: partition) }
        var inRange = try stream.key.inRange(includesLargestKey: range.upperBound == .max).description
        if let partition, !partition.values.isEmpty { inRange += " AND \(try stream.inPartition(partition))" }
        let table = try SQLFragment(identifier: stream.table.schema, stream.table.name)
        let byKey = looksFirst ? "ORDER BY \(try SQLFragment(identifier: stream.definition.keyColumn)) " : ""
        let anyRow = "(SELECT true AS lacuna_any FROM \(table) WHERE \(inRange) \(byKey)LIMIT 1)"
        return try Statements.findGaps.bound(
            identifiers: stream.identifiers,
            fragments: [
                "partition_columns": try stream.partitionColumns, "partition_values": try stream.partitionValues,
                "key": try stream.key.ordering, "unit": try stream.key.unit(ofOrdering: "lacuna_key"),
                "in_range": SQLFragment(trusted: inRange),
                "distinct": SQLFragment(trusted: unitsAreUnique ? "" : "DISTINCT"),
                "any_row": SQLFragment(trusted: anyRow),
                "gate": SQLFragment(trusted: looksFirst ? "AND \(anyRow)" : ""),
            ],
            values: ["lower": String(range.lowerBound), "upper": String(range.upperBound)])
    }

    /// What the statement answered.
    func result(of rows: Rows, _ stream: ResolvedStream, range: Range<Int64>) throws -> GapScanResult {
        if let keys = stream.keysAskedByName { return try keys.result(of: rows, range: range) }
        var gaps = PartitionGaps(range: range)
        for row in rows { try gaps.take(row) }
        return gaps.result()
    }
}

/// Gathers the rows of `find_gaps.sql`.
private struct PartitionGaps {
    let range: Range<Int64>
    private var partitions: [Partition: PresentUnits] = [:]
    /// Gaps that came after others behind them.
    private var late: [Partition: [Range<Int64>]] = [:]
    private var largestKey: Set<Partition> = []

    init(range: Range<Int64>) {
        self.range = range
    }

    mutating func take(_ row: Row) throws {
        guard let partition = try row.getIfPresent(at: 0, as: TextArray.self)?.partition,
            let upper = try row.getIfPresent(at: 2, as: Int64.self)
        else { return }
        let lower = try row.getIfPresent(at: 1, as: Int64.self)
        if lower == nil { largestKey.insert(partition) }
        let gap = (lower ?? upper)..<upper
        if !partitions[partition, default: PresentUnits(hull: range)].trim(gap) {
            late[partition, default: []].append(gap)
        }
    }

    consuming func result() -> GapScanResult {
        for (partition, gaps) in late { partitions[partition]?.remove(UnitSet(gaps)) }
        return GapScanResult(range: range, present: partitions, largestKey: largestKey)
    }
}
