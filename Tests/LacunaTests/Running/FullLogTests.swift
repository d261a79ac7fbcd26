import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("A server whose write-ahead log has no room left")
struct FullLogTests {
    private struct Numbers: Source {
        func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
            let text = String(repeating: "v", count: 1900)
            for unit in request.window { try sink.append(json: #"{"n": \#(unit), "v": "\#(text)"}"#) }
            return FetchSummary()
        }
        func tip(_ request: TipRequest) async throws -> String? { "3999" }
    }

    @Test("leaves a batch whose outcome the run calls unknown, and no other claim; with room the next run heals")
    func unknown() async throws {
        let isTested = try await TestVolume.with(kibibytes: 262_144) { volume in
            try await PrivateServer.with(settings: PrivateServer.keepingLog, wal: volume) { server in
                let database = TestDatabase(name: "postgres", connectionString: server.connectionString())
                let session = try await database.connect()
                _ = try await SchemaInstaller.install(on: session)
                _ = try await session.script(
                    """
                    CREATE TABLE t (n bigint PRIMARY KEY, v text NOT NULL);
                    ALTER TABLE t ALTER COLUMN v SET STORAGE EXTERNAL;
                    """, name: "test")
                await session.close()
                var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
                stream.batch = .units(100)
                stream.expect.from = .unit(0)
                stream.workers = 1
                stream.retry = RetryPolicy(attempts: 2, backoff: .milliseconds(100), maxBackoff: .milliseconds(100))
                let reconciler = Reconciler(
                    stream: stream, source: Numbers(),
                    database: Database(connectionString: database.connectionString))
                try await volume.leave(kibibytes: 3072)
                var options = RunOptions()
                options.resolutionLimit = .seconds(2)
                let report = await reconciler.reconcile(options)
                // The log runs full in a COMMIT, or in a statement before it.
                try #require([.unknown, .failed].contains(report.state), "\(report)")
                try await server.waitUntilLogIsFull()
                #expect(report.committed > 0)
                let said = report.failures.map(\.message) + report.streamFailures
                #expect(said.contains { $0.contains("PostgreSQL") || $0.contains("connection") }, "\(said)")

                try await volume.resize(kibibytes: 262_144)
                try await server.start()
                let stored = try await database.number("SELECT count(*) FROM lacuna.batch WHERE state = 'committed'")
                #expect(stored == report.committed || report.state == .unknown && stored == report.committed + 1)
                #expect(try await database.number("SELECT count(*) FROM t") == stored * 100)
                #expect(
                    try await database.value("SELECT latest - oldest + 1 FROM lacuna.cursor") == String(stored * 100))
                #expect(await reconciler.reconcile().state == .done)
                #expect(try await database.number("SELECT count(*) FROM t") == 4000)
            }
        }
        if !isTested { print("not tested: no volume can be mounted here, which takes root and Linux") }
    }
}
