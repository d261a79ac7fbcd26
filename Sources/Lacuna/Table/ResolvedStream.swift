import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// A stream together with its table, checked against each other: what every statement on the stream is built from.
package struct ResolvedStream: Sendable, Hashable {
    /// The declaration.
    package let definition: StreamDefinition
    /// The table.
    package let table: TableDescription
    /// The key column's SQL.
    package let key: KeyExpression
    /// The columns that identify a row. Empty if nothing does, which forbids loading but not reading.
    package let primaryKey: [String]

    /// Checks a declaration against its table.
    ///
    /// - Throws: ``StreamError`` if they do not fit.
    package init(_ definition: StreamDefinition, table: TableDescription) throws {
        self.definition = definition
        self.table = table
        key = try KeyExpression(
            column: definition.keyColumn, of: table, type: definition.keyType, stream: definition.name)
        primaryKey = definition.primaryKey.isEmpty ? table.primaryKey : definition.primaryKey
        let columns = definition.partitions.columns + definition.primaryKey + definition.columns.keys.sorted()
        for column in columns where table.column(column) == nil {
            throw StreamError.noSuchColumn(column, table: table.name, nearest: table.columns.map(\.name))
        }
    }

    /// The same stream with the names of its text keys known.
    func naming(_ keys: TextKeys) throws -> ResolvedStream {
        var definition = definition
        definition.keyType = .text(keys)
        return try ResolvedStream(definition, table: table)
    }

    /// Reads the table's description and checks the declaration against it.
    ///
    /// - Throws: ``StreamError``; ``PostgresError``.
    package static func resolve(_ definition: StreamDefinition, on session: Session) async throws -> ResolvedStream {
        let stream = try ResolvedStream(
            definition, table: try await TableDescription.load(definition.table, on: session))
        if let problem = stream.table.spread.nodeProblem { throw StreamError.invalid(problem) }
        try await stream.requireCanonicalPartitions(on: session)
        return stream
    }

    /// Rejects partition values that the server would write in another way: no row would ever be found under them.
    private func requireCanonicalPartitions(on session: Session) async throws {
        guard case .product(let columns) = definition.partitions else { return }
        for partition in columns {
            guard let column = table.column(partition.name) else { continue }
            let statement = try Statements.findOddPartition.bound(
                fragments: ["type": column.typeName],
                values: ["values": TextArray.literal(partition.values)])
            let odd: Row?
            do {
                odd = try await session.query(statement).first
            } catch PostgresError.server(let error) where error.sqlState.conditionClass == "22" {
                throw StreamError.invalid(
                    "partitions.\(partition.name): a value is no \(column.type): \(error.message)")
            }
            guard let odd else { continue }
            let given: String = try odd.get("given")
            let written: String = try odd.get("written")
            throw StreamError.invalid(
                "partitions.\(partition.name): '\(given)' is '\(written)' as \(column.type); write it so")
        }
    }

    /// Rejects a table that the primary key does not keep from taking a row twice.
    ///
    /// - Throws: ``StreamError/noUniqueIndex(table:columns:)``; ``PostgresError``.
    func requireUniqueIndex(on session: isolated Session) async throws {
        let unique = try await session.query(
            try Statements.findUniqueIndex.bound(values: [
                "schema": table.schema, "name": table.name, "columns": TextArray.literal(primaryKey),
            ])
        ).only()
        guard !primaryKey.isEmpty, try unique.get("found", as: Bool.self) else {
            throw StreamError.noUniqueIndex(table: table.name, columns: primaryKey)
        }
    }

    /// Why rows that the source no longer has cannot be deleted; nil if they can, or are not to be.
    var replaceProblem: String? {
        guard definition.rows == .replace else { return nil }
        guard table.isTable else {
            return "rows: replace deletes rows of a table, and \(table.name) is a view or a foreign table"
        }
        guard table.privileges.canDelete else {
            return "this role may not DELETE from \(table.name), which rows: replace needs: grant it"
        }
        return nil
    }

    /// The table as ``StreamRegistry`` and messages name it.
    var relation: String { "\(table.schema).\(table.name)" }

    /// Identifiers for statements on the table.
    var identifiers: [String: String] { ["schema": table.schema, "table": table.name] }

    /// The key column.
    var column: SQLFragment {
        get throws { try SQLFragment(identifier: definition.keyColumn) }
    }

    /// The partition columns as a list, or `true` where there are none.
    var partitionColumns: SQLFragment {
        get throws {
            let columns = try definition.partitions.columns.map { try SQLFragment(identifier: $0).description }
            return SQLFragment(trusted: columns.isEmpty ? "true" : columns.joined(separator: ", "))
        }
    }

    /// The partition of a row as `text[]`; whatever the search path, as beside a query of the user's.
    var partitionValues: SQLFragment {
        get throws {
            let columns = try definition.partitions.columns.map {
                "\(try SQLFragment(identifier: $0))::pg_catalog.text"
            }
            return SQLFragment(
                trusted: columns.isEmpty ? "'{}'::pg_catalog.text[]" : "ARRAY[\(columns.joined(separator: ", "))]")
        }
    }

    /// Whether a row belongs to `partition`; whatever the search path.
    func inPartition(_ partition: Partition) throws -> SQLFragment {
        let terms = try zip(definition.partitions.columns, partition.values).map { column, value in
            "\(try SQLFragment(identifier: column)) OPERATOR(pg_catalog.=) \(try SQLFragment(literal: value))"
        }
        return SQLFragment(trusted: terms.isEmpty ? "true" : terms.joined(separator: " AND "))
    }

    /// The values that statements on the evidence take for a partition.
    func evidenceValues(_ partition: Partition) -> [String: String?] {
        [
            "stream": definition.name, "columns": TextArray.literal(definition.partitions.columns),
            "values": TextArray.literal(partition.values),
        ]
    }
}
