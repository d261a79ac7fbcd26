import LacunaModel
import LacunaRecords
import Postgres

/// `expect.query` of a stream of ids.
struct KeyQuery {
    /// The query, to stand inside a larger statement.
    let sql: String
    /// Its key column, of the type of the table's.
    let key: SQLFragment

    /// - Throws: ``StreamError`` if the stream declares no query.
    init(_ stream: ResolvedStream) throws {
        guard let query = stream.definition.expect.query else {
            throw StreamError.invalid(
                "text keys need expect.query, which says what ids there should be")
        }
        guard let column = stream.table.column(stream.definition.keyColumn) else {
            throw StreamError.noSuchColumn(
                stream.definition.keyColumn, table: stream.table.name, nearest: stream.table.columns.map(\.name))
        }
        sql = query.withoutTrailingSemicolon
        key = SQLFragment(trusted: "\(try SQLFragment(identifier: column.name))::\(column.typeName)")
    }
}

extension String {
    /// The text without the semicolon that would end it inside a larger statement.
    var withoutTrailingSemicolon: String {
        var text = self[...]
        while let last = text.last, last.isWhitespace || last == ";" { text = text.dropLast() }
        return String(text)
    }
}
