/// When a unit that has rows has all of them.
///
/// A unit that falls short is *thin*: a gap, until the source has shown that it has no more (``SettledRange``).
public enum Completeness: Sendable, Hashable {
    /// Each unit has at least so many rows.
    case rows(Int64)
    /// Each row of a unit satisfies a condition, which is SQL over the columns of the table.
    case everyRow(String)
    /// At least one row of a unit satisfies a condition, which is SQL over the columns of the table.
    case anyRow(String)
    /// A query says how many rows a unit has at least: it returns the partition columns, a column named like the key, and one
    /// more, the number. Units that it does not name are complete.
    case query(String)

    /// What is kept beside evidence, so that it does not count under another rule.
    package var rule: String {
        switch self {
        case .rows(let least): "rows: \(least)"
        case .everyRow(let condition): "where: \(condition)"
        case .anyRow(let condition): "any where: \(condition)"
        case .query(let query): "query: \(query)"
        }
    }
}
