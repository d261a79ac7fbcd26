import Postgres

/// What a simulated server was asked and what it did, so that a real one can be asked the same.
enum TraceEvent {
    /// A session ran a statement, with the data of a COPY.
    case statement(backend: Int, BoundStatement, data: [UInt8]?, Result<Reply, any Error>)
    /// A session ended.
    case end(backend: Int)
    /// Somebody else changed what is committed.
    case change(before: StoredState, after: StoredState)
}
