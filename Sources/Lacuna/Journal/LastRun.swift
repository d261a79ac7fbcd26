import LacunaModel
import Postgres
import SQLStatements

/// What the journal says of the runs of one kind: how the last one ended, and when one last did what it is for.
package struct LastRun: Sendable {
    /// `catchup` or `reconcile`.
    package let mode: String
    /// How the last one that ended did so.
    package let state: String
    /// Why it did not end well; empty if it did.
    package let note: String
    /// When it ended, in UTC.
    package let endedAt: String
    /// How long it took, in seconds with one decimal.
    package let seconds: String
    /// When one last ended well, in UTC; nil if the journal knows of none.
    package let succeededAt: String?
    /// The same, in seconds since the epoch.
    package let succeededEpoch: Int64?
    /// When one last had a batch to ask the source for, in UTC; nil if the journal knows of none.
    package let askedAt: String?
    /// When one last committed rows, in UTC; nil if the journal knows of none.
    package let foundAt: String?

    /// Reads them, by kind.
    ///
    /// - Returns: none if this role cannot read the journal, or if there is none.
    /// - Throws: ``PostgresError``.
    package static func load(of stream: String, on session: Session) async throws -> [LastRun] {
        guard try await SchemaAccess.load(on: session).isReadable else { return [] }
        return try await session.query(try Statements.selectLastRuns.bound(values: ["stream": stream])).map { row in
            LastRun(
                mode: try row.get("mode"), state: try row.get("state"), note: try row.get("note"),
                endedAt: try row.get("ended_at"), seconds: try row.get("seconds"),
                succeededAt: try row.getIfPresent("succeeded_at"),
                succeededEpoch: try row.getIfPresent("succeeded_epoch"),
                askedAt: try row.getIfPresent("asked_at"), foundAt: try row.getIfPresent("found_at"))
        }
    }
}
