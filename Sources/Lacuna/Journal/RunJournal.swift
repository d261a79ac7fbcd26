import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements
import Synchronization

/// Writes a run into the journal. docs/ARCHITECTURE.md says under "The journal" what is read from it.
///
/// A run's row is written in the transaction of the first batch that commits, when the first one has failed, or at the end.
actor RunJournal {
    let runID: Int64
    private let mode: RunMode
    private let stream: StreamDefinition
    private let database: Database
    private let planned: Int
    private let redact: @Sendable (String) -> String
    private var session: Session?
    /// Whether the run's row is known to be there.
    private nonisolated let isRecorded = Mutex(false)

    /// Takes a number for a run.
    static func open(
        _ mode: RunMode, stream: StreamDefinition, planned: Int, database: Database,
        redact: @escaping @Sendable (String) -> String
    ) async throws -> RunJournal {
        let (session, id) = try await RetryPolicy(attempts: 5, backoff: .seconds(1)).run(mayPass: PostgresError.mayPass)
        { _ in
            let session = try await database.connect(RunJournal.activity(stream), stream: stream)
            do {
                let id: Int64 = try await session.query(try Statements.nextRun.bound()).only().get("id")
                return (session, id)
            } catch {
                await session.close()
                throw error
            }
        }
        return RunJournal(
            runID: id, mode: mode, stream: stream, planned: planned, database: database, redact: redact,
            session: session)
    }

    /// What `pg_stat_activity` shows as long as the run lives.
    static func activity(_ stream: StreamDefinition) -> String {
        "\(stream.name): journal"
    }

    private init(
        runID: Int64, mode: RunMode, stream: StreamDefinition, planned: Int, database: Database,
        redact: @escaping @Sendable (String) -> String, session: Session
    ) {
        self.runID = runID
        self.mode = mode
        self.stream = stream
        self.planned = planned
        self.redact = redact
        self.database = database
        self.session = session
    }

    /// Has the run's row written in a transaction that is about to commit, unless it is known to be there.
    func record(in session: isolated Session) throws {
        if let row = try row { try session.enqueue(row) }
    }

    /// Notes that a transaction with the run's row was committed.
    nonisolated func wasRecorded() {
        isRecorded.withLock { $0 = true }
    }

    /// The statement that writes the run's row, unless it is known to be there; it does no harm twice.
    private nonisolated var row: BoundStatement? {
        get throws {
            guard !isRecorded.withLock({ $0 }) else { return nil }
            return try Statements.insertRun.bound(values: [
                "id": String(runID), "stream": stream.name, "mode": mode.rawValue, "host": database.host,
                "process": String(database.processID), "planned": String(planned), "note": "",
            ])
        }
    }

    private func record() async throws {
        guard let row = try row else { return }
        try await run(row)
        wasRecorded()
    }

    /// Records a batch that failed, or that the source refused as it would refuse all of its partition.
    func recordFailure(
        _ failure: BatchFailure, batch: Int64, attempts: Int, started: String, isRefusal: Bool = false
    ) async throws {
        try await record()
        try await run(
            try Statements.insertFailedBatch.bound(values: [
                "run": String(runID), "batch": String(batch), "stream": stream.name,
                "columns": TextArray.literal(stream.partitions.columns),
                "values": TextArray.literal(failure.partition.values),
                "lower": String(failure.window.lowerBound), "upper": String(failure.window.upperBound),
                "state": isRefusal ? "refused" : "failed",
                "attempts": String(attempts), "error": String(redact(failure.message).prefix(4000)),
                "sqlstate": failure.sqlState?.rawValue, "started": started,
            ]))
    }

    /// Closes the run, writes its row if there is none yet, and drops what is older than the journal is kept.
    func finish(_ report: RunReport, keepDays: Int) async throws {
        do {
            try await run(try RunJournal.ending(report, id: runID, stream: stream, database: database, redact: redact))
            wasRecorded()
            try await run(try Statements.pruneJournal.bound(values: ["days": String(keepDays)]))
        } catch {
            await close()
            throw error
        }
        await close()
    }

    private func close() async {
        await session?.close()
        session = nil
    }

    /// Writes the row of a run that took no number, because it had no batch, and drops what is older than the journal is kept.
    ///
    /// - Parameter id: the run's number. It is taken once, whatever becomes of the row.
    static func record(
        _ report: RunReport, id: inout Int64?, stream: StreamDefinition, keepDays: Int, database: Database,
        redact: @Sendable (String) -> String, on session: Session
    ) async throws {
        let number: Int64
        if let id {
            number = id
        } else {
            number = try await session.query(try Statements.nextRun.bound()).only().get("id")
        }
        id = number
        try await session.query(try ending(report, id: number, stream: stream, database: database, redact: redact))
        try await session.query(try Statements.pruneJournal.bound(values: ["days": String(keepDays)]))
    }

    /// The statement that closes a run.
    private static func ending(
        _ report: RunReport, id: Int64, stream: StreamDefinition, database: Database,
        redact: @Sendable (String) -> String
    ) throws -> BoundStatement {
        try Statements.finishRun.bound(values: [
            "id": String(id), "stream": stream.name, "mode": report.mode.rawValue, "state": report.state.rawValue,
            "host": database.host, "process": String(database.processID), "planned": String(report.planned),
            "committed": String(report.committed), "failed": String(report.failures.count),
            "missing": report.missing.map { String($0) },
            "note": String(redact(report.reason(columns: stream.partitions.columns)).prefix(4000)),
            "seconds": String((Timing.now - report.began) / .seconds(1)),
        ])
    }

    /// Runs one statement, on a new session where the old one was lost.
    private func run(_ statement: BoundStatement) async throws {
        for attempt in 1...3 {
            do {
                if session == nil { session = try await database.connect(RunJournal.activity(stream), stream: stream) }
                try await session?.query(statement)
                return
            } catch let error as PostgresError where error.isTransient && attempt < 3 {
                session = nil
                try await Timing.sleep(Backoff.wait(ceiling: .seconds(attempt)))
            }
        }
    }
}
