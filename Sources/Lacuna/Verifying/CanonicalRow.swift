import LacunaModel
import LacunaRecords
import Postgres

/// A row as text that is the same on both sides exactly if an upsert would not write it, whatever the servers' versions and
/// settings are.
///
/// At the source each value goes the way that a load takes: it is written as text, and read as the type of the table's column.
struct CanonicalRow: Sendable {
    /// Of the table's rows.
    let here: SQLFragment
    /// Of the source's.
    let there: SQLFragment
    /// A row's unit, in the source's query.
    let unitThere: SQLFragment

    /// The text of rows.
    ///
    /// - Parameter columns: those of the source's query.
    /// - Throws: ``StreamError`` if the query lacks the key.
    init(_ stream: ResolvedStream, columns: [String]) throws {
        let definition = stream.definition
        let keyField = definition.field(of: definition.keyColumn)
        guard let key = stream.table.column(definition.keyColumn), columns.contains(keyField) else {
            throw StreamError.invalid(
                "the source's query has no column '\(keyField)' for the key; it has \(columns.joined(separator: ", "))")
        }
        let names = try stream.table.columns.filter { !$0.isGenerated }.compactMap {
            column -> (here: String, there: String)? in
            let field = definition.field(of: column.name)
            // What the query lacks is the partition's value, or keeps what it has.
            guard columns.contains(field) else { return nil }
            return (
                CanonicalRow.text(of: "\(try SQLFragment(identifier: column.name))", column),
                CanonicalRow.text(
                    of: CanonicalRow.read(try SQLFragment(identifier: "lacuna_query", field), as: column), column)
            )
        }
        here = SQLFragment(trusted: "ROW(\(names.map(\.here).joined(separator: ", ")))")
        there = SQLFragment(trusted: "ROW(\(names.map(\.there).joined(separator: ", ")))")
        unitThere = try CanonicalRow.unit(keyField, as: key, of: definition)
    }

    /// A row's unit, in the source's query, if its columns need not be known.
    static func unitThere(_ stream: ResolvedStream) throws -> SQLFragment {
        let definition = stream.definition
        guard let key = stream.table.column(definition.keyColumn) else {
            throw StreamError.noSuchColumn(
                definition.keyColumn, table: stream.table.name, nearest: stream.table.columns.map(\.name))
        }
        return try unit(definition.field(of: definition.keyColumn), as: key, of: definition)
    }

    private static func unit(
        _ field: String, as key: TableDescription.Column, of definition: StreamDefinition
    ) throws -> SQLFragment {
        let cast = SQLFragment(
            trusted: "(\(try SQLFragment(identifier: "lacuna_query", field))::\(key.baseTypeName))")
        return try KeyExpression(cast, column: key, type: definition.keyType, stream: definition.name).unit
    }

    /// Whether every PostgreSQL has the type.
    private static func isBuiltIn(_ type: String) -> Bool { !type.contains(".") }

    /// A value as the type of a column, by way of its text, as COPY would bring it.
    private static func read(_ value: SQLFragment, as column: TableDescription.Column) -> String {
        let text = "CASE WHEN \(value) IS NOT NULL THEN pg_catalog.format('%s', \(value)) END"
        let base = column.baseType
        guard isBuiltIn(base) else { return "(\(text))" }
        // A cast would cut what is too long for the column.
        let type =
            switch base {
            case "character", "character varying": "pg_catalog.\"\(base == "character" ? "bpchar" : "varchar")\""
            case "bit", "bit varying": "pg_catalog.\"varbit\""
            default:
                base.hasSuffix("[]") || !isBuiltIn(column.type)
                    ? column.baseTypeName.description : column.typeName.description
            }
        return "(\(text))::\(type)"
    }

    /// A value of a column's type as text.
    private static func text(of value: String, _ column: TableDescription.Column) -> String {
        switch column.baseType {
        case "real": "pg_catalog.encode(pg_catalog.float4send(\(value)), 'hex')"
        case "double precision": "pg_catalog.encode(pg_catalog.float8send(\(value)), 'hex')"
        case "timestamp with time zone": "((\(value)) AT TIME ZONE 'UTC')::pg_catalog.text"
        default: "(\(value))::pg_catalog.text"
        }
    }
}
