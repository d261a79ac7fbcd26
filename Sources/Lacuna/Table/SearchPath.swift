import Foundation
import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What Lacuna's own statements resolve names with: nothing that another role could have put in the way.
let lacunaSearchPath = "pg_catalog, pg_temp"

extension Session {
    /// Has the search path set for what the open transaction runs next.
    func setSearchPath(_ path: String) throws {
        try enqueue(.searchPath(path))
    }

    /// Has the time zone set for what the open transaction runs next.
    func setTimezone(_ timezone: TimeZone) throws {
        try enqueue(try Statements.setParameter.bound(values: ["name": "TimeZone", "value": timezone.sqlName]))
    }

    /// Runs a user's own query with the user's own search path.
    func userQuery(_ name: String, _ searchPath: String, _ statement: BoundStatement) async throws -> Rows {
        try setSearchPath(searchPath)
        let rows: Rows
        do {
            rows = try await query(statement)
        } catch PostgresError.server(let error) where ["42", "22"].contains(error.sqlState.conditionClass) {
            throw StreamError.invalid("\(name) failed: \(error)")
        }
        try setSearchPath(lacunaSearchPath)
        return rows
    }
}

extension BoundStatement {
    /// Sets the search path until the transaction ends.
    static func searchPath(_ path: String) throws -> BoundStatement {
        try Statements.setParameter.bound(values: ["name": "search_path", "value": path])
    }
}
