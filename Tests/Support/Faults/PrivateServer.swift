import Foundation
import Postgres

/// A PostgreSQL server of a test's own: to be stopped, killed, filled up and promoted.
///
/// It listens on a Unix socket only, in a directory that is removed with it. Its user is called postgres.
public final class PrivateServer: Sendable {
    /// How a server is stopped.
    public enum Stop: String, Sendable {
        /// Open transactions are rolled back, clients are told.
        case fast
        /// As by a crash: nothing is written any more, the next start recovers.
        case immediate
    }

    private let base: URL
    private let program: ServerPrograms
    private let settings: [String]
    private let port: Int

    private var data: String { base.appendingPathComponent("data").path }
    private var log: String { base.appendingPathComponent("log").path }

    /// The path of the socket's file.
    public var socket: String { base.appendingPathComponent(".s.PGSQL.\(port)").path }

    /// The path of its `psql`: the program itself, where `PATH` may have a wrapper that takes longer to start.
    public var psql: String { program.path(of: "psql") }

    /// A libpq connection string for one of its databases.
    public func connectionString(database: String = "postgres") -> String {
        "host=\(base.path) port=\(port) user=postgres dbname=\(database)"
    }

    private init(program: ServerPrograms, settings: [String], port: Int = 5432, base: URL) {
        self.port = port
        self.program = program
        self.settings = settings
        self.base = base
    }

    /// Runs `body` with a fresh, running server.
    ///
    /// - Parameters:
    ///   - settings: as `NAME=VALUE`, beside those that make it fast. Its commits survive `immediate` stops all the same:
    ///     only a crash of the machine may cost them.
    ///   - port: where the settings let it listen on an address too.
    ///   - wal: where it keeps its write-ahead log, in files of a megabyte; nil: beside everything else.
    public static func with<Value>(
        settings: [String] = [], port: Int = 5432, wal: TestVolume? = nil,
        _ body: (PrivateServer) async throws -> Value
    ) async throws -> Value {
        let server = try await PrivateServer(
            program: ServerPrograms.find(), settings: settings, port: port, base: ServerPrograms.makeDirectory())
        return try await server.use(body) {
            try await server.program.run(
                "initdb",
                ["-D", server.data, "-U", "postgres", "-A", "trust", "--locale=C", "-E", "UTF8", "--no-sync"]
                    + (wal.map { ["--waldir=\($0.path)/wal", "--wal-segsize=1"] } ?? []))
            try await server.start()
        }
    }

    /// Runs `body` with a hot standby that streams from this server.
    public func withStandby<Value>(_ body: (PrivateServer) async throws -> Value) async throws -> Value {
        let standby = try PrivateServer(
            program: program, settings: settings, base: ServerPrograms.makeDirectory())
        return try await standby.use(body) {
            try await self.program.run(
                "pg_basebackup", "-D", standby.data, "-h", self.base.path, "-p", "5432", "-U", "postgres", "-R", "-X",
                "stream", "-c", "fast", "--no-sync")
            try await standby.start()
        }
    }

    private func use<Value>(
        _ body: (PrivateServer) async throws -> Value, after prepare: () async throws -> Void
    ) async throws -> Value {
        do {
            try await prepare()
            let value = try await body(self)
            await remove()
            return value
        } catch {
            await remove()
            throw error
        }
    }

    private func remove() async {
        try? await stop(.immediate)
        try? FileManager.default.removeItem(at: base)
    }

