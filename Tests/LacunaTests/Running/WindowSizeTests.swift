import Lacuna
import Synchronization
import TestSupport
import Testing

/// Has the numbers up to a tip, and refuses to give more than some of them at once.
private final class Capped: Source {
    private struct State {
        var answered: [Range<Int64>] = []
        var refused: [Range<Int64>] = []
    }

    private let tip: Int64
    private let limit: Int
    private let isSlow: Bool
    private let state = Mutex(State())

    /// - Parameter isSlow: whether it takes too long instead of refusing.
    init(tip: Int64, limit: Int, isSlow: Bool = false) {
        self.tip = tip
        self.limit = limit
        self.isSlow = isSlow
    }

    var answered: [Range<Int64>] { state.withLock { $0.answered } }
    var refused: [Range<Int64>] { state.withLock { $0.refused } }

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let isRefused = state.withLock { state in
            let isRefused = request.window.count > limit
            if isRefused { state.refused.append(request.window) } else { state.answered.append(request.window) }
            return isRefused
        }
        // A source takes its time, so that several workers ask at once.
        try await Task.sleep(for: .milliseconds(2))
        if isRefused { throw SourceError(isSlow ? .unknown : .tooLarge, "at most \(limit) blocks") }
        for unit in request.window where unit <= tip { try sink.append(json: #"{"n": \#(unit)}"#) }
        return FetchSummary()
    }

    func tip(_ request: TipRequest) async throws -> String? { String(tip) }
}

@Suite("Windows that are too large for a source")
struct WindowSizeTests {
    private func with(
        _ source: Capped, rows: String = "INSERT INTO t VALUES (3000)",
        _ body: (TestDatabase, Reconciler) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script("CREATE TABLE t (n bigint PRIMARY KEY); \(rows)", name: "test")
            await session.close()
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.batch = .units(100)
            stream.expect.from = .unit(0)
            stream.workers = 4
            stream.retry.attempts = 1
            try await body(
                database,
                Reconciler(
                    stream: stream, source: source, database: Database(connectionString: database.connectionString)))
        }
    }

    @Test("are cut, and later ones before they are asked for: few calls are refused, and none is a failure")
    func reconcile() async throws {
        let source = Capped(tip: 3000, limit: 30)
        try await with(source) { (database, reconciler) async throws -> Void in
            let report = await reconciler.reconcile()
            #expect(report.state == .done, "\(report)")
            #expect(report.failures == [])
            #expect(try await database.number("SELECT count(*) FROM t") == 3001)
            let calls = source.answered.count + source.refused.count
            print(
                "3,000 blocks, batch 100, at most 30 a call, 4 workers: \(calls) calls, \(source.refused.count) refused"
            )
            // Four a batch is the least: no window crosses a line of the grid.
            #expect(calls <= 144, "\(calls)")
            #expect(try await database.number("SELECT count(*) FROM lacuna.batch WHERE state = 'failed'") == 0)
        }
    }

    @Test("of a catchup are cut before it fails, and all of it is one transaction")
    func catchup() async throws {
        let source = Capped(tip: 1999, limit: 30)
        try await with(source, rows: "INSERT INTO t SELECT generate_series(0, 999)") {
            (database, reconciler) async throws -> Void in
            let report = await reconciler.catchup()
            #expect(report.state == .done, "\(report)")
            #expect(report.inserted == 1000)
            #expect(try await database.number("SELECT count(*) FROM t") == 2000)
            #expect(try await database.number("SELECT count(DISTINCT xmin::text) FROM t WHERE n >= 1000") == 1)
            let journalled = try await database.number("SELECT count(*) FROM lacuna.batch WHERE state = 'committed'")
            #expect(report.committed == Int(journalled))
            let calls = source.answered.count + source.refused.count
            #expect(calls <= 64, "\(calls)")
        }
    }

    @Test("that take too long are halved after the last attempt, and all rows come in one run")
    func slow() async throws {
        let source = Capped(tip: 400, limit: 30, isSlow: true)
        try await with(source, rows: "INSERT INTO t VALUES (400)") { (database, reconciler) async throws -> Void in
            let report = await reconciler.reconcile()
            #expect(report.state == .done, "\(report)")
            #expect(try await database.number("SELECT count(*) FROM t") == 401)
        }
    }

    @Test("down to one unit are failures, and end the run after ten of them")
    func nothing() async throws {
        let source = Capped(tip: 3000, limit: 0)
        try await with(source) { (database, reconciler) async throws -> Void in
            let report = await reconciler.reconcile()
            #expect(report.state == .failed)
            #expect(report.failures.allSatisfy { $0.window.count == 1 }, "\(report)")
            #expect(report.failures.count >= 10)
            #expect(source.refused.count < 80, "\(source.refused.count)")
        }
    }
}
