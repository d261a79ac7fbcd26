import Lacuna
import Synchronization
import TestSupport
import Testing

/// Has the numbers up to a tip, and counts how often it is asked.
private final class Numbers: Source {
    private let tip: Int64
    private let requests = Mutex(0)

    init(tip: Int64) { self.tip = tip }

    var requestCount: Int { requests.withLock { $0 } }

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        requests.withLock { $0 += 1 }
        for unit in request.window where unit <= tip { try sink.append(json: #"{"n": \#(unit), "v": "v\#(unit)"}"#) }
        return FetchSummary()
    }

    func tip(_ request: TipRequest) async throws -> String? { String(tip) }
}

@Suite("Whether a row or all that could be loaded is at fault is found out by trying")
struct JudgingTests {
    /// Runs a reconcile of the units 1 to 1,000 in batches of 10.
    ///
    /// - Parameter condition: the rows that a trigger refuses.
    private func reconcile(
        refusing condition: String, code: String, batch: Int64 = 10,
        _ body: (TestDatabase, Numbers, RunReport) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script(
                """
                CREATE TABLE t (n bigint PRIMARY KEY, v text NOT NULL);
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF \(condition) THEN RAISE EXCEPTION 'refused by a trigger' USING ERRCODE = '\(code)'; END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse();
                """, name: "test")
            await session.close()
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.batch = .units(batch)
            stream.expect.from = .unit(1)
            stream.retry.attempts = 1
            let source = Numbers(tip: 1000)
            let report = await Reconciler(
                stream: stream, source: source, database: Database(connectionString: database.connectionString)
            ).reconcile()
            try await body(database, source, report)
        }
    }

    @Test(
        "One row of a thousand that is refused costs itself, whatever the code",
        arguments: [
            "54000", "U0001", "20000", "42501", "54001", "0A000", "0L000", "0P000", "22003", "22P02", "23505", "23514",
            "2F003", "38000", "39000", "44000", "55000", "99999", "P0001", "27000", "34000", "P0004",
        ])
    func oneRow(code: String) async throws {
        try await reconcile(refusing: "NEW.n = 950", code: code) { (database, _, report) async throws -> Void in
            #expect(report.failures.map(\.window) == [950..<951], "\(report)")
            #expect(report.failures.first?.message.contains("refused by a trigger (\(code)") == true, "\(report)")
            #expect(report.streamFailures == [])
            #expect(report.state == .failed)
            #expect(try await database.number("SELECT count(*) FROM t WHERE v = 'v' || n") == 999)
            #expect(
                try await database.column("SELECT lower || ' ' || upper FROM lacuna.batch WHERE state = 'failed'")
                    == ["950 951"])
        }
    }

    @Test(
        "The first batch of a run too finds the row that is refused, and its neighbours at either end",
        arguments: [1, 1000])
    func edge(unit: Int) async throws {
        try await reconcile(refusing: "NEW.n = \(unit)", code: "U0001", batch: 1000) {
            (database, _, report) async throws -> Void in
            #expect(report.failures.map(\.window) == [Int64(unit)..<Int64(unit) + 1], "\(report)")
            #expect(try await database.number("SELECT count(*) FROM t") == 999)
        }
    }

    @Test("Some rows beside each other that are refused cost themselves")
    func neighbours() async throws {
        try await reconcile(refusing: "NEW.n <= 8", code: "U0001", batch: 1000) {
            (database, _, report) async throws -> Void in
            #expect(report.streamFailures == [], "\(report)")
            let failed = report.failures.map(\.window.lowerBound).sorted()
            #expect(failed == Array(1...8), "\(report)")
            #expect(try await database.number("SELECT count(*) FROM t") == 992)
        }
    }

    @Test(
        "A table that takes no row ends the run with its reason, after a few tries",
        arguments: ["42501", "U0001", "54000"])
    func noRow(code: String) async throws {
        try await reconcile(refusing: "true", code: code, batch: 100) {
            (database, source, report) async throws -> Void in
            #expect(report.state == .failed)
            #expect(Set(report.streamFailures).count <= 4)
            #expect(report.streamFailures.first?.contains("refused by a trigger (\(code)") == true, "\(report)")
            #expect(report.committed == 0)
            // Each of four workers looks at one batch: ten units and the parts behind them.
            #expect(source.requestCount <= 4 * 40, "\(source.requestCount)")
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test(
        "What is everybody's fault ends the run at once",
        arguments: ["53100", "53200", "57P04", "58030", "XX000", "XX001", "42P01", "42703", "25006", "28000", "3F000"])
    func stops(code: String) async throws {
        try await reconcile(refusing: "NEW.n = 950", code: code) { (_, _, report) async throws -> Void in
            #expect(report.streamFailures.first?.contains("(\(code)") == true, "\(report)")
            #expect(report.failures.allSatisfy { $0.window.count == 10 }, "\(report)")
        }
    }
}
