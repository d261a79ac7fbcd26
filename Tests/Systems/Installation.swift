import Foundation
import Testing
import TestSupport

/// A database, a directory with a lacuna.yaml, and the real program run in it as a user would.
struct Installation: Sendable {
    let database: TestDatabase
    let directory: TestDirectory
    /// What the program's environment holds beside the database.
    var environment: [String: String] = [:]

    /// Runs `body` with a fresh installation.
    ///
    /// - Parameters:
    ///   - schema: SQL that makes the user's tables.
    ///   - config: the config without `version` and `database`; nil: there is none.
    ///   - sources: programs and data files by name; those that begin with `#!` can be run.
    ///   - isInitialised: whether `lacuna init` has been run.
    static func with<Value>(
        _ schema: String, config: String? = nil, files: [String: String] = [:], isInitialised: Bool = true,
        _ body: (Installation) async throws -> Value
    ) async throws -> Value {
        try await Slots.shared.with {
            try await make(schema, config: config, files: files, isInitialised: isInitialised, body)
        }
    }

    private static func make<Value>(
        _ schema: String, config: String?, files: [String: String], isInitialised: Bool,
        _ body: (Installation) async throws -> Value
    ) async throws -> Value {
        try await TestDatabase.with { database in
            try await make(
                on: database, schema, config: config, files: files, isInitialised: isInitialised, body)
        }
    }

    /// Runs `body` with a fresh installation on a server of its own.
    static func with<Value>(
        server: PrivateServer, _ schema: String, config: String, files: [String: String] = [:],
        _ body: (Installation) async throws -> Value
    ) async throws -> Value {
        let database = TestDatabase(name: "postgres", connectionString: server.connectionString())
        return try await make(on: database, schema, config: config, files: files, isInitialised: true, body)
    }

    private static func make<Value>(
        on database: TestDatabase, _ schema: String, config: String?, files: [String: String], isInitialised: Bool,
        _ body: (Installation) async throws -> Value
    ) async throws -> Value {
        try await TestDirectory.with { directory in
            let installation = Installation(database: database, directory: directory)
            try await database.execute(schema)
            for (name, text) in files {
                try directory.write(text, to: name, executable: text.hasPrefix("#!"))
            }
            if let config {
                try installation.configure(config)
                if isInitialised {
                    let result = try await installation.lacuna("init")
                    try #require(result.status == 0, "\(result.errors)")
                }
            }
            return try await body(installation)
        }
    }

    /// Runs `body` with an installation that was made from a template, as its user would: its files, its tables, the schema.
    ///
    /// - Parameter environment: the variables that the template names.
    static func with<Value>(
        template: String, environment: [String: String], _ body: (Installation) async throws -> Value
    ) async throws -> Value {
        try await with("") { plain in
            let installation = Installation(
                database: plain.database, directory: plain.directory, environment: environment)
            let template = try await installation.lacuna("init", "--template", template)
            try #require(template.status == 0, "\(template.errors)")
            let tables = installation.directory.url.appendingPathComponent("tables.sql")
            try await installation.database.execute(try String(contentsOf: tables, encoding: .utf8))
            let schema = try await installation.lacuna("init")
            try #require(schema.status == 0, "\(schema.errors)")
            return try await body(installation)
        }
    }

    /// Writes the config.
    func configure(_ config: String) throws {
        try directory.write("version: 1\ndatabase: ${env:TEST_DATABASE}\n" + config, to: "lacuna.yaml")
    }

    /// Runs the program to its end.
    func lacuna(_ arguments: String..., database other: String? = nil) async throws -> LacunaProcess.Result {
        try await start(arguments, database: other).wait()
    }

    /// Starts the program.
    func start(_ arguments: [String], database other: String? = nil) throws -> LacunaProcess {
        let address = other ?? database.connectionString
        return try LacunaProcess(
            arguments, in: directory.url,
            environment: environment.merging(["TEST_DATABASE": address, "DATABASE_URL": address]) { $1 })
    }

    // MARK: What was left behind

    /// Waits until the server has noticed that the program is gone: a killed client may still be committing.
    func waitUntilBackendsAreGone() async throws {
        let sessions =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
            + "pg_backend_pid() AND application_name LIKE 'lacuna%'"
        try await waitUntil("no session of Lacuna's is left") { try await database.number(sessions) == 0 }
    }

    /// What a run must not leave in the database once its sessions are gone.
    func leftovers() async throws -> [String] {
        try await database.column(
            """
            SELECT 'lock ' || locktype FROM pg_locks
            WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND locktype = 'advisory'
            UNION ALL SELECT 'temporary table ' || relname FROM pg_class WHERE relpersistence = 't'
            UNION ALL SELECT 'transaction ' || application_name FROM pg_stat_activity
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'
            """)
    }

