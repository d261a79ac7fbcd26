import Foundation
import LacunaModel
import LacunaRecords
import LacunaSources

/// A config that was read and found valid.
package struct Configuration: Sendable {
    /// Its path, as it was given.
    package let path: String
    /// A libpq connection string; nil: libpq's own environment.
    package let database: Secret?
    /// How long one statement may take; nil: what ``Lacuna/Database`` says.
    package let statementTimeout: Duration?
    /// The streams, in the order of the file.
    package let streams: [StreamConfiguration]
    /// Who is told of runs; nil: nobody.
    package let notifications: NotificationSettings?
    /// The environment variables that the config takes values from, in alphabetical order.
    package let variables: [String]
    /// Every value that came from `${env:…}` or `${file:…}`, the passwords in connection strings, and the webhook: what
    /// must not be shown. A value may be as short as one character.
    package let secrets: Set<String>

    let document: ConfigNode

    /// Variables that programs need to run at all. They hold no secrets, whatever takes values from them.
    private static let plainVariables: Set<String> = [
        "HOME", "HOSTNAME", "LANG", "LC_ALL", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
    ]

    /// The passwords in a libpq connection string, as written and as meant.
    package static func passwords(inConnectionString text: String) -> Set<String> {
        ConnectionString.passwords(in: text)
    }

    /// Reads a config.
    ///
    /// - Parameters:
    ///   - path: of the file. What the config names is relative to its directory.
    ///   - environment: what `${env:NAME}` takes its values from.
    /// - Throws: ``ConfigurationError`` with every problem that was found.
    package static func load(path: String, environment: [String: String]) throws(ConfigurationError) -> Configuration {
        let text: String
        do {
            text = try Reading.text(ofFile: path, limit: YAMLDocument.byteLimit, limitText: "1 MiB")
        } catch {
            let problem = ConfigurationError.Problem(
                line: nil, column: nil, message: "cannot read the config: \(error.reason)", suggestion: nil)
            throw ConfigurationError(path: path, problems: [problem])
        }
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        return try parse(text, path: path, directory: directory, environment: environment)
    }

    /// Reads a config's text.
    ///
    /// - Parameters:
    ///   - text: YAML.
    ///   - path: how messages call the file.
    ///   - directory: what relative paths start from.
    ///   - environment: what `${env:NAME}` takes its values from.
    /// - Throws: ``ConfigurationError`` with every problem that was found.
    package static func parse(
        _ text: String,
        path: String,
        directory: String,
        environment: [String: String]
    ) throws(ConfigurationError) -> Configuration {
        try read(text, reading: Reading(path: path, directory: directory, environment: environment))
    }

    /// Reads in three passes, each only over what the one before found sound: YAML, shapes, meaning.
    static func read(_ text: String, reading: Reading) throws(ConfigurationError) -> Configuration {
        let document = YAMLDocument.read(text, reading: reading)
        if let document {
            for text in document.connectionStrings {
                ConnectionString.passwords(in: text.text).forEach(reading.addSecret)
            }
            document.writtenSecrets.forEach(reading.addSecret)
        }
        try reading.throwProblems()
        guard let document else { throw ConfigurationError(path: reading.path, problems: []) }
        var checker = ShapeChecker(reading: reading)
        checker.check(document: document)
        try reading.throwProblems()
        let root = Section(document, group: SettingsTable.document.name, reading: reading)
        // The shape was checked; nothing but a 1 can stand there.
        _ = root["version"]
        let notify = root["notify"]
        let withheld = document.variables.union(["PGPASSWORD", "LACUNA_DATABASE"]).subtracting(
            Configuration.plainVariables)
        let reader = StreamReader(
            reading: reading,
            sources: root["sources"]?.map ?? [],
            defaults: root["defaults"]?.map ?? [],
            withheld: withheld
        )
        let notifications = notify.map { NotificationReader(reading: reading, withheld: withheld).settings($0) }
        let streams = (root["streams"]?.map ?? []).compactMap(reader.stream)
        let database = root.text("database").map(Secret.init)
        let statementTimeout = root.duration("statement_timeout")
        try reading.throwProblems()
        return Configuration(
            path: reading.path, database: database, statementTimeout: statementTimeout, streams: streams,
            notifications: notifications, variables: document.variables.sorted(), secrets: reading.secrets,
            document: document)
    }
}

/// A stream of the config and where its rows come from.
package struct StreamConfiguration: Sendable {
    /// The stream.
    package let definition: StreamDefinition
    /// The name of its source in the config: streams of one source share its limits.
    package let sourceName: String
    /// The source's settings, with the stream's overrides.
    package let source: SourceSettings
}

extension ConfigNode {
    /// The environment variables in a document.
    var variables: Set<String> {
        switch content {
        case .scalar(let text): Set(text.variables)
        case .list(let nodes): nodes.reduce(into: []) { $0.formUnion($1.variables) }
        case .map(let entries): entries.reduce(into: []) { $0.formUnion($1.value.variables) }
        }
    }

    /// Every `database` setting in a document.
    fileprivate var connectionStrings: [WrittenText] {
        holders.compactMap { $0["database"]?.scalar }
    }

    /// What is secret by its place, though it is written into the document: credentials, and headers and parameters that
    /// carry them.
    fileprivate var writtenSecrets: [String] {
        holders.flatMap { holder in
            let credentials = ["token", "key", "password", "client_secret"].compactMap { holder["auth"]?[$0] }
            let named = [
                holder["headers"], holder["request"]?["headers"], holder["request"]?["params"],
                holder["tip"]?["headers"], holder["tip"]?["params"],
            ]
            let telling = named.flatMap { ($0?.map ?? []).filter { HTTPSettings.namesSecret($0.name) }.map(\.value) }
            return (credentials + telling).compactMap { $0.scalar?.text }.filter { !$0.contains("{") }
        }
    }

    /// The places where settings of sources stand.
    private var holders: [ConfigNode] {
        [self, self["defaults"]].compactMap(\.self)
            + ["sources", "streams"].flatMap { name in (self[name]?.map ?? []).map(\.value) }
    }
}
