import LacunaModel
import LacunaRecords
import Postgres

extension Database {
    /// Opens a session, hands it to `body` and closes it, whatever comes of that.
    ///
    /// - Parameters:
    ///   - activity: what `pg_stat_activity` shows.
    ///   - stream: the stream that it works for.
    /// - Throws: ``PostgresError/connectionFailed(_:)``; what `body` throws.
    package func withSession<Value>(
        _ activity: String, stream: StreamDefinition? = nil, _ body: (Session) async throws -> Value
    ) async throws -> Value {
        try await connectPatiently(activity, stream: stream).closedAfter(body)
    }

    /// Opens a session, reads on it and closes it; on another one where the connection is lost meanwhile or the server
    /// restarts.
    ///
    /// - Throws: what `body` throws in the end; `CancellationError`.
    package func reading<Value>(
        _ activity: String, stream: StreamDefinition? = nil, _ body: (Session) async throws -> Value
    ) async throws -> Value {
        let (session, value) = try await connected(activity, stream: stream, body)
        await session.close()
        return value
    }

    /// Opens a session and reads on it; on another one where the connection is lost meanwhile or the server restarts.
    ///
    /// - Returns: the session, open, and what was read.
    func connected<Value>(
        _ activity: String, stream: StreamDefinition? = nil, _ body: (Session) async throws -> Value
    ) async throws -> (Session, Value) {
        var opened: Session? = try await connectPatiently(activity, stream: stream)
        return try await RetryPolicy(attempts: 5, backoff: .seconds(1)).run(mayPass: PostgresError.mayPass) { _ in
            let session = if let opened { opened } else { try await connect(activity, stream: stream) }
            opened = nil
            do {
                return (session, try await body(session))
            } catch {
                await session.close()
                throw error
            }
        }
    }

    /// Opens a session. A server that is starting up or full deserves a moment; a wrong address deserves an answer.
    func connectPatiently(_ activity: String, stream: StreamDefinition? = nil) async throws -> Session {
        try await RetryPolicy(attempts: 3, backoff: .milliseconds(300)).run(mayPass: PostgresError.mayPass) { _ in
            try await connect(activity, stream: stream)
        }
    }
}
