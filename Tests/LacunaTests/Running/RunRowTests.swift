import Lacuna
import Postgres
import SQLStatements
import Synchronization
import TestSupport
import Testing

/// Has the numbers up to a tip, or fails when it is asked for the tip.
private final class Tipped: Source {
    private let state: Mutex<Result<Int64, SourceError>>

    init(_ tip: Int64) { state = Mutex(.success(tip)) }

    func set(_ tip: Result<Int64, SourceError>) { state.withLock { $0 = tip } }

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let tip = try state.withLock { try $0.get() }
        for unit in request.window where unit <= tip { try sink.append(json: #"{"n": \#(unit)}"#) }
        return FetchSummary()
    }

    func tip(_ request: TipRequest) async throws -> String? { try state.withLock { try String($0.get()) } }
}

@Suite("A run leaves a row in the journal")
struct RunRowTests {
    private func with(
        _ body: (TestDatabase, Tipped, _ reconciler: (String) -> Reconciler) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            try await SchemaInstaller.install(in: Database(connectionString: database.connectionString))
            try await database.execute("CREATE TABLE t (n bigint PRIMARY KEY)")
            let source = Tipped(29)
            try await body(database, source) { table in
                var stream = StreamDefinition(name: "s", table: table, keyColumn: "n", keyType: .integer(step: 1))
                stream.batch = .units(10)
                stream.expect.from = .unit(0)
                stream.retry.attempts = 1
                return Reconciler(
                    stream: stream, source: source, database: Database(connectionString: database.connectionString))
            }
        }
    }

    private func rows(_ database: TestDatabase) async throws -> [String] {
        try await database.column(
            """
            SELECT concat_ws(' ', mode, state, planned, committed, failed, missing_units, ended_at >= started_at, note)
            FROM lacuna.run ORDER BY id
            """)
    }

    @Test("also if it found nothing to do, and writes nothing else")
    func nothingToDo() async throws {
        try await with { database, _, reconciler in
            #expect(await reconciler("t").reconcile().committed == 3)
            let versions = """
                SELECT xmin::text FROM t UNION ALL SELECT xmin::text FROM lacuna.cursor
                UNION ALL SELECT xmin::text FROM lacuna.batch UNION ALL SELECT xmin::text FROM lacuna.stream
                """
            let before = try await database.column(versions)
            let report = await reconciler("t").reconcile()
            #expect(report.state == .done)
            #expect(report.runID == 2)
            #expect(await reconciler("t").catchup().notes == [])
            #expect(try await database.column(versions) == before)
            #expect(
                try await rows(database) == [
                    "reconcile done 3 3 0 0 t ", "reconcile done 0 0 0 0 t ", "catchup done 0 0 0 t ",
                ])
        }
    }

    @Test("also if it failed before its first batch, with the message, masked and cut")
    func failed() async throws {
        try await with { database, source, reconciler in
            #expect(await reconciler("t").reconcile().state == .done)
            try await database.execute("TRUNCATE lacuna.run")
            var options = RunOptions()
            options.redact = { $0.replacing("canary", with: "***") }
            source.set(.failure(SourceError(.permanent, "the key canary is wrong")))
            #expect(await reconciler("t").catchup(options).state == .failed)
            #expect(await reconciler("nowhere").reconcile(options).state == .failed)
            source.set(.failure(SourceError(.permanent, String(repeating: "long ", count: 2000))))
            #expect(await reconciler("t").catchup(options).state == .failed)
            let rows = try await rows(database)
            #expect(rows.count == 3)
            #expect(rows[0] == "catchup failed 0 0 0 t the key *** is wrong")
            #expect(rows[1].hasPrefix("reconcile failed 0 0 0 t there is no table nowhere"), "\(rows[1])")
            #expect(try await database.number("SELECT max(length(note)) FROM lacuna.run") == 4000)
        }
    }

    @Test("that says which partition failed first if a reconcile has no batch for it")
    func newPartition() async throws {
        try await with { database, source, reconciler in
            source.set(.failure(SourceError(.permanent, "no answer")))
            #expect(await reconciler("t").reconcile().state == .failed)
            let left = try await rows(database)
            #expect(left == ["reconcile failed 0 0 1 0 t the tip could not be asked for: no answer"])
        }
    }

    @Test("also if it was deferred or stopped, with the reason")
    func deferred() async throws {
        try await with { database, source, reconciler in
            #expect(await reconciler("t").reconcile().state == .done)
            try await database.execute("TRUNCATE lacuna.run")
            let session = try await database.connect()
            let lease = try Statements.tryLease.bound(values: ["lease": "lacuna.catchup/s", "activity": "other"])
            let isLeased: Bool = try await session.query(lease).only().get("leased")
            #expect(isLeased)
            #expect(await reconciler("t").catchup().state == .deferred)
            await session.close()
            source.set(.failure(SourceError(.deferred, "the quota is used up")))
            #expect(await reconciler("t").catchup().state == .deferred)
            #expect(
                try await rows(database) == [
                    "catchup deferred 0 0 0 t another catchup of stream s is running",
                    "catchup deferred 0 0 0 t the quota is used up",
                ])
        }
    }

    @Test("that says when a run began, and not when its first batch was committed")
    func beginning() async throws {
        try await with { database, _, reconciler in
            let before = try await database.value("SELECT clock_timestamp()::text")
            #expect(await reconciler("t").reconcile().committed == 3)
            let first = try await database.value(
                "SELECT (started_at < (SELECT min(started_at) FROM lacuna.batch) AND started_at > '\(before)')::text FROM lacuna.run"
            )
            #expect(first == "true")
        }
    }

    @Test("and drops those that are older than the journal is kept")
    func pruning() async throws {
        try await with { database, _, reconciler in
            #expect(await reconciler("t").reconcile().committed == 3)
            try await database.execute(
                "UPDATE lacuna.run SET started_at = now() - interval '99 days', ended_at = now() - interval '8 days'")
            var options = RunOptions()
            options.journalDays = 9
            #expect(await reconciler("t").reconcile(options).notes == [])
            #expect(try await rows(database).count == 2)
            options.journalDays = 7
            #expect(await reconciler("t").reconcile(options).notes == [])
            #expect(try await database.column("SELECT id FROM lacuna.run ORDER BY id") == ["2", "3"])
        }
    }

    @Test("but not if the server lets it only read, and nothing is wrong then")
    func readOnly() async throws {
        try await with { database, _, reconciler in
            #expect(await reconciler("t").reconcile().committed == 3)
            try await database.execute("ALTER DATABASE \(database.name) SET default_transaction_read_only = on")
            for report in [await reconciler("t").reconcile(), await reconciler("t").catchup()] {
                #expect(report.state == .done, "\(report)")
                #expect(report.notes == [])
                #expect(report.runID == nil)
            }
            #expect(try await rows(database).count == 1)
        }
    }

    @Test("but not if there is no journal, and the first failure is what is said")
    func noSchema() async throws {
        try await with { database, _, reconciler in
            try await database.execute("DROP SCHEMA lacuna CASCADE")
            let report = await reconciler("t").reconcile()
            #expect(report.streamFailures == [StreamError.schemaNotInstalled.description])
            #expect(report.notes == [])
        }
    }
}
