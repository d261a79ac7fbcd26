import Postgres
import SQLStatements

/// A table as the server describes it.
public struct TableDescription: Sendable, Hashable {
    /// A column.
    public struct Column: Sendable, Hashable {
        /// Its name.
        public let name: String
        /// Its type as in DDL, with modifiers.
        public let type: String
        /// Its type without modifiers, domains resolved.
        public let baseType: String
        /// Whether it forbids NULL.
        public let isNotNull: Bool
        /// Whether it cannot be written: generated, or an identity that is always generated.
        public let isGenerated: Bool

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
    public let schema: String
    /// The name, without the schema.
    public let name: String
    /// The columns, in the table's order.
    public let columns: [Column]
    /// The columns of the primary key, in its order; empty where the table has none.
    public let primaryKey: [String]
    /// The planner's estimate of the number of rows, -1 where the table was never analysed.
    public let rowEstimate: Int64
    /// Whether this role may read, insert and update.
    public let privileges: Privileges

    /// What this role may do with the table.
    public struct Privileges: Sendable, Hashable {
        /// SELECT.
        public let canSelect: Bool
        /// INSERT.
        public let canInsert: Bool
        /// UPDATE.
        public let canUpdate: Bool
    }

    /// The column of that name.
    public func column(_ name: String) -> Column? {
        columns.first { $0.name == name }
    }

    /// Schema and name, quoted for SQL.
    public var identifier: String {
        get throws { try SQLFragment(identifier: schema, name).description }
    }

    /// Asks the server.
    ///
    /// - Parameter table: the name as the user writes it, resolved with the user's search path.
    /// - Throws: ``StreamError/noSuchTable(_:)``; ``PostgresError``.
    public static func load(_ table: String, on session: Session) async throws -> TableDescription {
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
                isNotNull: try row.get("not_null"), isGenerated: try row.get("is_generated"))
            if let position = try row.getIfPresent("primary_key_position", as: Int.self) {
                primaryKey.append((position, column.name))
            }
            return column
        }
        return TableDescription(
            schema: schema, name: name, columns: columns,
            primaryKey: primaryKey.sorted { $0.position < $1.position }.map(\.name),
            rowEstimate: try row.get("row_estimate"),
            privileges: Privileges(
                canSelect: try row.get("can_select"), canInsert: try row.get("can_insert"),
                canUpdate: try row.get("can_update")))
    }
}

/// A stream whose declaration and database do not fit together.
public enum StreamError: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no such table, or this role cannot see it.
    case noSuchTable(String)
    /// The table has no such column.
    case noSuchColumn(String, table: String, nearest: [String])
    /// The key column's type does not carry keys of the declared type.
    case keyTypeMismatch(column: String, type: String, declared: String)
    /// The table has no primary key and none is declared, or no unique index on the declared one.
    case noUniqueIndex(table: String, columns: [String])
    /// The lacuna schema is missing or older than this program.
    case schemaNotInstalled
    /// The role may not read the lacuna schema.
    case schemaNotReadable
    /// The role may read the lacuna schema, but not write to it.
    case schemaNotWritable
    /// The stream was registered with other units.
    case unitsChanged(stream: String, registered: String, declared: String)
    /// An empty partition without `expect.from` has no beginning.
    case noBeginning(stream: String, partition: String)
    /// The server is a standby.
    case readOnly
    /// Another catchup of the stream is running.
    case catchupRunning(stream: String)
    /// Anything else that the declaration gets wrong about the database.
    case invalid(String)

    /// A sentence for a person.
    public var description: String {
        switch self {
        case .noSuchTable(let table):
            "there is no table \(table) that this role can see: create it, or name its schema (table: schema.name)"
        case .noSuchColumn(let column, let table, let nearest):
            "table \(table) has no column '\(column)'; it has \(nearest.joined(separator: ", "))"
        case .keyTypeMismatch(let column, let type, let declared):
            "column '\(column)' is of type \(type), which does not hold \(declared) keys: set key.type to what the column is"
        case .noUniqueIndex(let table, let columns) where columns.isEmpty:
            "table \(table) has no primary key: declare primary_key in the stream, over a unique index"
        case .noUniqueIndex(let table, let columns):
            "table \(table) has no unique index on (\(columns.joined(separator: ", "))), which the upsert needs"
        case .schemaNotInstalled:
            "the lacuna schema is missing in this database or older than this program: run `lacuna init`"
        case .schemaNotReadable:
            "this role may not read the lacuna schema: its owner has to grant USAGE on it and SELECT on its tables "
                + "(sql/roles/grant_read.sql, or grant_run.sql for a role that reconciles)"
        case .schemaNotWritable:
            "this role may only look, because it may not write to the lacuna schema: its owner has to grant INSERT, UPDATE "
                + "and DELETE on its tables and UPDATE on its sequences (sql/roles/grant_run.sql)"
        case .unitsChanged(let stream, let registered, let declared):
            "stream \(stream) was registered with \(registered), but the config now declares \(declared): its extents and "
                + "evidence would be misread. Give the stream a new name, or remove the old one's rows from lacuna.stream, "
                + "cursor, verified_empty and refetch"
        case .noBeginning(let stream, let partition):
            "stream \(stream)\(partition.isEmpty ? "" : " (\(partition))") has no rows yet and no beginning: set expect.from"
        case .readOnly: "this server is a read-only standby: connect to the primary"
        case .catchupRunning(let stream): "another catchup of stream \(stream) is running"
        case .invalid(let message): message
        }
    }
}
