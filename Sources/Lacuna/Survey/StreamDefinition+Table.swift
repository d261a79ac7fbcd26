import Foundation
import LacunaModel
import LacunaRecords
import Postgres

extension StreamDefinition {
    /// A stream over any table, with nothing declared but its key, and the table: for looking, not for loading.
    ///
    /// - Throws: ``StreamError``; ``PostgresError``.
    static func looking(
        at table: AnyTable, on session: Session
    ) async throws -> (StreamDefinition, TableDescription) {
        let (step, timezone) = (table.step, table.timezone)
        let description = try await TableDescription.load(table.name, on: session)
        let column = description.columnName(table.column)
        let partitionColumns = table.partitionColumns.map(description.columnName)
        guard let found = description.column(column) else {
            throw StreamError.noSuchColumn(column, table: table.name, nearest: description.columns.map(\.name))
        }
        for name in partitionColumns where description.column(name) == nil {
            throw StreamError.noSuchColumn(name, table: table.name, nearest: description.columns.map(\.name))
        }
        let type: KeyType
        switch (found.baseType, step) {
        case ("smallint", _), ("integer", _), ("bigint", _):
            guard case .units(let units) = step ?? .units(1), units > 0 else {
                throw StreamError.stepMismatch("--step of a number is a number, at least 1")
            }
            type = .integer(step: units)
        case ("date", nil), ("date", .days(1)), ("date", .seconds(86_400)): type = .date(timezone: timezone)
        case ("date", _): throw StreamError.stepMismatch("--step of a date is a day")
        case ("timestamp with time zone", nil), ("timestamp without time zone", nil),
            ("timestamp with time zone", .days(1)), ("timestamp without time zone", .days(1)):
            type = .date(timezone: timezone)
        case ("timestamp with time zone", .seconds(let seconds)),
            ("timestamp without time zone", .seconds(let seconds)):
            guard (1...86_400).contains(seconds) else {
                throw StreamError.stepMismatch("--step of a time lies between 1s and 24h")
            }
            type = .timestamp(step: seconds, timezone: timezone)
        case ("timestamp with time zone", _), ("timestamp without time zone", _):
            throw StreamError.stepMismatch("--step of a time is a time like 15m, 1h or 1d")
        default:
            throw StreamError.invalid(
                "column '\(column)' is of type \(found.type): gaps are found in whole numbers, dates and times")
        }
        var definition = StreamDefinition(
            name: "\(description.schema).\(description.name)", table: try description.identifier, keyColumn: column,
            keyType: type)
        definition.rowCondition = table.condition
        definition.complete = table.leastRows.map(Completeness.rows)
        if !partitionColumns.isEmpty {
            let statistics = try await session.autocommit { session in
                try await ScanStatistics.load(
                    description, partitionColumns: partitionColumns, keyColumn: column, on: session)
            }
            definition.partitions = .query(
                // Also those without a row that counts: nothing hides.
                try partitionQuery(description, partitionColumns, hops: statistics.partitionsAreFew),
                columns: partitionColumns)
        }
        return (definition, description)
    }

    /// Whether the table of ``looking(at:on:)`` has rows that belong to no partition, because
    /// a partition column is NULL.
    ///
    /// - Throws: ``PostgresError``.
    func hasRowsOutsidePartitions(of table: TableDescription, on session: Session) async throws -> Bool {
        let nullable = partitions.columns.filter { table.column($0)?.isNotNull == false }
        guard !nullable.isEmpty else { return false }
        let isNull = try nullable.map { "\(try SQLFragment(identifier: $0)) IS NULL" }.joined(separator: " OR ")
        return try await session.query(
            BoundStatement(
                name: "rows outside partitions",
                sql: "SELECT EXISTS (SELECT 1 FROM \(try table.identifier) WHERE (\(isNull))"
                    + "\(rowCondition.map { " AND (\n\($0)\n)" } ?? "")) AS has_some")
        ).only().get("has_some")
    }

    /// The partitions that a table has.
    ///
    /// - Parameter hops: whether to go from one to the next along an index instead of reading all rows.
    private static func partitionQuery(
        _ table: TableDescription, _ columns: [String], hops: Bool
    ) throws -> String {
        let names = try columns.map { try SQLFragment(identifier: $0).description }
        let list = names.joined(separator: ", ")
        let rows =
            "FROM \(try table.identifier) WHERE " + names.map { "\($0) IS NOT NULL" }.joined(separator: " AND ")
        guard hops else { return "SELECT DISTINCT \(list) \(rows)" }
        let this = names.map { "lacuna_this.\($0)" }.joined(separator: ", ")
        return """
            WITH RECURSIVE lacuna_partitions AS (
                (SELECT \(list) \(rows) ORDER BY \(list) LIMIT 1)
                UNION ALL
                SELECT lacuna_next.* FROM lacuna_partitions AS lacuna_this CROSS JOIN LATERAL (
                    SELECT \(list) \(rows) AND (\(list)) OPERATOR(pg_catalog.>) (\(this)) ORDER BY \(list) LIMIT 1
                ) AS lacuna_next
            )
            SELECT \(list) FROM lacuna_partitions
            """
    }
}
