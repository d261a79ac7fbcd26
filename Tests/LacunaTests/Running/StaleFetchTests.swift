import Lacuna
import Synchronization
import TestSupport
import Testing

/// Answers with its version of the history at the moment it is asked; the first answer waits until it is let go.
private final class Edition: Source {
    private struct State {
        var version: String
        var requests: [Range<Int64>] = []
        var isHeld = true
    }

    private let tip: Int64
    private let state = Mutex(State(version: "old"))

    init(tip: Int64) { self.tip = tip }

    var requests: [Range<Int64>] { state.withLock { $0.requests } }

    func publish(_ version: String) { state.withLock { $0.version = version } }
    func letGo() { state.withLock { $0.isHeld = false } }

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let (version, isFirst) = state.withLock { state in
            state.requests.append(request.window)
            return (state.version, state.requests.count == 1)
        }
        while isFirst, state.withLock({ $0.isHeld }) { try await Task.sleep(for: .milliseconds(2)) }
        for unit in request.window where unit <= tip { try sink.append(json: #"{"n": \#(unit), "v": "\#(version)"}"#) }
        return FetchSummary()
    }

    func tip(_ request: TipRequest) async throws -> String? { String(tip) }
}

@Suite("An answer that is older than what was committed meanwhile")
struct StaleFetchTests {
    private func with(
        _ rows: String, tip: Int64, _ body: (TestDatabase, Edition, Reconciler) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script(
                "CREATE TABLE t (n bigint PRIMARY KEY, v text NOT NULL); \(rows)", name: "test")
            await session.close()
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.batch = .units(10)
            stream.expect.from = .unit(0)
            stream.order = .oldest
            stream.workers = 1
            let source = Edition(tip: tip)
            try await body(
                database, source,
                Reconciler(
                    stream: stream, source: source, database: Database(connectionString: database.connectionString)))
        }
    }

    private func waitUntilAsked(_ source: Edition) async throws {
        while source.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
    }

    @Test("does not take back what another run wrote to a part of the window: it is fetched again")
    func reconcile() async throws {
        try await with("INSERT INTO t VALUES (10, 'there')", tip: 10) {
            (database, source, reconciler) async throws -> Void in
            async let first = reconciler.reconcile()
            try await waitUntilAsked(source)
            source.publish("new")
            // Another window of the same cell, so another lease.
            var options = RunOptions()
            options.from = 5
            let second = await reconciler.reconcile(options)
            #expect(second.inserted == 5)
            source.letGo()
            let report = await first
            #expect(report.state == .done, "\(report)")
            #expect(report.committed == 1)
            #expect(report.inserted == 5)
            #expect(
                try await database.column("SELECT v || ' ' || count(*) FROM t GROUP BY v ORDER BY v")
                    == ["new 10", "there 1"])
            #expect(source.requests == [0..<10, 5..<10, 0..<10])
        }
    }

    @Test("does not take back what another run fetched for a mark, which is gone by then")
    func mark() async throws {
        try await with(
            "INSERT INTO t SELECT n, 'once' FROM generate_series(0, 10) AS n", tip: 10
        ) { (database, source, reconciler) async throws -> Void in
            var marked = RunOptions()
            marked.to = 9
            _ = try await reconciler.mark(clear: false, marked, reason: "test")
            async let first = reconciler.reconcile()
            try await waitUntilAsked(source)
            source.publish("new")
            var options = RunOptions()
            options.to = 4
            #expect(await reconciler.reconcile(options).updated == 5)
            source.letGo()
            #expect(await first.state == .done)
            #expect(
                try await database.column("SELECT v || ' ' || count(*) FROM t GROUP BY v ORDER BY v")
                    == ["new 10", "once 1"])
            #expect(try await database.number("SELECT count(*) FROM lacuna.refetch") == 0)
        }
    }

    @Test("of a catchup does not take back what a reconcile wrote: those windows alone are fetched again")
    func catchup() async throws {
        try await with("INSERT INTO t SELECT n, 'there' FROM generate_series(0, 9) AS n", tip: 39) {
            (database, source, reconciler) async throws -> Void in
            async let first = reconciler.catchup()
            try await waitUntilAsked(source)
            source.publish("new")
            // A live ingester is ahead, so that the units before it are gaps.
            let session = try await database.connect()
            _ = try await session.script("INSERT INTO t VALUES (15, 'live')", name: "ingester")
            await session.close()
            #expect(await reconciler.reconcile().inserted == 5)
            source.letGo()
            let report = await first
            #expect(report.state == .done, "\(report)")
            #expect(
                try await database.column(
                    "SELECT v FROM t WHERE n BETWEEN 10 AND 19 GROUP BY v ORDER BY v") == ["new"])
            #expect(try await database.number("SELECT count(*) FROM t") == 40)
            #expect(source.requests.filter { $0 == 10..<20 }.count == 2)
            #expect(source.requests.count == 5)
        }
    }
}
