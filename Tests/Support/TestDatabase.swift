import Foundation
import Postgres

/// A database of a test's own on the server that `scripts/with-postgres` started, or that `DATABASE_URL` names.
public struct TestDatabase: Sendable {
    /// Its name.
    public let name: String
    /// A libpq connection string for it.
    public let connectionString: String

    /// A database that is there already, as on a server of a test's own.
    public init(name: String, connectionString: String) {
        self.name = name
        self.connectionString = connectionString
    }

    /// Runs `body` with a fresh, empty database and drops it afterwards.
    public static func with<Value>(_ body: (TestDatabase) async throws -> Value) async throws -> Value {
        let server = try serverConnectionString()
        let name = "lacuna_test_\(UInt32(getpid()))_\(String(UInt64.random(in: 0 ... .max), radix: 36))"
        try await execute("CREATE DATABASE \(name)", at: server)
        let database = TestDatabase(name: name, connectionString: adding("dbname", name, to: server))
        do {
            let value = try await body(database)
            try await execute("DROP DATABASE \(name) WITH (FORCE)", at: server)
            return value
        } catch {
            // A test's own failure is the one to see.
            try? await execute("DROP DATABASE \(name) WITH (FORCE)", at: server)
            throw error
        }
    }

    /// Whether the server was built with ICU.
    public static var hasICU: Bool {
        get async throws {
            try await with { database in
                try await database.value("SELECT (count(*) > 0)::text FROM pg_collation WHERE collprovider = 'i'")
                    == "true"
            }
        }
    }

    /// Opens a session on it.
    package func connect(role: String? = nil) async throws -> Session {
        var options = SessionOptions(
            connectionString: role.map { TestDatabase.adding("user", $0, to: connectionString) } ?? connectionString,
            applicationName: "test")
        options.connectDeadline = LongestWait.duration
        options.statementDeadline = LongestWait.duration
        options.cancelGrace = LongestWait.duration
        return try await Session.connect(options)
    }

    /// Runs a script.
    public func execute(_ sql: String) async throws {
        try await TestDatabase.execute(sql, at: connectionString)
    }

    /// The first column of every row of a query, as text; `NULL` for NULL.
    public func column(_ sql: String) async throws -> [String] {
        let session = try await connect()
        let rows = try await session.query(BoundStatement(name: "test", sql: sql))
        let values = try rows.map { try $0.getIfPresent(at: 0, as: String.self) ?? "NULL" }
        await session.close()
        return values
    }

    /// The only value of a query, as text.
    public func value(_ sql: String) async throws -> String {
        try await column(sql).first ?? "no row"
    }

    /// The only value of a query, as a number.
    public func number(_ sql: String) async throws -> Int {
        guard let number = Int(try await value(sql)) else {
            throw TestEnvironmentError("not a number: \(sql)")
        }
        return number
    }

    private static func execute(_ sql: String, at connectionString: String) async throws {
        var options = SessionOptions(connectionString: connectionString, applicationName: "test")
        options.connectDeadline = LongestWait.duration
        options.statementDeadline = LongestWait.duration
        let session = try await Session.connect(options)
        _ = try await session.script(sql, name: "test")
        await session.close()
    }

    private static func serverConnectionString() throws -> String {
        guard let url = ProcessInfo.processInfo.environment["DATABASE_URL"], !url.isEmpty else {
            throw TestEnvironmentError(
                "DATABASE_URL names no PostgreSQL: run the tests by scripts/test, or under scripts/with-postgres")
        }
        return url
    }

    /// A connection string, URI or keywords, with a parameter that overrides what it says.
    ///
    /// - Parameter value: letters, digits and underscores.
    public static func adding(_ keyword: String, _ value: String, to connectionString: String) -> String {
        guard connectionString.contains("://") else { return "\(connectionString) \(keyword)=\(value)" }
        return "\(connectionString)\(connectionString.contains("?") ? "&" : "?")\(keyword)=\(value)"
    }
}

/// The tests cannot run here, and why.
public struct TestEnvironmentError: Error, CustomStringConvertible {
    /// What is missing and what to do.
    public let description: String

    /// An error.
    public init(_ description: String) {
        self.description = description
    }
}
