import LacunaModel
import LacunaRecords
import LacunaSources

extension ShapeChecker {
    /// Checks a value that is written without brackets.
    func check(scalar node: ConfigNode, _ kind: SettingKind, name: String) {
        guard let text = node.scalar else { return expected(ShapeChecker.description(of: kind), node, name) }
        guard isValid(text, kind) else { return reject(node, text, kind, name: name) }
        switch kind {
        case .duration:
            if Written.duration(text.text) == .zero {
                reading.report("'\(name)' must be above zero", at: node.position)
            }
        case .template(let window):
            check(text.template, window: window, name: name, at: node.position)
        case .body(let window):
            check(text.body, window: window, name: name, at: node.position)
        default: break
        }
    }

    private func isValid(_ text: WrittenText, _ kind: SettingKind) -> Bool {
        switch kind {
        case .value: true
        case .version: text.text == "1"
        case .integer(let range): Written.integer(text.text).map(range.contains) ?? false
        case .boolean: Written.boolean(text.text) != nil
        case .duration: Written.duration(text.text) != nil
        case .length: Written.length(text.text) != nil
        case .share: Written.share(text.text) != nil
        case .season: Season(text.text) != nil
        case .choice(let words): words.contains(text.text)
        case .path: JSONPath(text.text) != nil
        default: !text.text.isEmpty
        }
    }

    private func reject(_ node: ConfigNode, _ text: WrittenText, _ kind: SettingKind, name: String) {
        switch kind {
        case .choice(let words):
            reading.report(
                "'\(name)': expected \(ShapeChecker.list(words)), found \(node.found)", at: node.position,
                suggestion: text.hasSecrets ? nil : Suggestion.nearest(to: text.text, among: words))
        case .version:
            reading.report("version \(node.found) is not known; this version reads 'version: 1'", at: node.position)
        case .text, .template, .body, .script, .bound:
            reading.report("'\(name)' is empty; give it a value or remove it", at: node.position)
        default:
            expected(ShapeChecker.description(of: kind), node, name)
        }
    }

    private func check(_ text: String, window: Bool, name: String, at position: Position) {
        do {
            let template = try Template(text)
            if !window, template.usesWindow || template.usesKeys {
                reading.report(
                    "'\(name)' cannot name the window: a tip has none; it may name {partition.NAME}", at: position)
            }
        } catch {
            reading.report(foreign: "'\(name)': \(error.description)", at: position)
        }
    }

    /// `10-01..06-30`, a list of those, or a map of either by partition value.
    func checkSeasons(_ node: ConfigNode, name: String, place: String) {
        guard let entries = node.map else { return check(node, .oneOrMany(.season), name: name, place: place) }
        if entries.isEmpty { reading.report("'\(name)' is empty; remove it or fill it", at: node.position) }
        for entry in entries {
            if entry.value.isNull {
                reading.report("'\(Shown.text(entry.name))' in '\(name)' has no value", at: entry.position)
            } else {
                check(entry.value, .oneOrMany(.season), name: entry.name, place: place)
            }
        }
    }

    /// `{column: [values]}`, or `{query: SELECT …, columns: […]}`.
    func checkPartitions(_ node: ConfigNode, name: String) {
        guard let entries = node.map else {
            return expected("a map of values by column, or a query and its columns", node, name)
        }
        if node.isPartitionQuery {
            return check(
                node, group: SettingsTable.partitionQuery, place: "'\(name)'", name: name, at: node.position)
        }
        if entries.isEmpty { reading.report("'\(name)' is empty; remove it or name a column", at: node.position) }
        for entry in entries {
            let shown = Shown.text(entry.name)
            if entry.name.isEmpty { reading.report("a partition column without a name", at: entry.position) }
            guard !entry.value.isNull else {
                reading.report("partition column '\(shown)' has no values", at: entry.position)
                continue
            }
            guard entry.value.list != nil else {
                reading.report(
                    "partition column '\(shown)': expected a list of values, found \(entry.value.found)",
                    at: entry.value.position)
                continue
            }
            check(entry.value, .list(.value), name: entry.name, place: name)
        }
    }

    /// What a value looks like, for the middle of a sentence.
    static func description(of kind: SettingKind) -> String {
        switch kind {
        case .integer(let range) where range.upperBound == .max:
            range.lowerBound == 1 ? "a number of at least 1" : "a number, \(range.lowerBound) or more"
        case .integer(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .boolean: "true or false"
        case .duration: "a time like 30s, 5m or 1h"
        case .length: "a length like 500, 12h, 30d or 1 month"
        case .share: "a share like 20%, or off"
        case .season: "a season like 10-01..06-30"
        case .choice(let words): list(words)
        case .version: "the number 1"
        case .path: "a dotted path like data.items, or $ for the whole page"
        case .body: "text, as in '{\"from\": {window.first}}'"
        default: "text"
        }
    }

    static func list(_ words: [String]) -> String {
        guard let last = words.last, words.count > 1 else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " or " + last
    }
}

extension ConfigNode {
    /// Whether partitions come from a query. A list under `query` is a column of that name.
    var isPartitionQuery: Bool { self["query"]?.scalar != nil }
}
