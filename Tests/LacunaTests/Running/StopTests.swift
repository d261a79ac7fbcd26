import Lacuna
import TestSupport
import Testing

@Suite("A run that is stopped")
struct StopTests {
    private struct Numbers: Source {
        func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
            for unit in request.window { try sink.append(json: #"{"n": \#(unit)}"#) }
            return FetchSummary()
        }
        func tip(_ request: TipRequest) async throws -> String? { "49" }
    }

    @Test(
        "while its last statements wait for a lock does not wait for it, writes nothing and says so",
        arguments: ["reconcile", "catchup"])
    func whileCommitting(mode: String) async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script("CREATE TABLE t (n bigint PRIMARY KEY)", name: "test")
            var definition = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            definition.batch = .units(10)
            definition.expect.from = .unit(0)
            definition.workers = 1
            let reconciler = Reconciler(
                stream: definition, source: Numbers(),
                database: Database(connectionString: database.connectionString))
            // Stored extents, whose row somebody else holds from now on, and units on both sides of them.
            var first = RunOptions()
            first.from = 20
            first.to = 29
            #expect(await reconciler.reconcile(first).committed == 1)
            let image = try await database.column("SELECT n FROM t ORDER BY n")
            _ = try await session.script("BEGIN; UPDATE lacuna.cursor SET latest = latest", name: "test")
            var options = RunOptions()
            options.grace = .milliseconds(100)
            let stopped = options
            async let running = mode == "reconcile" ? reconciler.reconcile(stopped) : reconciler.catchup(stopped)
            while try await database.number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0 {
                try await Task.sleep(for: .milliseconds(5))
            }
            options.stop.give()
            let report = await running
            // It has ended though the lock is still held, and does not say that it waited for the lock in vain.
            #expect(report.state == .incomplete, "\(report)")
            #expect(report.committed == 0)
            #expect(report.failures.isEmpty, "\(report.failures)")
            #expect(try await database.column("SELECT n FROM t ORDER BY n") == image)
            #expect(try await database.number("SELECT count(*) FROM lacuna.batch") == 1)
            _ = try await session.script("ROLLBACK", name: "test")
            await session.close()
            #expect(await reconciler.catchup().state == .done)
            #expect(await reconciler.reconcile().state == .done)
            #expect(try await database.number("SELECT count(*) FROM t") == 50)
        }
    }
}
