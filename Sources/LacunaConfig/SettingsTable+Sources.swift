import LacunaModel
import LacunaRecords

extension SettingsTable {
    /// The words that a source's `type` takes.
    static let sourceType = Setting(
        "type", .choice(SourceType.allCases.map(\.rawValue)), "Where the rows come from.",
        required: true)

    /// The settings of a source but for its type, which a stream may override.
    static func source(_ type: SourceType) -> SettingsGroup {
        switch type {
        case .command: command
        case .file: file
        case .postgres: postgres
        case .http: http
        }
    }

    /// The types of source that have a setting.
    static func types(having name: String) -> [SourceType] {
        SourceType.allCases.filter { source($0)[name] != nil }
    }

    /// What a stream takes: its own settings and those of its source.
    ///
    /// - Parameter type: its source's type; nil if any is meant.
    static func stream(overriding type: SourceType?) -> SettingsGroup {
        var settings = stream.settings
        if let type {
            settings += source(type).settings
        } else {
            for type in SourceType.allCases {
                for setting in source(type).settings where !settings.contains(where: { $0.name == setting.name }) {
                    settings.append(anySource(setting))
                }
            }
        }
        return SettingsGroup(name: stream.name, settings: settings)
    }

    /// A setting as it may look for any type of source that has it.
    private static func anySource(_ setting: Setting) -> Setting {
        let kinds = types(having: setting.name).compactMap { source($0)[setting.name]?.kind }
        let isOneKind = !["tip", "timeout", "format"].contains(setting.name)
        return Setting(
            setting.name, isOneKind ? setting.kind : .either(kinds), setting.summary,
            absent: isOneKind ? setting.fallback : nil)
    }

    static let retrying = Setting("retry", .group(retry), "How transient faults are retried.")
    private static let timeout = Setting("timeout", .duration, "How long one run or query may take.", absent: "10m")
    private static let format = Setting(
        "format", .choice(RecordFormat.allCases.map(\.rawValue)),
        "What is printed or stored: ndjson, or csv with a header.", absent: "ndjson; of a file by its name")

    private static let command = SettingsGroup(
        name: "command source",
        settings: [
            Setting(
                "command", .arguments(window: true),
                "The argument vector of a program that prints a window's rows. Never a shell."),
            Setting("tip", .arguments(window: false), "The argument vector or query that gives the newest key."),
            format,
            Setting("environment", .map(.value, of: "variable"), "Variables added to the program's environment."),
            timeout,
            retrying,
        ])

    private static let file = SettingsGroup(
        name: "file source",
        settings: [
            Setting("path", .template(window: true), "The file, relative to the config's directory."),
            format,
            retrying,
        ])

    private static let postgres = SettingsGroup(
        name: "postgres source",
        settings: [
            Setting("database", .text, "A libpq connection string.", absent: "libpq's own environment"),
            Setting("query", .template(window: true), "The query for a window's rows."),
            Setting("tip", .template(window: false), "A query for the newest key."),
            timeout,
            retrying,
        ])
}
