import Lacuna
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("The choice of a gap scan")
struct ScanChoiceTests {
    /// The ways that a table allows.
    private func allowed(_ table: ScannedTable, _ stream: ResolvedStream) async throws -> Set<ScanStrategy> {
        var allowed: Set<ScanStrategy> = []
        for strategy in ScanStrategy.allCases {
            do {
                let result = try await table.scan(stream, by: strategy, range: 0..<10)
                #expect(result.account.strategy == strategy)
                allowed.insert(strategy)
            } catch StreamError.invalid {}
        }
        return allowed
    }

    @Test(
        "goes by segments only where an index makes units unique",
        arguments: [
            ("CREATE TABLE t (a text, k int, PRIMARY KEY (a, k))", true),
            ("CREATE TABLE t (a text, k int UNIQUE)", true),
            ("CREATE TABLE t (a text, k int); CREATE UNIQUE INDEX ON t (k, a)", true),
            ("CREATE TABLE t (a text, k int, j int, PRIMARY KEY (a, k, j))", false),
            ("CREATE TABLE t (a text, k int); CREATE INDEX ON t (a, k)", false),
            ("CREATE TABLE t (a text, k int); CREATE UNIQUE INDEX ON t (a, k) WHERE k > 0", false),
            ("CREATE TABLE t (a text, k int); CREATE UNIQUE INDEX ON t (a, (k + 1))", false),
            ("CREATE TABLE t (a text, k int, UNIQUE (a, k) DEFERRABLE)", false),
            ("CREATE TABLE t (a text, k int); CREATE UNIQUE INDEX ON t (a COLLATE \"POSIX\", k)", false),
            ("CREATE TABLE t (a text, k int, PRIMARY KEY (a, k)); CREATE TABLE child () INHERITS (t)", false),
        ])
    func uniqueness(setup: String, isUnique: Bool) async throws {
        try await ScannedTable.with(setup) { (table: ScannedTable) async throws in
            try await table.run(
                "INSERT INTO t (a, k\(setup.contains(" j ") ? ", j" : "")) SELECT 'x', 4"
                    + (setup.contains(" j ") ? ", 1" : ""))
            let stream = try await table.stream(type: .integer(step: 1), partitions: ["a"])
            let allowed = try await allowed(table, stream)
            #expect(allowed.contains(.segments) == isUnique)
            #expect(allowed.isSuperset(of: [.window, .probe, .skip]))
            let steps = try await table.stream(type: .integer(step: 2), partitions: ["a"])
            #expect(try await !self.allowed(table, steps).contains(.segments))
        }
    }

    @Test("finds partitions only by columns whose texts tell them apart")
    func partitionTypes() async throws {
        try await ScannedTable.with(
            "CREATE TABLE t (a numeric, k int, PRIMARY KEY (a, k)); INSERT INTO t VALUES (1.0, 3), (2.00, 4)"
        ) { (table: ScannedTable) async throws in
            let stream = try await table.stream(type: .integer(step: 1), partitions: ["a"])
            #expect(try await allowed(table, stream) == [.window])
        }
    }

