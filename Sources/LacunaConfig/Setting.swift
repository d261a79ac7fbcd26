/// A setting of lacuna.yaml. What the reader accepts, what it suggests, the JSON Schema and the reference come from these.
struct Setting: Sendable {
    let name: String
    let kind: SettingKind
    /// One line for a person who writes a config.
    let summary: String
    let isRequired: Bool
    /// What holds if it is not set, as it would be written or in words; nil if nothing does.
    let fallback: String?

    init(_ name: String, _ kind: SettingKind, _ summary: String, required: Bool = false, absent fallback: String? = nil)
    {
        self.name = name
        self.kind = kind
        self.summary = summary
        isRequired = required
        self.fallback = fallback
    }

    /// The summary and what holds if the setting is absent.
    var description: String {
        fallback.map { "\(summary) If absent: \($0)." } ?? summary
    }
}

/// The settings that a map takes.
struct SettingsGroup: Sendable {
    let name: String
    let settings: [Setting]

    subscript(name: String) -> Setting? {
        settings.first { $0.name == name }
    }

    /// The names that may be written.
    var names: [String] {
        settings.map(\.name)
    }
}

/// What a setting's value looks like.
indirect enum SettingKind: Sendable {
    /// Text that is not empty.
    case text
    /// Text that may be the empty one in quotes.
    case value
    /// The version of the config language.
    case version
    case integer(ClosedRange<Int64>)
    case boolean
    /// An exact time above zero.
    case duration
    /// A number of units, a time or calendar months.
    case length
    /// A share in percent, or `off`.
    case share
    /// An end of the expected range.
    case bound(allowsTip: Bool)
    /// A part of every year.
    case season
    /// One of these words.
    case choice([String])
    /// Text with placeholders.
    case template(window: Bool)
    /// A body: text in which only what names the window or the partition is a placeholder.
    case body(window: Bool)
    /// A place in a JSON document.
    case path
    /// An argument vector of templates.
    case arguments(window: Bool)
    /// The path of a SQL file.
    case script
    /// At least one.
    case list(SettingKind)
    /// One without brackets, or a list of at least one.
    case oneOrMany(SettingKind)
    /// Names of the user's own, at least one.
    case map(SettingKind, of: String)
    case group(SettingsGroup)
    /// A source's settings, which depend on its `type`.
    case source
    /// A stream's settings, which depend on its source's type.
    case stream
    /// Any stream's settings.
    case defaults
    /// A season, several, or those by partition value.
    case seasons
    /// Values by column, or a query.
    case partitions
    /// What one of these takes.
    case either([SettingKind])
}

/// The types of sources that this version has.
enum SourceType: String, Sendable, CaseIterable {
    case command, file, postgres, http
}
