import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What the database knows of a stream's runs: the journal, and the sessions that work now.
package struct StreamStatus: Sendable {
    /// A run of the journal.
    package struct Run: Sendable {
        /// Its number.
        package let id: Int64
        /// `reconcile`, `catchup`, `rewind`, `mark`, `accept`, `forget` or `verify`.
        package let mode: String
        /// How it ended, `running`, or `interrupted` where it was killed.
        package let state: String
        /// When it started, in UTC.
        package let startedAt: String
        /// How long it took, in seconds with one decimal.
        package let seconds: String
        /// Batches that were planned, committed and failed.
        package let planned: Int64
        /// Batches that were committed.
        package let committed: Int64
        /// Batches that failed.
        package let failed: Int64
        /// Units missing after it, if counted.
        package let missing: String?
        /// What there is to say.
        package let note: String
    }

    /// A window that failed and has not been committed since.
    package struct Failure: Sendable {
        /// The partition.
        package let partition: Partition
        /// The window.
        package let window: Range<Int64>
        /// In how many runs in a row.
        package let failures: Int
        /// Seconds until a reconcile tries it again; 0: the next one does.
        package let secondsToWait: Int64
        /// The last error.
        package let error: String
    }

    /// A session of Lacuna's that is open now.
    package struct Activity: Sendable {
        /// What it works on.
        package let text: String
        /// For how long, in seconds; nil if the server tells only roles with more rights.
        package let seconds: Int64?
    }

    /// The last runs, newest first.
    package let runs: [Run]
    /// How the runs of each kind went.
    package let lastRuns: [LastRun]
    /// Windows that wait or will be tried again.
    package var failures: [Failure]
    /// Sessions of this stream that are open now.
    package let activities: [Activity]
    /// What was held against the source, by partition.
    package var verified: [Partition: [VerifiedRange]] = [:]

    /// Reads the status.
    ///
    /// - Parameter limit: how many runs.
    /// - Throws: ``StreamError/schemaNotInstalled``; ``PostgresError``.
    package static func load(
        _ definition: StreamDefinition, limit: Int, on session: Session
    ) async throws -> StreamStatus {
        try await SchemaAccess.load(on: session).requireReadable()
        let runs = try await session.query(
            try Statements.selectRecentRuns.bound(values: ["stream": definition.name, "limit": String(limit)]))
        let lastRuns = try await LastRun.load(of: definition.name, on: session)
        let failures = try await session.query(
            try Statements.selectFailures.bound(values: [
                "stream": definition.name, "columns": TextArray.literal(definition.partitions.columns),
            ]))
        let sessions = try await sessions(of: definition.name, on: session)
        return StreamStatus(
            runs: try runs.map { row in
                let state: String = try row.get("state")
                return Run(
                    id: try row.get("id"), mode: try row.get("mode"),
                    state: state == "running" && sessions.isEmpty ? "interrupted" : state,
                    startedAt: try row.get("started_at"), seconds: try row.get("seconds"),
                    planned: try row.get("planned"), committed: try row.get("committed"),
                    failed: try row.get("failed"), missing: try row.getIfPresent("missing_units"),
                    note: try row.get("note"))
            },
            lastRuns: lastRuns,
            failures: try failures.compactMap { row in
                guard let partition = try row.get("partition_values", as: TextArray.self).partition else { return nil }
                let lower: Int64 = try row.get("lower")
                let upper: Int64 = try row.get("upper")
                let count: Int = try row.get("failures")
                let ago: Int64 = try row.get("seconds_ago")
                return Failure(
                    partition: partition, window: lower..<upper, failures: count,
                    secondsToWait: max(0, FailureWait.seconds(afterFailures: count) - ago),
                    error: try row.getIfPresent("error") ?? "")
            },
            activities: sessions.filter { activity in
                let rest = activity.text.dropFirst("lacuna \(definition.name)".count)
                return !rest.isEmpty && rest != ": journal"
            },
            verified: try await VerifiedRange.load(of: definition, on: session))
    }

    /// The sessions of a stream that are open now.
    static func sessions(of stream: String, on session: Session) async throws -> [Activity] {
        let prefix = "lacuna \(stream)"
        return try await session.query(try Statements.selectLiveSessions.bound(values: ["prefix": prefix])).compactMap {
            row in
            let text: String = try row.get("activity")
            // The name of one stream may begin with that of another.
            let rest = text.dropFirst(prefix.count)
            guard rest.isEmpty || rest.first == ":" || rest.first == " " else { return nil }
            return Activity(text: text, seconds: try row.getIfPresent("seconds"))
        }
    }
}
