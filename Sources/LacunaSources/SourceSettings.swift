import LacunaModel
import LacunaRecords

/// What a source is made of, as the config declares it.
package enum SourceSettings: Sendable, Hashable {
    /// A program that prints the window's records.
    case command(CommandSettings)
    /// A file.
    case file(FileSettings)
    /// A PostgreSQL database.
    case postgres(PostgresSettings)
    /// An HTTP API.
    case http(HTTPSettings)
}

/// The settings of a source that runs a program for each window.
public struct CommandSettings: Sendable, Hashable {
    /// The argument vector; the first is the program, looked up in PATH or relative to ``directory``.
    public var command: [Template]
    /// The argument vector that prints the tip's key; empty: the source has no tip.
    public var tip: [Template] = []
    /// What the program prints.
    public var format: RecordFormat = .ndjson
    /// Variables added to the environment that the program inherits.
    public var environment: [String: String] = [:]
    /// Variables that the program does not inherit, because they hold secrets of others.
    public var withheld: Set<String> = []
    /// Values that must not be shown of what the program says.
    public var secrets: Set<String> = []
    /// The directory that the program runs in: that of the config.
    public var directory: String = "."
    /// How long one run may take.
    public var timeout: Duration = .seconds(600)

    /// Settings of a command.
    public init(command: [Template]) {
        self.command = command
    }
}

/// The settings of a source that reads files.
public struct FileSettings: Sendable, Hashable {
    /// The file, relative to ``directory``.
    public var path: Template
    /// What the file holds; nil: what its name says, `.csv`, or `.ndjson` / `.jsonl`.
    public var format: RecordFormat?
    /// The directory that a relative path starts from: that of the config.
    public var directory: String = "."

    /// Settings of a file.
    public init(path: Template) {
        self.path = path
    }
}

/// The settings of a source that queries a PostgreSQL database.
public struct PostgresSettings: Sendable, Hashable {
    /// A libpq connection string; nil: libpq's own environment.
    public var database: String?
    /// The query for a window's rows. Placeholders become quoted literals.
    public var query: Template
    /// The query for the tip's key; nil: the source has no tip.
    public var tip: Template?
    /// How long a query may take.
    public var timeout: Duration = .seconds(600)

    /// Settings of a database.
    public init(query: Template) {
        self.query = query
    }
}

extension TipRequest {
    /// What a tip is for, and what to do without one.
    static let need =
        "which an open end needs: declare one, or say where the history ends, as in expect: {to: today - 1d}"
}
