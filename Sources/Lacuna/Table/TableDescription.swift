import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// A table as the server describes it.
package struct TableDescription: Sendable, Hashable {
    /// A column.
    package struct Column: Sendable, Hashable {
        /// Its name.
        package let name: String
        /// Its type as in DDL, with modifiers.
        package let type: String
        /// Its type without modifiers, domains resolved.
        package let baseType: String
        /// Whether it forbids NULL.
        package let isNotNull: Bool
        /// Whether it cannot be written: generated, or an identity that is always generated.
        package let isGenerated: Bool
        /// Whether it gets a value if nothing is written.
        package let hasDefault: Bool
        /// Its collation, quoted and with its schema; nil if it is the type's own.
        package var collation: SQLFragment?

        /// The type for a statement that is run with a search path of somebody else's.
        var typeName: SQLFragment { TableDescription.qualified(type) }
        /// The base type for such a statement.
        var baseTypeName: SQLFragment { TableDescription.qualified(baseType) }
    }

    /// Types whose names are words of SQL's grammar, and so mean PostgreSQL's own without a schema.
    private static let grammaticalTypes: Set<Substring> = [
        "bigint", "integer", "smallint", "boolean", "double", "real", "character", "numeric", "time", "timestamp",
        "interval", "bit",
    ]

    /// A type's name as the server writes it where only its own types need no schema, with the schema of these too.
    private static func qualified(_ type: String) -> SQLFragment {
        let isAsItShouldBe = type.contains(".") || grammaticalTypes.contains(type.prefix { $0.isLetter })
        return SQLFragment(trusted: isAsItShouldBe ? type : "pg_catalog.\(type)")
    }

    /// The schema.
    package let schema: String
    /// The name, without the schema.
    package let name: String
    /// The columns, in the table's order.
    package let columns: [Column]
    /// The columns of the primary key, in its order; empty if the table has none.
    package let primaryKey: [String]
    /// The planner's estimate of the number of rows, -1 where the table was never analysed.
    package let rowEstimate: Int64
    /// What this role may do with it.
    package let privileges: Privileges

    /// Whether it is a table of rows of its own, and no view or foreign table.
    package var isTable = true

    /// The number that the server knows it by, which stays when it is renamed.
    package var oid: Int64 = 0

    /// Whether it takes new rows and changes none.
    package var isColumnar = false

    /// Whether TimescaleDB parts it into chunks.
    package var isHypertable = false

    /// How its rows lie on the nodes of a cluster.
    package var spread = TableSpread.local

    /// What this role may do with the table.
    package struct Privileges: Sendable, Hashable {
        /// SELECT.
        package let canSelect: Bool
        /// INSERT.
        package let canInsert: Bool
        /// UPDATE.
        package let canUpdate: Bool
        /// DELETE.
        package var canDelete = false
    }

    /// The column of that name.
    package func column(_ name: String) -> Column? {
        columns.first { $0.name == name }
    }

    /// The name of the column that a person writes: as it is, or as in SQL, in quotes or in any case.
    package func columnName(_ text: String) -> String {
        if column(text) != nil { return text }
        if text.count > 1, text.hasPrefix("\""), text.hasSuffix("\"") {
            return String(text.dropFirst().dropLast()).replacing("\"\"", with: "\"")
        }
        return column(text.lowercased()) == nil ? text : text.lowercased()
    }

    /// Schema and name, quoted for SQL.
    package var identifier: String {
        get throws { try SQLFragment(identifier: schema, name).description }
    }

    /// Asks the server.
    ///
    /// - Parameter table: the name as the user writes it, resolved with the user's search path.
    /// - Throws: ``StreamError/noSuchTable(_:)``; ``PostgresError``.
    package static func load(_ table: String, on session: Session) async throws -> TableDescription {
        let found: Rows
        do {
            let path = try await session.userSearchPath()
            found = try await session.query(
                try Statements.describeRelation.bound(values: ["relation": table, "search_path": path]))
        } catch let error as PostgresError where error.sqlState?.conditionClass == "42" {
            throw StreamError.noSuchTable(table)
        }
        guard let row = found.first else { throw StreamError.noSuchTable(table) }
        let schema: String = try row.get("schema")
        let name: String = try row.get("name")
        let rows = try await session.query(
            try Statements.describeColumns.bound(
                values: ["schema": schema, "name": name, "search_path": lacunaSearchPath]))
        var primaryKey: [(position: Int, name: String)] = []
        let columns = try rows.map { row in
            let column = Column(
                name: try row.get("name"), type: try row.get("type"), baseType: try row.get("base_type"),
                isNotNull: try row.get("not_null"), isGenerated: try row.get("is_generated"),
                hasDefault: try row.get("has_default"),
                collation: try row.getIfPresent("collation", as: String.self).map(SQLFragment.init(trusted:)))
            if let position = try row.getIfPresent("primary_key_position", as: Int.self) {
                primaryKey.append((position, column.name))
            }
            return column
        }
        let oid: Int64 = try row.get("oid")
        let inCluster: Bool = try row.get("in_cluster")
        return TableDescription(
            schema: schema, name: name, columns: columns,
            primaryKey: primaryKey.sorted { $0.position < $1.position }.map(\.name),
            rowEstimate: try row.get("row_estimate"),
            privileges: Privileges(
                canSelect: try row.get("can_select"), canInsert: try row.get("can_insert"),
                canUpdate: try row.get("can_update"), canDelete: try row.get("can_delete")),
            isTable: ["r", "p"].contains(try row.get("kind", as: String.self)), oid: oid,
            isColumnar: try row.get("is_columnar"), isHypertable: try row.get("is_hypertable"),
            spread: inCluster ? try await TableSpread.load(oid, on: session) : .local)
    }
}
