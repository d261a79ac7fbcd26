import LacunaModel
import LacunaRecords

/// Which columns the records of a stream fill, and which look as if they should: names differ by case, spaces or underscores
/// between an API and a table, and then every row is there and says nothing.
struct FieldMatch: Sendable {
    /// Columns that no field fills, each with the field that is probably meant.
    let pairs: [(column: String, field: String)]
    /// Whether the records fill nothing but what identifies a row, though the table has more, and so have they.
    let fillsOnlyKeys: Bool
    private let table: String
    private let fields: [String]
    /// Whether `snake_case: true` is a remedy.
    private let isCamelCase: Bool

    init(_ records: SpooledRecords, stream: ResolvedStream) {
        table = stream.table.name
        fields = records.fields
        let definition = stream.definition
        let identifying = Set(stream.primaryKey + definition.partitions.columns + [definition.keyColumn])
        let known = Set(records.fields)
        // A column with a default is filled by that.
        let writable = stream.table.columns.filter { !$0.isGenerated && !$0.hasDefault }.map(\.name)
        let unfilled = writable.filter { !known.contains(definition.field(of: $0)) && !identifying.contains($0) }
        let used = Set(stream.table.columns.map { definition.field(of: $0.name) })
        let unused = records.fields.filter { !used.contains($0) }
        pairs = unfilled.compactMap { column in
            unused.first { FieldMatch.letters($0) == FieldMatch.letters(column) }.map { (column, $0) }
        }
        let others = writable.filter { !identifying.contains($0) }
        isCamelCase = pairs.allSatisfy { StreamDefinition.camelCase($0.column) == $0.field }
        fillsOnlyKeys = !others.isEmpty && unfilled.count == others.count && !unused.isEmpty
    }

    /// What is wrong; nil if nothing is.
    var problem: String? {
        if !pairs.isEmpty {
            let columns = pairs.prefix(10).map { "\($0.column): \(Self.quoted($0.field))" }.joined(separator: ", ")
            return
                "the records have fields that look like columns of \(table) and are written otherwise, so that the columns "
                + "get nothing: write \(isCamelCase ? "snake_case: true, or " : "")columns: {\(columns)}"
        }
        guard fillsOnlyKeys else { return nil }
        return "the records fill nothing of \(table) but what identifies a row: they have "
            + "\(fields.prefix(20).joined(separator: ", ")); say by `columns` which field belongs to which column"
    }

    private static func letters(_ name: String) -> String {
        String(name.lowercased().filter { $0.isLetter || $0.isNumber })
    }

    private static func quoted(_ field: String) -> String {
        field.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } ? field : "\"\(field)\""
    }
}
