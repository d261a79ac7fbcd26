import ArgumentParser
import Foundation
import Lacuna
import LacunaConfig
import LacunaSources
import Logging
import Postgres

/// The options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(
        name: .long, help: "The config file; default: lacuna.yaml, or what LACUNA_CONFIG names.", completion: .config)
    var config: String?

    @Option(
        name: .long,
        help:
            "A libpq connection string, instead of the config's. A password belongs in PGPASSFILE or a service, not here."
    )
    var database: String?

    @Option(name: .long, help: "trace, debug, info, notice, warning, error or critical; default: warning.")
    var logLevel: Logger.Level =
        GlobalOptions.environment("LOG_LEVEL").flatMap { Logger.Level(rawValue: $0) } ?? .warning

    @Option(name: .long, help: "How standard error is written: text, or json, an object a line.")
    var logFormat: LogFormat = GlobalOptions.environment("LOG_FORMAT").flatMap { LogFormat(rawValue: $0) } ?? .text

    @Flag(name: .long, help: "Show no progress.")
    var noProgress = GlobalOptions.environment("NO_PROGRESS") != nil

    /// The connection string that counts instead of the config's.
    fileprivate var givenDatabase: String? { database ?? GlobalOptions.environment("DATABASE") }

    /// What stands for an option that is not given: the variable LACUNA_ and its name; nil if that is absent or empty.
    private static func environment(_ name: String) -> String? {
        ProcessInfo.processInfo.environment["LACUNA_\(name)"].flatMap { $0.isEmpty ? nil : $0 }
    }

    var log: Logger {
        let handler = ConsoleLogHandler(logLevel: logLevel)
        return Logger(label: "lacuna") { _ in handler }
    }

    func validate() throws {
        if let level = GlobalOptions.environment("LOG_LEVEL"), Logger.Level(rawValue: level) == nil {
            throw ValidationError("LACUNA_LOG_LEVEL is '\(level)', which is no level: see --log-level")
        }
        if let format = GlobalOptions.environment("LOG_FORMAT"), LogFormat(rawValue: format) == nil {
            throw ValidationError("LACUNA_LOG_FORMAT is '\(format)': it takes text or json")
        }
        Console.shared.use(logFormat)
    }

    /// The path of the config file.
    var configPath: String {
        config ?? GlobalOptions.environment("CONFIG") ?? "lacuna.yaml"
    }

    /// A database without a config.
    func bareDatabase() -> Database {
        Console.shared.redact(secrets)
        return reached(Database(connectionString: givenDatabase), warningOnce())
    }

    /// The database of the config; without one, what the options and libpq's environment name.
    func anyDatabase() throws -> Database {
        let hasConfig = config != nil || FileManager.default.fileExists(atPath: configPath)
        return hasConfig ? try Project(self).database : bareDatabase()
    }

    /// What must not be shown of the options and of libpq's own environment.
    fileprivate var secrets: Set<String> {
        let environment = ProcessInfo.processInfo.environment
        return Configuration.passwords(inConnectionString: givenDatabase ?? "")
            .union([environment["PGPASSWORD"]].compactMap(\.self))
    }

    /// Leads warnings into the log, each only once: every session would give the same again.
    fileprivate func warningOnce() -> @Sendable (String) -> Void {
        let given = WarningLog(log)
        return { given.warn($0) }
    }

    /// The database with what it says led into the log.
    fileprivate func reached(_ database: Database, _ warn: @escaping @Sendable (String) -> Void) -> Database {
        let log = log
        if let given = self.database, !Configuration.passwords(inConnectionString: given).isEmpty {
            log.warning(
                "everybody on this machine can read the password after --database; PGPASSFILE or a service hides it")
        }
        var database = database
        database.onNotice = { log.debug("server \($0.severity): \($0.message)") }
        database.onWarning = warn
        return database
    }
}

/// A config that was read, and what it leads to.
struct Project {
    let configuration: Configuration
    let database: Database
    /// Limits and connections that streams of one source share.
    private let connections: HTTPConnections
    private let warn: @Sendable (String) -> Void

    /// Reads the config.
    ///
    /// - Throws: ``CommandFailure`` with status 78.
    init(_ options: GlobalOptions) throws {
        do {
            configuration = try Configuration.load(
                path: options.configPath, environment: ProcessInfo.processInfo.environment)
        } catch {
            let isThere = FileManager.default.fileExists(atPath: options.configPath)
            let hint = "; --config names another, and `lacuna gaps --table T --column C` needs none"
            throw CommandFailure(.configuration, error.description + (isThere ? "" : hint))
        }
        Console.shared.redact(configuration.secrets.union(options.secrets))
        warn = options.warningOnce()
        var database = Database(connectionString: options.givenDatabase ?? configuration.database?.value)
        if let timeout = configuration.statementTimeout { database.statementDeadline = timeout }
        self.database = options.reached(database, warn)
        connections = HTTPConnections(book: SharedTurns(self.database))
    }