    @Test("is the window scan of a table without statistics where units may repeat, and outside a snapshot")
    func unknown() async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint, j int, PRIMARY KEY (k, j)) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT n, 1 FROM generate_series(1, 60000) AS n
            """
        ) { (table: ScannedTable) async throws in
            let stream = try await table.stream(type: .integer(step: 1))
            let result = try await table.scan(stream, by: nil, range: 0..<100)
            #expect(result.account.strategy == .window && result.account.rowEstimate == nil)
            try await table.run("ANALYZE t")
            #expect(try await table.scan(stream, by: nil, range: 0..<60_001).account.strategy == .bits)
            let alone = try await ChosenGapScan().scan(stream, range: 0..<100, partition: nil, on: table.session)
            #expect(alone.account.strategy == .window && alone.missing(in: .whole) == UnitSet(0..<1))
        }
    }

    @Test("counts the units of a table that was just filled, in the table itself", arguments: [false, true])
    func justFilled(hasOldStatistics: Bool) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint PRIMARY KEY) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT generate_series(1, 20000);
            \(hasOldStatistics ? "ANALYZE t;" : "")
            INSERT INTO t SELECT n FROM generate_series(20001, 60000) AS n WHERE n NOT IN (21500, 30000)
            """
        ) { (table: ScannedTable) async throws in
            let stream = try await table.stream(type: .integer(step: 1))
            let (result, reads) = try await table.session.withTransaction(.snapshot) { session in
                let result = try await ChosenGapScan().scan(stream, range: 1..<60001, partition: nil, on: session)
                let statement = "SELECT seq_scan::text FROM pg_stat_xact_all_tables WHERE relname = 't'"
                let reads: String = try await session.query(BoundStatement(name: "reads", sql: statement)).only()
                    .get("seq_scan")
                return (result, reads)
            }
            #expect(result.account.strategy == .bits, "\(result.account.reason)")
            #expect(result.missing(in: .whole) == UnitSet([21500..<21501, 30000..<30001]))
            // Each process that takes part counts one.
            #expect(try #require(Int(reads)) >= 1)
        }
    }

    @Test(
        "reads a table that was just filled once where nothing is missing, and again where something is",
        arguments: [[], [21500]])
    func readsOnce(holes: [Int64]) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint PRIMARY KEY) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT n FROM generate_series(1, 60000) AS n WHERE n <> ALL ('{\(holes.map(String.init).joined())}')
            """
        ) { (table: ScannedTable) async throws in
            let stream = try await table.stream(type: .integer(step: 1))
            let (result, rows) = try await table.session.withTransaction(.snapshot) { session in
                try await session.query(
                    BoundStatement(name: "alone", sql: "SET LOCAL max_parallel_workers_per_gather = 0"))
                let result = try await ChosenGapScan().scan(stream, range: 1..<60001, partition: nil, on: session)
                let statement = "SELECT seq_tup_read FROM pg_stat_xact_all_tables WHERE relname = 't'"
                let rows: Int64 = try await session.query(BoundStatement(name: "reads", sql: statement)).only()
                    .get("seq_tup_read")
                return (result, rows)
            }
            #expect(result.account.strategy == .bits, "\(result.account.reason)")
            #expect(result.missing(in: .whole) == UnitSet(holes.map { $0..<$0 + 1 }))
            #expect(rows == (holes.isEmpty ? 60_000 : 2 * 59_999))
        }
    }

    @Test("does not take a row without partition for a unit of one", arguments: [nil, Partition(["x"])])
    func rowsWithoutPartition(partition: Partition?) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (a text, k bigint, UNIQUE (a, k)) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT CASE WHEN n <> 777 THEN 'x' END, n FROM generate_series(1, 60000) AS n
            """
        ) { (table: ScannedTable) async throws in
            let stream = try await table.stream(type: .integer(step: 1), partitions: ["a"])
            let result = try await table.session.withTransaction(.snapshot) { session in
                try await ChosenGapScan(.bits).scan(stream, range: 1..<60001, partition: partition, on: session)
            }
            #expect(result.missing(in: Partition(["x"])) == UnitSet(777..<778))
        }
    }

    @Test("reads all units into bits where too many segments fall short")
    func tooManyShort() async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint PRIMARY KEY) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT n FROM generate_series(1, 60000) AS n WHERE n % 101 <> 7
            """
        ) { (table: ScannedTable) async throws in
            try await table.run("VACUUM ANALYZE t")
            let stream = try await table.stream(type: .integer(step: 1))
            let result = try await table.scan(stream, by: nil, range: 1..<60001)
            #expect(result.account.strategy == .bits && result.account.reason.contains("fell short"))
            #expect(result.missing(in: .whole) == UnitSet((0..<594).map { 101 * $0 + 7..<101 * $0 + 8 }))
            let asked = try await table.scan(stream, by: .segments, range: 1..<60001)
            #expect(asked.account.strategy == .segments && asked.missing == result.missing)
        }
    }

    @Test(
        "gives up a way that takes far longer than it should, takes another one and says so",
        arguments: [
            ("bigint", "SELECT n, 0 FROM generate_series(1, 60000) AS n WHERE n <> 777", ScanStrategy.segments, .bits),
            ("integer", "SELECT n / 300, n FROM generate_series(1, 60000) AS n WHERE n / 300 <> 7", .probe, .bits),
            ("integer", "SELECT n / 1000 * 1000, n FROM generate_series(1, 60000) AS n", .skip, .bits),
            ("bigint", "SELECT n / 1000 * 1000000000::bigint, n FROM generate_series(1, 60000) AS n", .skip, .window),
        ] as [(String, String, ScanStrategy, ScanStrategy)])
    func tooSlow(type: String, rows: String, chosen: ScanStrategy, instead: ScanStrategy) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k \(type), j int, PRIMARY KEY (k\(rows.contains(", 0 FROM") ? "" : ", j")))
                WITH (autovacuum_enabled = false);
            INSERT INTO t \(rows)
            """
        ) { (table: ScannedTable) async throws in
            try await table.run("VACUUM ANALYZE t")
            let stream = try await table.stream(type: .integer(step: 1))
            let range = stream.definition.keyType.limits
            let free = try await table.scan(stream, by: nil, range: range)
            #expect(free.account.strategy == chosen, "\(free.account.reason)")
            var scan = ChosenGapScan()
            scan.longestTime = .zero
            let limited = scan
            let found = try await table.session.withTransaction(.snapshot) { session in
                try await limited.scan(stream, range: range, partition: nil, on: session)
            }
            #expect(found.account.strategy == instead)
            #expect(found.account.reason.hasPrefix("\(chosen.rawValue) took far longer"), "\(found.account.reason)")
            #expect(found.missing == free.missing)
            // A way that was asked for has all the time it takes.
            var asked = ChosenGapScan(chosen)
            asked.longestTime = .zero
            let patient = asked
            let same = try await table.session.withTransaction(.snapshot) { session in
                try await patient.scan(stream, range: range, partition: nil, on: session)
            }
            #expect(same.account.strategy == chosen && same.missing == free.missing)
        }
    }

    @Test("ends a statement that would take for ever, and leaves the transaction as it was")
    func endless() async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint PRIMARY KEY) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT n FROM generate_series(1, 60000) AS n WHERE n NOT IN (7, 59999);
            CREATE FUNCTION walks_slowly() RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN
                IF current_setting('enable_seqscan') = 'off' AND current_setting('statement_timeout') <> '0' THEN
                    PERFORM pg_sleep(3600);
                END IF;
                RETURN true;
            END $$;
            ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            CREATE POLICY slow ON t USING (walks_slowly());
            GRANT SELECT ON t TO pg_read_all_data
            """
        ) { (table: ScannedTable) async throws in
            try await table.run("VACUUM ANALYZE t")
            try await table.run("SET ROLE pg_read_all_data")
            let stream = try await table.stream(type: .integer(step: 1))
            var scan = ChosenGapScan()
            scan.longestTime = .milliseconds(100)
            let limited = scan
            try await table.session.withTransaction(.snapshot) { session in
                let found = try await limited.scan(stream, range: 1..<60_001, partition: nil, on: session)
                #expect(found.account.strategy == .bits, "\(found.account.reason)")
                #expect(found.account.reason.hasPrefix("segments took far longer"), "\(found.account.reason)")
                #expect(found.missing(in: .whole) == UnitSet([7..<8, 59_999..<60_000]))
                let setting = BoundStatement(
                    name: "setting", sql: "SELECT current_setting('statement_timeout') AS timeout")
                #expect(try await session.query(setting).only().get("timeout", as: String.self) == "0")
            }
        }
    }

    @Test(
        "refuses to look at units one by one where they are too many",
        arguments: [ScanStrategy.probe, .segments, .bits])
    func tooFarApart(strategy: ScanStrategy) async throws {
        try await ScannedTable.with(
            "CREATE TABLE t (k bigint PRIMARY KEY); INSERT INTO t VALUES (-9223372036854775808), (9223372036854775806)"
        ) { (table: ScannedTable) async throws in
            let stream = try await table.stream(type: .integer(step: 1))
            await #expect {
                _ = try await table.scan(stream, by: strategy, range: stream.definition.keyType.limits)
            } throws: { error in
                "\(error)".contains("cannot be scanned by \(strategy.rawValue): 18446744073709551615 units")
            }
        }
    }

    @Test(
        "goes by what the statistics say",
        arguments: [
            ("SELECT 1, n, 0 FROM generate_series(1, 60000) AS n WHERE n % 20000 <> 5", ScanStrategy.segments),
            ("SELECT 1, n, 0 FROM generate_series(1, 60000) AS n WHERE n % 999 <> 5", .bits),
            ("SELECT 1, n * 1000, 0 FROM generate_series(1, 60000) AS n", .window),
            ("SELECT n / 20000, n % 20000, 0 FROM generate_series(1, 60000) AS n", .bits),
            ("SELECT 1, n * 3, 0 FROM generate_series(1, 60000) AS n", .bits),
            ("SELECT n, 1, 0 FROM generate_series(1, 60000) AS n", .window),
            ("SELECT 1, n / 300, n FROM generate_series(1, 60000) AS n WHERE n / 300 % 7 <> 5", .probe),
            ("SELECT n % 3, n / 600, n FROM generate_series(1, 60000) AS n WHERE n / 600 % 7 <> 5", .probe),
            ("SELECT 1, n / 1000 * 1000, n FROM generate_series(1, 60000) AS n", .skip),
            ("SELECT 1, n / 3, n FROM generate_series(1, 60000) AS n", .bits),
            ("SELECT 1, n / 20, n FROM generate_series(1, 60000) AS n", .window),
        ])
    func statistics(rows: String, strategy: ScanStrategy) async throws {
        let isUnique = rows.contains(", 0 FROM")
        try await ScannedTable.with(
            """
            CREATE TABLE t (a int NOT NULL, k int NOT NULL, j int NOT NULL,
                PRIMARY KEY (a, k\(isUnique ? "" : ", j"))) WITH (autovacuum_enabled = false);
            INSERT INTO t \(rows)
            """
        ) { (table: ScannedTable) async throws in
            try await table.run("VACUUM ANALYZE t")
            let stream = try await table.stream(type: .integer(step: 1), partitions: ["a"])
            let result = try await table.scan(stream, by: nil, range: stream.definition.keyType.limits)
            #expect(result.account.strategy == strategy, "\(result.account.reason)")
            let window = try await WindowGapScan().scan(
                stream, range: stream.definition.keyType.limits, partition: nil, on: table.session)
            #expect(result.missing == window.missing)
        }
    }

    @Test(
        "reads a large table by several sessions of one snapshot, which leave nothing behind",
        arguments: [ScanStrategy.segments, .probe])
    func parallelReaders(strategy: ScanStrategy) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint PRIMARY KEY) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT n FROM generate_series(1, 300000) AS n WHERE n NOT IN (7, 150000, 299999)
            """
        ) { (table: ScannedTable) async throws in
            let stream = try await table.stream(type: .integer(step: 1))
            let other = try await table.session.openAnother(deadline: LongestWait.duration)
            @Sendable func sessions() async throws -> Int {
                let sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
                return try await other.query(BoundStatement(name: "sessions", sql: sql)).only().get("n")
            }
            let most = Mutex(0)
            let watch = Task {
                while !Task.isCancelled {
                    let count = try await sessions()
                    most.withLock { $0 = max($0, count) }
                }
            }
            try await table.session.withTransaction(.snapshot) { session in
                // The snapshot is taken here: what is committed from now on is none of the scan's business.
                try await session.query(BoundStatement(name: "snapshot", sql: "SELECT 1"))
                try await other.query(BoundStatement(name: "delete", sql: "DELETE FROM t WHERE k < 290000"))
                // A helper that comes late finds nothing left to do, and a short visit is easily missed.
                try await LongestWait.until("a helper is seen") {
                    let found = try await ChosenGapScan(strategy).scan(
                        stream, range: 1..<300_001, partition: nil, on: session)
                    #expect(found.missing(in: .whole) == UnitSet([7..<8, 150_000..<150_001, 299_999..<300_000]))
                    return most.withLock { $0 } > 2
                }
            }
            watch.cancel()
            _ = await watch.result
            try await LongestWait.until("the helpers are gone") { try await sessions() == 2 }
            await other.close()
        }
    }

    @Test("does without other sessions where none can be opened")
    func alone() async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint PRIMARY KEY) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT n FROM generate_series(1, 300000) AS n WHERE n NOT IN (7, 299999);
            UPDATE pg_database SET datallowconn = false WHERE datname = current_database()
            """
        ) { (table: ScannedTable) async throws in
            let stream = try await table.stream(type: .integer(step: 1))
            let result = try await table.scan(stream, by: .segments, range: 1..<300_001)
            #expect(result.missing(in: .whole) == UnitSet([7..<8, 299_999..<300_000]))
        }
    }

    @Test(
        "asks for each unit, whatever the column behind the key holds",
        arguments: [
            ("j int, PRIMARY KEY (k, j)", "n"), ("j int, PRIMARY KEY (k, j)", "k * 100 + n"),
            ("j int, PRIMARY KEY (k, j)", "n - k * 100"), ("j int, UNIQUE (k, j)", "NULLIF(n, 30 + n % 2) + k % 3"),
            ("j int, UNIQUE (k, j)", "CASE WHEN k % 2 = 0 THEN n END"),
            ("j text, PRIMARY KEY (k, j)", "md5(k || ' ' || n)"), ("j uuid, UNIQUE (k, j)", "md5(k || ' ' || n)::uuid"),
            ("j int[], UNIQUE (k, j)", "ARRAY[n, k]"), ("j ltree, UNIQUE (k, j)", "n::text::ltree"),
            ("j int, EXCLUDE USING btree (k WITH =, j WITH =)", "n"), ("j int, UNIQUE (k, j) INCLUDE (a)", "n"),
            ("j int, UNIQUE (a, k, j)", "n"), ("j int, UNIQUE (j, k)", "n"),
        ])
    func nextColumn(definition: String, value: String) async throws {
        try await ScannedTable.with(
            """
            -- A type whose operators are not PostgreSQL's own, where there is one.
            DO $$ BEGIN CREATE EXTENSION ltree; EXCEPTION WHEN OTHERS THEN CREATE DOMAIN ltree AS text; END $$;
            CREATE TABLE t (a text, k int, \(definition)) WITH (autovacuum_enabled = false);
            CREATE INDEX ON t (k, a DESC);
            INSERT INTO t (a, k, j) SELECT 'x', k, \(value)
            FROM generate_series(-500, 1500) AS k, generate_series(1, 40) AS n WHERE k % 7 <> 3 AND (k % 5 <> 1 OR n = 31);
            GRANT SELECT (k) ON t TO pg_read_all_stats
            """
        ) { (table: ScannedTable) async throws in
            let missing = UnitSet((-500...1500).filter { $0 % 7 == 3 }.map { $0..<$0 + 1 })
            for partitions in [[], ["a"]] {
                let stream = try await table.stream(type: .integer(step: 1), partitions: partitions)
                let result = try await table.scan(stream, by: .probe, range: -500..<1501)
                #expect(result.missing(in: partitions.isEmpty ? .whole : Partition(["x"])) == missing)
            }
            // Who may read the key alone is not asked for another column.
            try await table.run("SET ROLE pg_read_all_stats")
            let stream = try await table.stream(type: .integer(step: 1))
            let result = try await table.scan(stream, by: .probe, range: -500..<1501)
            #expect(result.missing(in: .whole) == missing)
        }
    }

    @Test("leaves the settings of the transaction as they were")
    func settings() async throws {
        try await ScannedTable.with("CREATE TABLE t (k bigint PRIMARY KEY); INSERT INTO t VALUES (1), (3)") { table in
            let stream = try await table.stream(type: .integer(step: 1))
            let seqscan = try await table.session.withTransaction(.snapshot) { session in
                let result = try await ChosenGapScan(.segments).scan(stream, range: 1..<4, partition: nil, on: session)
                #expect(result.missing(in: .whole) == UnitSet(2..<3))
                return try await session.query(BoundStatement(name: "show", sql: "SHOW enable_seqscan")).only()
                    .get("enable_seqscan", as: String.self)
            }
            #expect(seqscan == "on")
        }
    }

    @Test("finds the partitions of any table, by hops along an index or without", arguments: [false, true])
    func partitions(isIndexed: Bool) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (a text, b int, k int, UNIQUE (\(isIndexed ? "a, b, k" : "k, a, b")))
                WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT 'x' || n % 2, n % 3, n FROM generate_series(1, 60000) AS n;
            INSERT INTO t VALUES (NULL, 1, 1), ('x0', NULL, 1), ('y', NULL, 1), ('z', 7, NULL), ('z', 8, 5)
            """
        ) { (table: ScannedTable) async throws in
            try await table.run("VACUUM ANALYZE t")
            let survey = try await Surveyor(Database(connectionString: table.database.connectionString)).survey(
                AnyTable("t", column: "k", partitionColumns: ["a", "b"]))
            guard case .query(let query, _) = survey.definition.partitions else {
                Issue.record("no query")
                return
            }
            #expect(query.contains("RECURSIVE") == isIndexed)
            let found = survey.partitions.map { $0.partition.values.joined() }.sorted()
            #expect(found == ["x00", "x01", "x02", "x10", "x11", "x12", "z7", "z8"])
            #expect(survey.scan.strategy == (isIndexed ? .bits : .window))
        }
    }
}
