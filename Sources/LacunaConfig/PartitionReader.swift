import LacunaModel
import LacunaRecords

/// Reads `partitions`: values by column, or a query.
struct PartitionReader {
    let reading: Reading
    let keyColumn: String

    /// More partitions than this are a mistake, and would be planned one by one.
    private static let partitionLimit = 100_000

    func partitions(_ node: ConfigNode?) -> PartitionSet {
        guard let node else { return .whole }
        if node.isPartitionQuery {
            let section = Section(node, group: SettingsTable.partitionQuery.name, reading: reading)
            let query = section.text("query") ?? ""
            let columns = section["columns"]?.list ?? []
            var names: [String] = []
            for column in columns {
                let name = column.scalar?.text ?? ""
                check(column: name, shown: column.found, at: column.position)
                if names.contains(name) {
                    reading.report("partition column \(column.found) stands here twice", at: column.position)
                }
                names.append(name)
            }
            return .query(query, columns: names)
        }
        let columns = (node.map ?? []).map { entry in
            check(column: entry.name, shown: "'\(Shown.text(entry.name))'", at: entry.position)
            return PartitionColumn(name: entry.name, values: values(entry))
        }
        var count = 1
        for column in columns {
            count = count.multipliedReportingOverflow(by: column.values.count).partialValue
            guard count <= PartitionReader.partitionLimit else {
                reading.report(
                    "more than \(PartitionReader.partitionLimit) partitions; split the stream or use a query",
                    at: node.position)
                return .whole
            }
        }
        return .product(columns)
    }

    private func values(_ entry: ConfigEntry) -> [String] {
        // By bytes, as PostgreSQL tells them apart.
        var seen: Set<[UInt8]> = []
        var values: [String] = []
        for node in entry.value.list ?? [] {
            guard let value = node.scalar?.text else { continue }
            if seen.insert(Array(value.utf8)).inserted {
                values.append(value)
            } else {
                reading.report(
                    "\(node.found) stands twice among the values of partition column '\(Shown.text(entry.name))'",
                    at: node.position)
            }
        }
        return values
    }

    private func check(column: String, shown: String, at position: Position) {
        if column == keyColumn {
            reading.report(
                "\(shown) is the key column; it cannot be a partition column too", at: position)
        }
    }
}
