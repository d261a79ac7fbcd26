import Foundation
import Postgres

extension StreamDefinition {
    /// A stream over any table, with nothing declared but its key: for looking, not for loading.
    ///
    /// - Parameters:
    ///   - table: the table, as in SQL.
    ///   - column: the key column.
    ///   - partitionColumns: the columns that part it into lanes; their values are found in the table.
    ///   - step: the step of a key that is a number or a time; nil: 1, or a day for times.
    ///   - timezone: the zone that days are counted in.
    /// - Throws: ``StreamError``; ``PostgresError``.
    public static func looking(
        at table: String, column: String, partitionColumns: [String], step: Span?, timezone: TimeZone,
        on session: Session
    ) async throws -> StreamDefinition {
        let description = try await TableDescription.load(table, on: session)
        guard let found = description.column(column) else {
            throw StreamError.noSuchColumn(column, table: table, nearest: description.columns.map(\.name))
        }
        for name in partitionColumns where description.column(name) == nil {
            throw StreamError.noSuchColumn(name, table: table, nearest: description.columns.map(\.name))
        }
        let type: KeyType
        switch (found.baseType, step) {
        case ("smallint", _), ("integer", _), ("bigint", _):
            guard case .units(let units) = step ?? .units(1), units > 0 else {
                throw StreamError.invalid("--step of a number is a number, at least 1")
            }
            type = .integer(step: units)
        case ("date", nil), ("date", .days(1)): type = .date(timezone: timezone)
        case ("date", _): throw StreamError.invalid("--step of a date is a day")
        case ("timestamp with time zone", nil), ("timestamp without time zone", nil),
            ("timestamp with time zone", .days(1)), ("timestamp without time zone", .days(1)):
            type = .date(timezone: timezone)
        case ("timestamp with time zone", .seconds(let seconds)),
            ("timestamp without time zone", .seconds(let seconds)):
            guard (1...86_400).contains(seconds) else {
                throw StreamError.invalid("--step of a time lies between 1s and 24h")
            }
            type = .timestamp(step: seconds, timezone: timezone)
        case ("timestamp with time zone", _), ("timestamp without time zone", _):
            throw StreamError.invalid("--step of a time is a time like 15m, 1h or 1d")
        default:
            throw StreamError.invalid(
                "column '\(column)' is of type \(found.type): gaps are found in whole numbers, dates and times")
        }
        var definition = StreamDefinition(
            name: "\(description.schema).\(description.name)", table: try description.identifier, keyColumn: column,
            keyType: type)
        if !partitionColumns.isEmpty {
            let list = try partitionColumns.map { try SQLFragment(identifier: $0).description }.joined(separator: ", ")
            let notNull = try partitionColumns.map { "\(try SQLFragment(identifier: $0)) IS NOT NULL" }
            definition.partitions = .query(
                "SELECT DISTINCT \(list) FROM \(try description.identifier) WHERE \(notNull.joined(separator: " AND "))",
                columns: partitionColumns)
        }
        return definition
    }
}
