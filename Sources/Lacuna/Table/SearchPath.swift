import Foundation
import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What Lacuna's own statements resolve names with: nothing that another role could have put in the way.
let lacunaSearchPath = "pg_catalog, pg_temp"

extension Session {
    /// Has names resolve as Lacuna's own statements need it, in what the open transaction runs next.
    func useLacunaSearchPath() throws {
        try enqueue(.searchPath(lacunaSearchPath))
    }

    /// Runs `body`, which leads to user SQL, with the user's own search path, and goes back to Lacuna's.
    ///
    /// Both go along with other statements and cost no round trip. If `body` throws, the path stays: its transaction or its
    /// savepoint is rolled back, and the path with it.
    ///
    /// - Parameter path: the user's.
    /// - Throws: what `body` throws.
    func withUserSearchPath<Value>(_ path: String, _ body: () async throws -> Value) async throws -> Value {
        try enqueue(.searchPath(path))
        let value = try await body()
        try useLacunaSearchPath()
        return value
    }

    /// Has the time zone set for what the open transaction runs next.
    func setTimezone(_ timezone: TimeZone) throws {
        try enqueue(try Statements.setParameter.bound(values: ["name": "TimeZone", "value": timezone.sqlName]))
    }

    /// Runs a user's own query with the user's own search path.
    func userQuery(_ name: String, _ searchPath: String, _ statement: BoundStatement) async throws -> Rows {
        try await namingUserSQL(name) {
            try await withUserSearchPath(searchPath) { try await query(statement) }
        }
    }

    /// Runs a statement with a user's own SQL in it, with the user's own search path, and takes its rows one by one.
    func forEachUserRow(
        _ name: String, _ searchPath: String, _ statement: BoundStatement, _ body: (Row) throws -> Void
    ) async throws {
        try await namingUserSQL(name) {
            try await withUserSearchPath(searchPath) { try await forEachRow(statement, body) }
        }
    }

    private func namingUserSQL<Value>(_ name: String, _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch PostgresError.server(let error) where ["42", "22"].contains(error.sqlState.conditionClass) {
            throw StreamError.invalid("\(name) failed: \(error)")
        }
    }
}

extension BoundStatement {
    /// Sets the search path until the transaction ends.
    static func searchPath(_ path: String) throws -> BoundStatement {
        try Statements.setParameter.bound(values: ["name": "search_path", "value": path])
    }
}
