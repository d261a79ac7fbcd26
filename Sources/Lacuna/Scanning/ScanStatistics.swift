import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What decides how a table is scanned (`sql/statements/describe_scan.sql`).
struct ScanStatistics: Sendable, Hashable {
    /// Whether the table is one whose rows are all its own and local: no view, foreign table or parent of others.
    var isPlain: Bool
    /// Whether partition columns and key identify a row.
    var isUnique: Bool
    /// Whether an index begins with the partition columns and the key.
    var isIndexed: Bool
    /// The column behind these in such an index, if it can be compared by it.
    var nextColumn: String?
    /// Whether partitions can be told apart by their texts and looked up by them.
    var hasPlainPartitions: Bool
    /// The estimated number of rows; nil if the table was never analysed.
    var rows: Double?
    /// The most rows that the table's pages have room for.
    var mostRows: Double
    /// The part of the table that an index-only scan need not visit, 0 to 1.
    var visible: Double
    /// The estimated number of partitions; nil if unknown.
    var partitionCount: Double?
    /// The estimated number of distinct keys; nil if unknown.
    var keys: Double?
    /// How many parallel workers the server gives a statement.
    var workers: Int

    /// The most rows that a table has room for; nil if its rows are not its own.
    ///
    /// - Throws: ``PostgresError``.
    static func mostRows(of table: TableDescription, on session: isolated Session) async throws -> Double? {
        try await session.query(
            try Statements.measureTable.bound(values: ["schema": table.schema, "name": table.name])
        ).only().getIfPresent("most_rows", as: Double.self)
    }

    /// Asks the server.
    ///
    /// - Throws: ``StreamError/tableGone(_:)``; ``PostgresError``.
    static func load(
        _ table: TableDescription, partitionColumns: [String], keyColumn: String, on session: isolated Session
    ) async throws -> ScanStatistics {
        let answer = try await session.query(
            try Statements.describeScan.bound(values: [
                "schema": table.schema, "name": table.name,
                "partitions": TextArray.literal(partitionColumns), "key": keyColumn,
            ]))
        guard let row = answer.first else { throw StreamError.tableGone("\(table.schema).\(table.name)") }
        let rows: Double = try row.get("rows")
        return ScanStatistics(
            isPlain: try row.get("is_plain") && !table.spread.isKnownToCluster, isUnique: try row.get("is_unique"),
            isIndexed: try row.get("is_indexed"),
            nextColumn: try row.getIfPresent("next"), hasPlainPartitions: try row.get("has_plain_partitions"),
            rows: rows > 0 ? rows : nil,
            mostRows: try row.get("most_rows"),
            visible: try row.get("visible"), partitionCount: try row.getIfPresent("partition_count"),
            keys: try row.getIfPresent("keys"),
            workers: try row.get("workers"))
    }

    /// Whether hopping from one partition to the next along an index is cheaper than reading all rows.
    var partitionsAreFew: Bool {
        guard let rows, let partitionCount else { return false }
        return isPlain && isIndexed && hasPlainPartitions && partitionCount * 64 <= rows
    }
}
