import LacunaModel

/// Reads `complete`.
struct CompletenessReader {
    let section: Section
    let keyType: KeyType

    private var reading: Reading { section.reading }

    /// When a unit has all its rows; nil if that cannot be read, which was reported.
    func completeness() -> Completeness? {
        let (rows, condition, query) = (section["rows"], section.text("where"), section.text("query"))
        let any = section.boolean("any")
        guard keyType.isOrdered else {
            reading.report("'complete' is for ordered keys; of ids each is there or is not", at: section.position)
            return nil
        }
        if any != nil, condition == nil {
            reading.report("'any' goes with 'where': it says that one row is enough", at: section["any"]?.position)
        }
        guard [rows != nil, condition != nil, query != nil].filter(\.self).count == 1 else {
            reading.report("'complete' takes one of 'rows', 'where' and 'query'", at: section.position)
            return nil
        }
        if let rows { return least(rows).map(Completeness.rows) }
        if let condition { return any == true ? .anyRow(condition) : .everyRow(condition) }
        return query.map(Completeness.query)
    }

    private func least(_ rows: ConfigNode) -> Int64? {
        guard rows.map != nil else { return rows.scalar.flatMap { Written.integer($0.text) } }
        return Section(rows, group: SettingsTable.completeRows.name, reading: reading).integer("at_least")
    }
}