    /// Starts the server and waits until it takes connections.
    public func start() async throws {
        let all =
            [
                "listen_addresses=", "unix_socket_directories=\(base.path)", "port=\(port)", "fsync=off",
                "full_page_writes=off", "shared_buffers=32MB", "max_connections=100", "max_wal_senders=4",
            ] + settings
        let options = all.map { "-c '\($0)'" }.joined(separator: " ")
        try await LongestWait.until("the server starts", every: .milliseconds(100)) {
            let before = logText.count
            do {
                try await program.run(
                    "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "-t", LongestWait.seconds, "start")
                return true
            } catch {
                // After an immediate stop a dying process may hold the shared memory for a moment more.
                guard logText.dropFirst(before).contains("shared memory") else { throw error }
                return false
            }
        }
    }

    /// Stops the server.
    public func stop(_ mode: Stop) async throws {
        try await program.run("pg_ctl", "-D", data, "-m", mode.rawValue, "-w", "-t", LongestWait.seconds, "stop")
    }

    /// Settings of a server whose write-ahead log only grows.
    public static let keepingLog = [
        "max_wal_size=1GB", "min_wal_size=2MB", "wal_keep_size=1GB", "checkpoint_timeout=1d", "wal_recycle=off",
        "wal_compression=off",
    ]

    private var logText: String {
        String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
    }

    /// Waits until the server went down because its write-ahead log had no room, and could not come up again.
    ///
    /// The recovery of the first fall may find room for its own record in the last file of the log. A server that came up
    /// again gets something to write, because nobody else may be left who writes.
    public func waitUntilLogIsFull() async throws {
        try await LongestWait.until("the write-ahead log is full", every: .milliseconds(10)) {
            let text = logText
            guard text.contains("PANIC"), text.contains("No space left") else { return false }
            if text.contains("system is shut down") { return true }
            try? await execute("SELECT pg_logical_emit_message(false, 'test', repeat('x', 1 << 20))")
            return false
        }
    }

    /// Makes a standby a server of its own.
    public func promote() async throws {
        try await program.run("pg_ctl", "-D", data, "-w", "-t", LongestWait.seconds, "promote")
    }

    /// Runs a script in one of the server's databases.
    public func execute(_ sql: String, database: String = "postgres") async throws {
        let session = try await Session.connect(
            SessionOptions(connectionString: connectionString(database: database), applicationName: "test"))
        _ = try await session.script(sql, name: "test")
        await session.close()
    }
}

/// The programs of the PostgreSQL that is installed, run as a user who may run a server.
struct ServerPrograms: Sendable {
    private let directory: String
    private let runAs: [String]

    static func find() async throws -> ServerPrograms {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let places = path.split(separator: ":").map(String.init)
        let installed = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        let versions = installed.compactMap(Int.init).sorted(by: >).map { "/usr/lib/postgresql/\($0)/bin" }
        // Wrappers of some of them stand in places of their own: wanted is the folder that holds them all.
        let found = (places + versions).first { place in
            ["initdb", "pg_ctl", "pg_basebackup", "psql"].allSatisfy {
                FileManager.default.isExecutableFile(atPath: "\(place)/\($0)")
            }
        }
        guard let found else {
            throw TestEnvironmentError(
                "no initdb, pg_ctl, pg_basebackup and psql in PATH: run the tests by scripts/test, or under scripts/with-postgres"
            )
        }
        return ServerPrograms(directory: found, runAs: try await userChange())
    }

    /// PostgreSQL refuses to run as root.
    private static func userChange() async throws -> [String] {
        guard getuid() == 0 else { return [] }
        let ways = [
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"],
            ["runuser", "-u", "postgres", "--"], ["sudo", "-n", "-u", "postgres", "--"],
        ]
        for way in ways where (try? await execute(way + ["true"])) != nil { return way }
        throw TestEnvironmentError("cannot run programs as the user postgres (tried setpriv, runuser and sudo)")
    }

    /// A directory that the server's user can enter, with a path that is short enough for a socket's.
    static func makeDirectory() throws -> URL {
        let url = URL(fileURLWithPath: "/tmp/lacuna-server-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        if getuid() == 0 {
            guard let user = getpwnam("postgres") else {
                throw TestEnvironmentError("PostgreSQL refuses to run as root, and there is no user postgres")
            }
            chown(url.path, user.pointee.pw_uid, user.pointee.pw_gid)
        }
        return url
    }

    func path(of program: String) -> String { "\(directory)/\(program)" }

    /// Runs one of the programs to its end.
    func run(_ program: String, _ arguments: String...) async throws {
        try await run(program, arguments)
    }

    func run(_ program: String, _ arguments: [String]) async throws {
        try await ServerPrograms.execute(runAs + [path(of: program)] + arguments)
    }

    private static func execute(_ command: [String]) async throws {
        let result = try await Command.run(command)
        guard result.status == 0 else {
            throw TestEnvironmentError(
                "\(command.joined(separator: " ")): status \(result.status): \(result.output)")
        }
    }
}
