import LacunaModel
import LacunaRecords

/// Reads `expect`.
struct ExpectationReader {
    let section: Section
    let keyType: KeyType
    let partitions: PartitionSet

    private var reading: Reading { section.reading }

    func expectation() -> Expectation {
        var result = Expectation()
        guard keyType.isOrdered else {
            for name in ["from", "to", "delay", "weekdays", "seasons"] {
                guard let node = section[name] else { continue }
                reading.report(
                    "'\(name)' is for ordered keys; of text keys 'query' says what is expected", at: node.position)
            }
            result.query = section.text("query")
            return result
        }
        let bounds = BoundReader(reading: reading, keyType: keyType)
        result.from = bounds.bound(section["from"], name: "from", allowsTip: false)
        if let to = bounds.bound(section["to"], name: "to", allowsTip: true) { result.to = to }
        if case .unit(let first)? = result.from, case .unit(let last) = result.to, first > last {
            reading.report(
                "'to' (\(keyType.text(last))) lies before 'from' (\(keyType.text(first)))",
                at: section["to"]?.position)
        }
        result.delay = LengthReader(section: section, keyType: keyType).length("delay")
        result.query = section.text("query")
        result.calendar = calendar()
        return result
    }

    private func calendar() -> ExpectedCalendar {
        let weekdays = section["weekdays"]
        let seasons = section["seasons"]
        if case .integer = keyType {
            for (name, node) in [("weekdays", weekdays), ("seasons", seasons)] {
                guard let node else { continue }
                reading.report("'\(name)' is for date and timestamp keys; this key is integer", at: node.position)
            }
            return .everyDay
        }
        if let weekdays, let seasons {
            reading.report(
                "'weekdays' and 'seasons' exclude each other; a query can express both",
                at: max(weekdays.position, seasons.position))
        }
        if weekdays != nil { return .weekdays(Set(section.texts("weekdays").compactMap(Weekday.init))) }
        guard let seasons else { return .everyDay }
        guard let entries = seasons.map else { return .seasons(Seasons(common: read(seasons))) }
        return .seasons(Seasons(byPartitionValue: byValue(entries, at: seasons.position)))
    }

    private func byValue(_ entries: [ConfigEntry], at position: Position) -> [String: [Season]] {
        if partitions == .whole {
            reading.report("'seasons' by partition value, but the stream has no partitions", at: position)
        }
        var known: [String] = []
        if case .product(let columns) = partitions { known = columns.flatMap(\.values) }
        let values = Set(known)
        var result: [String: [Season]] = [:]
        for entry in entries {
            if !known.isEmpty, !values.contains(entry.name) {
                reading.report(
                    "'\(Shown.text(entry.name))' in 'seasons' is not a partition value of this stream",
                    at: entry.position, suggestion: Suggestion.nearest(to: entry.name, among: known))
            }
            result[entry.name] = read(entry.value)
        }
        return result
    }

    private func read(_ node: ConfigNode) -> [Season] {
        node.oneOrMany.compactMap { $0.scalar.flatMap { Season($0.text) } }
    }
}