    /// Waits until no program that a source started is running any more.
    func waitUntilChildrenAreGone() async throws {
        try await waitUntil("no child process is left") { try children().isEmpty }
    }

    /// The programs that run in the installation's directory, by their command lines.
    private func children() throws -> [String] {
        #if os(Linux)
            let here = directory.url.resolvingSymlinksInPath().path
            return try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int32($0) != nil }.filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/cwd")) == here
            }
        #else
            return []
        #endif
    }

    func waitUntil(_ condition: String, _ holds: () async throws -> Bool) async throws {
        try await LongestWait.until(condition, every: .milliseconds(3), holds)
    }

    // MARK: What was changed

    /// Every row of the user's tables and of Lacuna's evidence with the version it has, and what the journal calls
    /// committed. Equal before and after means that nothing was written, not even the same again. What is
    /// remembered of surveys is left out: a run that fails remembers what is missing, too.
    func image() async throws -> [String] {
        var tables = try await database.column(
            """
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                AND (n.nspname, c.relname) NOT IN (
                    ('lacuna', 'batch'), ('lacuna', 'run'), ('lacuna', 'stream'), ('lacuna', 'survey'), ('lacuna', 'survey_partition'),
                    ('lacuna', 'gap'))
            ORDER BY 1
            """
        ).map { ($0, "true") }
        if try await database.value("SELECT to_regclass('lacuna.batch')::text") != "NULL" {
            tables.append(("lacuna.batch", "state = 'committed'"))
        }
        var image: [String] = []
        for (table, condition) in tables {
            image += try await database.column(
                "SELECT '\(table.replacing("'", with: "''")) ' || t.xmin || ' ' || t.ctid || ' ' || t::text "
                    + "FROM \(table) AS t WHERE \(condition) ORDER BY t.ctid")
        }
        // Of a stream's registration the number of its first run belongs to the journal.
        if try await database.value("SELECT to_regclass('lacuna.stream')::text") != "NULL" {
            image += try await database.column(
                "SELECT 'lacuna.stream ' || (to_jsonb(t) - 'first_run')::text FROM lacuna.stream AS t ORDER BY name")
        }
        return image
    }

    /// The lines of a file that a source appends to; none where it does not exist.
    func lines(of file: String) -> [String] {
        let data = FileManager.default.contents(atPath: directory.url.appendingPathComponent(file).path)
        return String(decoding: data ?? Data(), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func remove(_ file: String) throws {
        let url = directory.url.appendingPathComponent(file)
        if FileManager.default.fileExists(atPath: url.path) { try FileManager.default.removeItem(at: url) }
    }
}

/// Lets a few tests at a time start programs: dozens at once would wait for each other's processors, and those that
/// watch a moment of a run would miss it.
private actor Slots {
    static let shared = Slots()

    private var free = 4
    private var waiting: [CheckedContinuation<Void, Never>] = []

    nonisolated func with<Value>(_ body: () async throws -> Value) async throws -> Value {
        await take()
        do {
            let value = try await body()
            await give()
            return value
        } catch {
            await give()
            throw error
        }
    }

    private func take() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func give() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// Sources that most tests share.
enum Program {
    /// Prints the numbers of a window as `n,v` rows and appends each request to `requests`.
    ///
    /// - Parameters:
    ///   - pause: seconds that it takes first.
    ///   - tip: what it prints where it is asked for the tip.
    static func numbers(pause: String = "0", tip: Int = 0) -> String {
        """
        #!/bin/sh
        if [ "$1" = --tip ]; then echo \(tip); exit; fi
        echo "$1 $2" >> requests
        sleep \(pause)
        exec awk -v first="$1" -v last="$2" 'BEGIN { print "n,v"; for (n = first; n <= last; n++) print n ",v" n }'
        """
    }

    /// The source of a config that runs ``numbers(pause:tip:)`` from the file `numbers`.
    static let source = """
        sources:
          numbers:
            type: command
            command: [./numbers, "{window.first}", "{window.last}"]
            tip: [./numbers, --tip]
            format: csv
            retry: {attempts: 1}

        """

    /// The stream of a config that reads ``source`` into the table `numbers`.
    static func stream(batch: Int, more: String = "") -> String {
        "streams:\n  numbers: {source: numbers, table: numbers, key: {column: n, type: integer}, "
            + "expect: {from: 0}, batch: \(batch), workers: 4\(more)}\n"
    }
}

extension Program {
    /// The source of a config that reads the numbers 0 to 199 from the file `numbers.csv`.
    static let fileSource = "sources: {numbers: {type: file, path: numbers.csv}}\n"
    /// That file.
    static let numbersFile = "n,v\n" + (0..<200).map { "\($0),v\($0)\n" }.joined()
}
