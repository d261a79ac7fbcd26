import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Whether the server lets this session write at all, whatever the tables and privileges are.
package enum WritableServer {
    /// Rejects a standby, and a session whose transactions only read.
    ///
    /// - Throws: ``StreamError/readOnly``, ``StreamError/readOnlyByDefault``; ``PostgresError``.
    package static func require(on session: Session) async throws {
        if let problem = try await problem(on: session) { throw problem }
    }

    /// What is in the way of writing; nil if nothing is.
    static func problem(on session: Session) async throws -> StreamError? {
        let clock = try await session.query(try Statements.selectClock.bound()).only()
        if try clock.get("in_recovery", as: Bool.self) { return .readOnly }
        return try clock.get("reads_only", as: Bool.self) ? .readOnlyByDefault : nil
    }
}
