import LacunaSources

extension Configuration {
    /// Every setting of lacuna.yaml as a page of Markdown, made from the table that the reader reads by.
    public static let reference = SettingsReference.page
}

/// Makes the reference of the table of settings.
enum SettingsReference {
    static var page: String {
        ([introduction] + groups.map(section)).joined(separator: "\n\n")
    }

    private static let introduction = """
        # Settings of lacuna.yaml

        <!-- Made by `lacuna config --reference`. Do not edit: scripts/docs writes it anew. -->

        This page lists every setting. The reader of lacuna.yaml and its JSON Schema use the same table.
        An unknown setting, a wrong type or an impossible value is an error with file, line and column.
        A stream may also set what its source sets, but for `type`. The stream's value counts.
        So `command`, `path`, `query` and `base_url` are required at one of the two places.

        ## Values

        | value | is written as |
        |---|---|
        | text | any text that is not empty |
        | number | digits, which may be grouped: `1_000_000` |
        | duration | an exact time: `30s`, `10m`, `1h`, `1d` |
        | length | a number of units, a duration, or calendar months: `500`, `30d`, `1 month` |
        | bound | a key, or a moving day or time: `2015-01-01`, `today - 90d`, `now` |
        | season | a part of every year: `10-01..06-30` |
        | template | text with placeholders such as `{window.first}` and `{partition.region}` |
        | path | names and positions in a JSON document: `data.0.id`; `$` is the document |
        | SQL file | the path of a file, relative to the config |

        Every text may hold `${env:NAME}` and `${file:PATH}`. `$${` stands for `${` itself.
        """

    /// The groups, each before those that it leads to.
    private static var groups: [SettingsGroup] {
        var found = [SettingsTable.document]
        var index = 0
        while index < found.count {
            let reached = found[index].settings.flatMap { groups(in: $0.kind) }
            for group in reached where !found.contains(where: { $0.name == group.name }) { found.append(group) }
            index += 1
        }
        return found
    }

    private static func groups(in kind: SettingKind) -> [SettingsGroup] {
        switch kind {
        case .group(let group): [group]
        case .list(let kind), .oneOrMany(let kind), .map(let kind, _): groups(in: kind)
        case .either(let kinds): kinds.flatMap(groups)
        case .source: SourceType.allCases.map(source)
        case .stream: [SettingsTable.stream]
        case .partitions: [SettingsTable.partitionQuery]
        default: []
        }
    }

    /// A source's settings with its type, which says what else it takes.
    private static func source(_ type: SourceType) -> SettingsGroup {
        let group = SettingsTable.source(type)
        let word = Setting("type", .choice([type.rawValue]), SettingsTable.sourceType.summary, required: true)
        return SettingsGroup(name: group.name, settings: [word] + group.settings)
    }

    private static func section(_ group: SettingsGroup) -> String {
        let rows = group.settings.map { setting in
            let fallback = setting.isRequired ? "required" : setting.fallback ?? ""
            let cells = ["`\(setting.name)`", value(setting.kind), fallback, setting.summary]
            return "| " + cells.map(cell).joined(separator: " | ") + " |"
        }
        let head = ["## \(group.name)", "", "| setting | value | if absent | meaning |", "|---|---|---|---|"]
        return (head + rows).joined(separator: "\n")
    }

    /// Text inside a cell: a bar would end it, and angle brackets would be a tag.
    private static func cell(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("<", with: "&lt;")
    }

    private static func value(_ kind: SettingKind) -> String {
        switch kind {
        case .text: "text"
        case .value: "text, also empty"
        case .version: "`1`"
        case .integer(let range): number(range)
        case .boolean: "`true` or `false`"
        case .duration: "duration"
        case .length: "length"
        case .bound(let allowsTip): allowsTip ? "bound or `tip`" : "bound"
        case .share: "share in percent, `off`"
        case .season: "season"
        case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
        case .template: "template"
        case .body: "JSON as a template"
        case .path: "path"
        case .arguments: "list of templates"
        case .script: "SQL file"
        case .list(let kind): "list of: \(value(kind))"
        case .oneOrMany(let kind): "one or a list of: \(value(kind))"
        case .map(let kind, let name): "map, by \(name): \(value(kind))"
        case .group(let group): link(group)
        case .source: SourceType.allCases.map { link(SettingsTable.source($0)) }.joined(separator: ", ")
        case .stream, .defaults: link(SettingsTable.stream)
        case .seasons: "one or a list of: season; or a map of these, by partition value"
        case .partitions: "map, by column: list of values; or \(link(SettingsTable.partitionQuery))"
        case .either(let kinds): kinds.map(value).joined(separator: "; or ")
        }
    }

    private static func number(_ range: ClosedRange<Int64>) -> String {
        range.upperBound == .max
            ? "number, \(range.lowerBound) or more" : "number, \(range.lowerBound) to \(range.upperBound)"
    }

    private static func link(_ group: SettingsGroup) -> String {
        "[\(group.name)](#\(group.name.replacing(" ", with: "-")))"
    }
}
