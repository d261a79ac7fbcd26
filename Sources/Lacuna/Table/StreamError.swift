import LacunaModel
import LacunaRecords

/// A stream whose declaration and database do not fit together.
public enum StreamError: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no such table, or this role cannot see it.
    case noSuchTable(String)
    /// There was such a table when the work began.
    case tableGone(String)
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
    /// The stream was registered with other units, for another table, or with other columns.
    case unitsChanged(stream: String, registered: String, declared: String)
    /// An empty partition without `expect.from` has no beginning.
    case noBeginning(stream: String, partition: String)
    /// The server is a standby.
    case readOnly
    /// The server is no standby, but transactions of this session only read unless they say otherwise.
    case readOnlyByDefault
    /// Another catchup of the stream is running.
    case catchupRunning(stream: String)
    /// A step that the key of a table cannot have, which nobody declared.
    case stepMismatch(String)
    /// Anything else that the declaration gets wrong about the database.
    case invalid(String)

    /// A sentence for a person.
    public var description: String {
        switch self {
        case .noSuchTable(let table):
            "there is no table \(table) that this role can see: create it, or name its schema (table: schema.name)"
        case .tableGone(let table):
            "table \(table) is not there any more: it was renamed or dropped in the meantime. What was committed stays; if "
                + "it was renamed, write the new name under `table` and run again"
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
                + "evidence would be misread. Give the stream a new name; or, if they are of no more use, run "
                + "`lacuna forget \(stream)`, which leaves the rows"
        case .noBeginning(let stream, let partition):
            "stream \(stream)\(partition.isEmpty ? "" : " (\(partition))") has no rows yet and no beginning: set expect.from"
        case .readOnly: "this server is a read-only standby: connect to the primary"
        case .readOnlyByDefault:
            "this role may only read here, because default_transaction_read_only is on: set it off for the role or the "
                + "database (ALTER ROLE … SET default_transaction_read_only = off), or in the connection string by "
                + "options=-cdefault_transaction_read_only=off"
        case .catchupRunning(let stream): "another catchup of stream \(stream) is running"
        case .stepMismatch(let message): message
        case .invalid(let message): message
        }
    }
}
