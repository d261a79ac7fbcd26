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
        do {
            return try await withUserSearchPath(searchPath) { try await query(statement) }
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