    /// The streams of these names, in the config's order; all if none is named.
    ///
    /// - Throws: ``CommandFailure`` with status 64 for a name that is not declared.
    func streams(_ names: [String]) throws -> [StreamConfiguration] {
        let known = configuration.streams.map(\.definition.name)
        for name in names where !known.contains(name) {
            throw CommandFailure(
                .usage,
                "there is no stream '\(name)' in \(configuration.path); it declares \(known.joined(separator: ", "))")
        }
        return names.isEmpty
            ? configuration.streams : configuration.streams.filter { names.contains($0.definition.name) }
    }

    /// The only stream of that name.
    func stream(_ name: String) throws -> StreamConfiguration {
        guard let stream = try streams([name]).first else { throw CommandFailure(.usage, "no stream '\(name)'") }
        return stream
    }

    func reconciler(_ stream: StreamConfiguration) -> Reconciler {
        Reconciler(stream: stream.definition, source: source(of: stream), database: database)
    }

    func source(of stream: StreamConfiguration) -> any Source {
        stream.source.makeSource(name: stream.sourceName, connections: connections, warn)
    }
}

extension SourceSettings {
    /// The source with these settings.
    fileprivate func makeSource(
        name: String, connections: HTTPConnections, _ warn: @escaping @Sendable (String) -> Void
    ) -> any Source {
        switch self {
        case .command(let settings): CommandSource(settings)
        case .file(let settings): FileSource(settings)
        case .postgres(let settings): PostgresSource(settings, onWarning: warn)
        case .http(let settings): HTTPSource(settings, name: name, connections: connections, onWarning: warn)
        }
    }
}

/// `--partition`, `--from` and `--to`, read against a stream.
struct RangeOptions: ParsableArguments {
    @Option(
        name: .customLong("partition"),
        help: ArgumentHelp(
            "Only this partition; several columns are joined by commas. May be repeated.", valueName: "column=value"))
    var partitionTexts: [String] = []

    // Unconditional: a key may be negative.
    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The first key, inclusive: a key, or today-30d, now-6h.", valueName: "key"))
    var from: String?

    @Option(
        name: .long, parsing: .unconditional, help: ArgumentHelp("The last key, inclusive.", valueName: "key"))
    var to: String?

    func partitions(of stream: StreamDefinition) throws -> Set<Partition>? {
        try RangeOptions.partitions(partitionTexts, of: stream)
    }

    /// The partitions that texts like `league=NBA` name; nil if there are none.
    static func partitions(_ partitionTexts: [String], of stream: StreamDefinition) throws -> Set<Partition>? {
        guard !partitionTexts.isEmpty else { return nil }
        let columns = stream.partitions.columns
        return Set(
            try partitionTexts.map { text in
                var values: [String: String] = [:]
                // By Unicode scalars: a sign and a combining mark after it are one character.
                let whole = text.unicodeScalars[...]
                // With one column a comma belongs to the value.
                for pair in columns.count == 1 ? [whole] : whole.split(separator: ",") {
                    let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    guard parts.count == 2, columns.contains(String(parts[0])) else {
                        throw CommandFailure(
                            .usage,
                            "--partition \(text): expected column=value with the columns of stream \(stream.name): "
                                + (columns.isEmpty ? "it has none" : columns.joined(separator: ", ")))
                    }
                    values[String(parts[0])] = String(parts[1])
                }
                let ordered = columns.compactMap { values[$0] }
                guard ordered.count == columns.count else {
                    throw CommandFailure(
                        .usage, "--partition \(text): give a value for each of \(columns.joined(separator: ", "))")
                }
                let partition = Partition(ordered)
                if let declared = stream.partitions.declared, !declared.contains(partition) {
                    throw CommandFailure(
                        .usage, "--partition \(text): stream \(stream.name) declares no such partition")
                }
                return partition
            })
    }

    /// The options of a run on `stream`.
    func apply(to options: inout RunOptions, stream: StreamDefinition) throws {
        options.partitions = try partitions(of: stream)
        options.from = try stream.unit(of: "--from", from)
        options.to = try stream.unit(of: "--to", to, isLast: true)
        try RangeOptions.requireOrder(options.from, options.to, self.from, self.to)
    }

    /// Rejects a range that ends before it begins.
    static func requireOrder(_ first: Int64?, _ last: Int64?, _ from: String?, _ to: String?) throws {
        if let first, let last, first > last {
            throw CommandFailure(.usage, "--from \(from ?? "") lies behind --to \(to ?? "")")
        }
    }
}

/// The JSON Schema of the config.
enum ProjectSchema {
    static var text: String { Configuration.schema }
}
