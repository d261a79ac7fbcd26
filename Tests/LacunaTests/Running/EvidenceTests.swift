import Foundation
import Lacuna
import Synchronization
import TestSupport
import Testing

/// Gives the records of its lines whose key lies in the window, and has a tip of its own.
private struct Lines: Source {
    var records: [(key: Int64, json: String)]
    var newest: Int64?

    init(_ records: [(Int64, String)], tip: Int64?) {
        self.records = records.map { ($0.0, $0.1) }
        newest = tip
    }

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        for record in records where request.window.contains(record.key) { try sink.append(json: record.json) }
        return FetchSummary()
    }

    func tip(_ request: TipRequest) async throws -> String? { newest.map { String($0) } }
}

@Suite("Evidence says no more than is known")
struct EvidenceTests {
    private static let table = "CREATE TABLE t (n bigint PRIMARY KEY);"

    private func with(
        _ sql: String, load: String? = nil, empty: EmptyPolicy = .verify, overlap: Int64 = 0,
        _ body: (TestDatabase, (any Source) -> Reconciler) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script(sql, name: "test")
            await session.close()
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.expect.from = .unit(1)
            stream.batch = .units(100)
            stream.empty = empty
            stream.overlap = .units(overlap)
            if let load { stream.load = [SQLScript(path: "load.sql", text: load)] }
            let target = Database(connectionString: database.connectionString)
            let definition = stream
            try await body(database) { Reconciler(stream: definition, source: $0, database: target) }
        }
    }

    private func records(_ keys: ClosedRange<Int64>) -> [(Int64, String)] {
        keys.map { ($0, #"{"n": \#($0)}"#) }
    }

    @Test("A unit whose records a script of the user's passes over is not taken for empty")
    func skippedByScript() async throws {
        try await with(
            "CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t VALUES (20)",
            load: "INSERT INTO t SELECT (doc ->> 'n')::bigint FROM batch WHERE (doc ->> 'n')::bigint > 10"
        ) { (database, reconciler) async throws -> Void in
            let report = await reconciler(Lines(records(1...19), tip: 20)).reconcile()
            #expect(report.emptied == 0)
            #expect(report.missing == 10)
            #expect(report.state == .incomplete)
            #expect(try await database.number("SELECT count(*) FROM t") == 10)
        }
    }

    @Test("A unit whose rows a trigger leaves out stays a gap, loaded directly or not", arguments: [false, true])
    func leftOutByTrigger(usesStaging: Bool) async throws {
        try await with(
            """
            CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t VALUES (101)\(usesStaging ? ", (1)" : "");
            CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN IF NEW.n BETWEEN 11 AND 15 THEN RETURN NULL; END IF; RETURN NEW; END';
            CREATE TRIGGER leave_out BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION leave_out();
            """, overlap: usesStaging ? 1 : 0
        ) { (database, reconciler) async throws -> Void in
            let report = await reconciler(Lines(records(1...99), tip: 101)).reconcile()
            #expect(report.state == .incomplete)
            #expect(report.missing == 5)
            #expect(report.inserted == (usesStaging ? 93 : 94))
            #expect(
                try await database.column("SELECT lower || '-' || upper FROM lacuna.verified_empty") == ["100-101"])
        }
    }

    @Test("If every unit must have rows, a batch whose rows a trigger leaves out is rejected")
    func leftOutThoughExpected() async throws {
        try await with(
            """
            CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t VALUES (101);
            CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER leave_out BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.n = 11) EXECUTE FUNCTION leave_out();
            """, empty: .error
        ) { (database, reconciler) async throws -> Void in
            let report = await reconciler(Lines(records(1...100), tip: 101)).reconcile()
            #expect(report.failures.count == 1)
            #expect(report.failures.first?.message.contains("left out the records of 11") == true)
            #expect(try await database.number("SELECT count(*) FROM t") == 100)
        }
    }

    @Test("What a script writes through a function is committed")
    func function() async throws {
        try await with(
            """
            CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t VALUES (1), (3); CREATE TABLE other (n bigint);
            CREATE FUNCTION take(n bigint) RETURNS void LANGUAGE sql AS 'INSERT INTO public.t VALUES (n)';
            """, load: "SELECT take((doc ->> 'n')::bigint) FROM batch"
        ) { (database, reconciler) async throws -> Void in
            let report = await reconciler(Lines(records(2...2), tip: 3)).reconcile()
            #expect(report.state == .done)
            #expect(try await database.number("SELECT count(*) FROM t") == 3)
        }
    }

    @Test("A unit that the source does not have yet is not taken for empty")
    func laggingSource() async throws {
        try await with(
            "CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t SELECT n FROM generate_series(1, 100) n WHERE n <> 95"
        ) { (database, reconciler) async throws -> Void in
            let early = await reconciler(Lines(records(1...90), tip: 90)).reconcile()
            #expect(early.emptied == 0)
            #expect(early.missing == 1)
            let later = await reconciler(Lines(records(1...200), tip: 200)).reconcile()
            #expect(later.state == .done)
            #expect(try await database.number("SELECT count(*) FROM t") == 100)
        }
    }

    @Test("A mark of a unit that the source does not have yet stays until it does, or until records come for it")
    func markAheadOfSource() async throws {
        try await with("CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)") {
            (database, reconciler) async throws -> Void in
            let marks = "SELECT lower || '-' || upper FROM lacuna.refetch ORDER BY lower"
            var marked = RunOptions()
            marked.from = 85
            marked.to = 97
            // It tells of a unit beyond its own tip.
            let early = reconciler(Lines(records(1...90) + records(93...93), tip: 90))
            _ = try await early.mark(clear: false, marked, reason: "")
            let first = await early.reconcile()
            #expect(try await database.column(marks) == ["91-93", "94-98"])
            #expect(first.state == .incomplete)
            #expect(first.missing == 6)
            #expect(first.committed == 1)
            // Asked again it says nothing new, so that nothing is written.
            let again = await early.reconcile()
            #expect(again.state == .incomplete)
            #expect(again.committed == 0)
            #expect(try await database.column(marks) == ["91-93", "94-98"])
            #expect(try await database.number("SELECT count(*) FROM lacuna.batch") == 1)
            #expect(await reconciler(Lines(records(1...200), tip: 200)).reconcile().state == .done)
            #expect(try await database.column(marks) == [])
        }
    }

    @Test("A source that has no way to tell its tip is taken at its word: the marks of all that it was asked for go")
    func markWithoutTip() async throws {
        try await with("CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)") {
            (database, reconciler) async throws -> Void in
            var marked = RunOptions()
            marked.from = 85
            marked.to = 97
            struct Untold: Source {
                let lines: Lines
                func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
                    try await lines.fetch(request, into: sink)
                }
                func tip(_ request: TipRequest) async throws -> String? {
                    throw SourceError(.unavailable, "it has no way to tell")
                }
            }
            let subject = reconciler(Untold(lines: Lines(records(1...90), tip: nil)))
            _ = try await subject.mark(clear: false, marked, reason: "")
            #expect(await subject.reconcile().state == .done)
            #expect(try await database.number("SELECT count(*) FROM lacuna.refetch") == 0)
        }
    }

    @Test("A mark that is made again while a batch with older data is on its way stays")
    func markAgain() async throws {
        try await with(EvidenceTests.table + "INSERT INTO t VALUES (1), (2)") {
            (database, reconciler) async throws -> Void in
            let subject = reconciler(Lines(records(1...2), tip: 2))
            _ = try await subject.mark(clear: false, RunOptions(), reason: "first")
            let first = try await database.value("SELECT marked_at FROM lacuna.refetch")
            _ = try await subject.mark(clear: false, RunOptions(), reason: "again")
            #expect(try await database.number("SELECT count(*) FROM lacuna.refetch") == 1)
            #expect(try await database.value("SELECT marked_at > '\(first)' FROM lacuna.refetch") == "t")
        }
    }

    @Test("A journal whose numbers were set back costs nothing")
    func journalTruncated() async throws {
        try await with(EvidenceTests.table + "INSERT INTO t VALUES (1)") {
            (database, reconciler) async throws -> Void in
            let first = await reconciler(Lines(records(1...10), tip: 10)).catchup()
            #expect(first.inserted == 9)
            try await database.execute("TRUNCATE lacuna.run RESTART IDENTITY; DELETE FROM t WHERE n > 5")
            try await database.execute("DELETE FROM lacuna.cursor")
            let second = await reconciler(Lines(records(1...10), tip: 10)).catchup()
            #expect(second.inserted == 5)
            #expect(try await database.number("SELECT count(*) FROM t") == 10)
        }
    }

    @Test("A column without a field keeps what it has, record by record")
    func unevenFields() async throws {
        try await with(
            """
            CREATE TABLE t (n bigint PRIMARY KEY, v text DEFAULT 'new', w text);
            INSERT INTO t VALUES (1, 'keep', 'a'), (2, 'old', 'b'), (4, 'keep', 'd');
            """
        ) { (database, reconciler) async throws -> Void in
            let lines = [
                (Int64(1), #"{"n": 1, "w": "A"}"#), (2, #"{"n": 2, "v": "changed"}"#), (3, #"{"n": 3}"#),
                (4, #"{"n": 4, "v": null, "w": "D"}"#),
            ]
            let subject = reconciler(Lines(lines, tip: 4))
            _ = try await subject.mark(clear: false, RunOptions(), reason: "")
            let report = await subject.reconcile()
            #expect(report.state == .done)
            #expect(report.inserted == 1)
            #expect(report.updated == 3)
            #expect(
                try await database.column(
                    "SELECT concat_ws(' ', n, coalesce(v, '-'), coalesce(w, '-')) FROM t ORDER BY n")
                    == ["1 keep A", "2 changed b", "3 new -", "4 - D"])
        }
    }

    @Test("A run over a range says the same of it every time")
    func ranged() async throws {
        try await with(EvidenceTests.table + "INSERT INTO t VALUES (1), (20)") { (_, reconciler) async throws -> Void in
            var options = RunOptions()
            options.from = 1
            options.to = 5
            let subject = reconciler(Lines(records(1...20), tip: 20))
            #expect(await subject.reconcile(options).state == .done)
            #expect(await subject.reconcile(options).state == .done)
            #expect(await subject.reconcile().state == .done)
        }
    }

    @Test("A run that is stopped while it plans does not say that it is done")
    func stoppedWhilePlanning() async throws {
        try await with("CREATE TABLE t (n bigint PRIMARY KEY)") { (_, reconciler) async throws -> Void in
            struct Slow: Source {
                func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
                    FetchSummary()
                }
                let isAsked: AsyncStream<Void>.Continuation
                func tip(_ request: TipRequest) async throws -> String? {
                    isAsked.yield()
                    try await Task.sleep(for: LongestWait.duration)
                    return "1"
                }
            }
            let options = RunOptions()
            let (asked, isAsked) = AsyncStream<Void>.makeStream()
            let subject = reconciler(Slow(isAsked: isAsked))
            async let report = subject.reconcile(options)
            for await _ in asked { break }
            options.stop.give()
            let end = await report
            #expect(end.state == .incomplete, "\(end)")
        }
    }

    @Test("A partition that the server writes in another way is refused")
    func oddPartition() async throws {
        try await TestDatabase.with { database in
            try await database.execute("CREATE TABLE t (n bigint, s int, PRIMARY KEY (n, s))")
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.partitions = .product([PartitionColumn(name: "s", values: ["1", "02"])])
            let subject = Surveyor(Database(connectionString: database.connectionString))
            let declared = stream
            let error = await #expect(throws: StreamError.self) { try await subject.survey(declared) }
            #expect(error?.description.contains("'02' is '2' as integer") == true)
        }
    }
}
