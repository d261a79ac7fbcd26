import Lacuna
import Synchronization
import TestSupport
import Testing

/// A source that says of which units it speaks, slowly, and counts what it is asked for.
private final class Archive: Source {
    let records: Range<Int64>
    let delay: Duration
    private let asked = Mutex<[Range<Int64>]>([])

    init(_ records: Range<Int64>, delay: Duration = .zero) {
        self.records = records
        self.delay = delay
    }

    var requests: [Range<Int64>] { asked.withLock { $0 } }

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        asked.withLock { $0.append(request.window) }
        // No two requests take the same time, so that the reconcilers fall out of step.
        try await Task.sleep(for: delay * Double.random(in: 0...1))
        for unit in request.window.clamped(to: records) where unit % 10 != 3 {
            try sink.append(json: #"{"n": \#(unit)}"#)
        }
        return FetchSummary(answered: records)
    }

    func tip(_ request: TipRequest) async throws -> String? { String(records.upperBound - 1) }
}

@Suite("What is verified empty")
struct AttestationTests {
    private func stream() -> StreamDefinition {
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
        stream.batch = .units(10)
        stream.expect.from = .unit(0)
        return stream
    }

    private func prepare(_ database: TestDatabase) async throws -> Database {
        let session = try await database.connect()
        _ = try await SchemaInstaller.install(on: session)
        _ = try await session.script(
            "CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t VALUES (0), (99)", name: "test")
        await session.close()
        return Database(connectionString: database.connectionString)
    }

    @Test("is what the source spoke of, and not what lies behind its end")
    func behindTheEnd() async throws {
        try await TestDatabase.with { database in
            let target = try await prepare(database)
            let report = await Reconciler(stream: stream(), source: Archive(0..<50), database: target).reconcile()
            #expect(report.state == .incomplete)
            #expect(report.missing == 49)
            #expect(report.emptied == 5)
            #expect(
                try await database.column("SELECT lower FROM lacuna.verified_empty ORDER BY lower")
                    == ["3", "13", "23", "33", "43"])
        }
    }

    @Test("and what a mark is taken off is no more than what the source spoke of")
    func marks() async throws {
        try await TestDatabase.with { database in
            let target = try await prepare(database)
            try await database.execute("INSERT INTO t SELECT generate_series(1, 98)")
            let reconciler = Reconciler(stream: stream(), source: Archive(0..<55), database: target)
            var marked = RunOptions()
            marked.from = 38
            marked.to = 62
            _ = try await reconciler.mark(clear: false, marked, reason: "")
            let report = await reconciler.reconcile()
            #expect(report.state == .incomplete)
            #expect(report.missing == 8)
            #expect(try await database.column("SELECT lower || '-' || upper FROM lacuna.refetch") == ["55-63"])
            #expect(
                await Reconciler(stream: stream(), source: Archive(0..<100), database: target).reconcile().state
                    == .done)
            #expect(try await database.number("SELECT count(*) FROM lacuna.refetch") == 0)
        }
    }

    @Test("is asked for once by several reconcilers at once, window by window")
    func askedOnce() async throws {
        try await TestDatabase.with { database in
            let target = try await prepare(database)
            let archive = Archive(0..<100, delay: .milliseconds(20))
            var definition = stream()
            definition.batch = .units(2)
            definition.workers = 1
            // No edge is asked for again.
            definition.empty = .trust
            let shared = definition
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        _ = await Reconciler(stream: shared, source: archive, database: target).reconcile()
                    }
                }
            }
            #expect(archive.requests.count == 50)
            #expect(Set(archive.requests).count == 50)
            #expect(try await database.number("SELECT count(*) FROM t") == 90)
            #expect(try await database.number("SELECT count(*) FROM lacuna.batch WHERE state = 'committed'") == 50)
            let again = await Reconciler(stream: shared, source: archive, database: target).reconcile()
            #expect(again.planned == 0)
        }
    }
}
