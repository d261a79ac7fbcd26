import Foundation
import Testing
import TestSupport

@Suite("A fault between Lacuna and its database costs time and nothing else")
struct FaultMatrixTests {
    private static let table = """
        CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
        INSERT INTO numbers VALUES (199, 'v199');
        """
    /// Every row takes a moment, so that a fault can meet a batch inside its transaction.
    private static let pause = """
        CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.004); RETURN NULL; END';
        CREATE TRIGGER pause AFTER INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION pause();
        """
    /// Holds batches, once some rows are there, for as long as somebody keeps the gate.
    private static let gate = """
        CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (SELECT count(*) FROM numbers) > 20 THEN PERFORM pg_advisory_xact_lock_shared(7); END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER gate AFTER INSERT ON numbers FOR EACH STATEMENT EXECUTE FUNCTION gate();
        """
    private static let files = ["numbers.csv": Program.numbersFile]
    private static let whole = "SELECT count(*) || ' ' || bool_and(v = 'v' || n) FROM numbers"

    /// Makes the first two statements that write to the table fail with a condition.
    private static func refusing(_ condition: String) -> String {
        """
        CREATE SEQUENCE tries;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('public.tries') <= 2 THEN RAISE EXCEPTION 'refused' USING ERRCODE = '\(condition)'; END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER refuse AFTER INSERT ON numbers FOR EACH STATEMENT EXECUTE FUNCTION refuse();
        """
    }

    @Test(
        "Serialization failures, deadlocks, lock and statement timeouts are tried again until all is there",
        arguments: ["40001", "40P01", "55P03", "57014"])
    func passingConditions(condition: String) async throws {
        try await Installation.with(
            Self.table + Self.refusing(condition),
            config: Program.fileSource
                + Program.stream(batch: 50, more: ", workers: 1").replacing(
                    "workers: 4, ", with: ""),
            files: Self.files
        ) { installation in
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(try await installation.database.value(Self.whole) == "200 true")
            #expect(try await installation.database.number("SELECT last_value FROM tries") >= 6)
            #expect(try await installation.leftovers() == [])
        }
    }

    @Test("A full disk ends the run with a clear error, and nothing is changed")
    func fullDisk() async throws {
        try await Installation.with(
            Self.table + Self.refusing("53100"), config: Program.fileSource + Program.stream(batch: 200),
            files: Self.files
        ) { installation in
            let before = try await installation.image()
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 1)
            #expect(result.errors.contains("refused (53100"), "\(result.errors)")
            // The stream was registered before; nothing else was written.
            #expect(
                try await installation.image().filter { !$0.hasPrefix("lacuna.stream ") }
                    == before.filter { !$0.hasPrefix("lacuna.stream ") })
            try await installation.database.execute("DROP TRIGGER refuse ON numbers")
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            #expect(try await installation.database.value(Self.whole) == "200 true")
        }
    }

    @Test("A session that is terminated in mid-COPY has its batch tried again")
    func terminated() async throws {
        try await Installation.with(
            Self.table + Self.pause, config: Program.fileSource + Program.stream(batch: 20), files: Self.files
        ) { installation in
            let database = installation.database
            let process = try installation.start(["reconcile"])
            var ended = 0
            while process.isRunning, ended < 4 {
                let hits = try await database.number(
                    """
                    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM (
                        SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'
                            AND state = 'active' AND application_name LIKE 'lacuna%' LIMIT 1) AS s
                    """)
                ended += hits
                // A COPY is short: until one is met, the next look follows at once.
                if hits > 0 { try await Task.sleep(for: .milliseconds(20)) }
            }
            let result = try await process.wait()
            #expect(ended > 0)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("10 batches committed, 199 rows inserted"), "\(result.output)")
            #expect(try await database.value(Self.whole) == "200 true")
            #expect(try await installation.leftovers() == [])
        }
    }

    @Test("A COMMIT that never arrives is ended by the server, which Lacuna told to end what idles in a transaction")
    func lostCommit() async throws {
        try await Installation.with(
            Self.table + """
                CREATE SEQUENCE idle_limit;
                CREATE FUNCTION observe() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM setval('public.idle_limit', EXTRACT(epoch FROM
                        current_setting('idle_in_transaction_session_timeout')::interval)::bigint);
                    RETURN NULL;
                END $$;
                CREATE TRIGGER observe AFTER INSERT ON numbers FOR EACH STATEMENT EXECUTE FUNCTION observe();
                """, config: Program.fileSource + Program.stream(batch: 200), files: Self.files
        ) { installation in
            let database = installation.database
            try await database.withProxy { proxy, address in
                // The first COMMIT is the survey's.
                proxy.onCommit { $0 == 2 ? .swallow : .none }
                let process = try installation.start(["reconcile"], database: address)
                try await installation.waitUntil("the COMMIT is lost") { proxy.commitFaults == 1 }
                process.send(signal: SIGKILL)
                _ = try await process.wait()
                #expect(try await database.number("SELECT count(*) FROM numbers") == 1)
                // That the server keeps it is the server's promise.
                #expect(try await database.number("SELECT last_value FROM idle_limit") == 120)
                proxy.cutSwallowed()
                try await installation.waitUntilBackendsAreGone()
                #expect(try await database.number("SELECT count(*) FROM numbers") == 1)
                #expect(try await installation.leftovers() == [])
                #expect(try await installation.lacuna("reconcile", database: address).status == 0)
                #expect(try await database.value(Self.whole) == "200 true")
            }
        }
    }

    @Test("Connections that are cut at random moments, again and again, cost no row and no wrong report")
    func cuts() async throws {
        try await Installation.with(
            Self.table + Self.pause, config: Program.fileSource + Program.stream(batch: 20), files: Self.files
        ) { installation in
            try await installation.database.withProxy { proxy, address in
                let process = try installation.start(["reconcile"], database: address)
                var random = SeededGenerator("cuts")
                for _ in 0..<6 {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 5...120, using: &random)))
                    proxy.cutAll()
                }
                let result = try await process.wait()
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                #expect(try await installation.database.value(Self.whole) == "200 true")
                #expect(
                    try await installation.database.number("SELECT sum(rows_inserted) FROM lacuna.batch") == 199)
            }
        }
    }

    @Test("Too many connections are waited for")
    func tooManyConnections() async throws {
        try await Installation.with(
            Self.table, config: Program.fileSource + Program.stream(batch: 20), files: Self.files
        ) { installation in
            let database = installation.database
            let role = database.name + "_role"
            try await database.execute(
                """
                CREATE ROLE \(role) LOGIN CONNECTION LIMIT 1;
                GRANT ALL ON SCHEMA lacuna TO \(role);
                GRANT ALL ON ALL TABLES IN SCHEMA lacuna TO \(role);
                GRANT ALL ON ALL SEQUENCES IN SCHEMA lacuna TO \(role);
                GRANT ALL ON numbers TO \(role);
                """)
            // The run's journal has the only session: the workers get none.
            let process = try installation.start(
                ["reconcile"], database: TestDatabase.adding("user", role, to: database.connectionString))
            try await installation.waitUntil("all connections are used") {
                try await database.number(
                    """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE usename = '\(role)' AND application_name LIKE 'lacuna %: journal'
                    """) == 1
            }
            try await Task.sleep(for: .milliseconds(200))
            #expect(process.isRunning)
            #expect(try await database.number("SELECT count(*) FROM numbers") == 1)
            try await database.execute("ALTER ROLE \(role) CONNECTION LIMIT -1")
            let result = try await process.wait()
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(try await database.value(Self.whole) == "200 true")
            try await database.execute("DROP OWNED BY \(role); DROP ROLE \(role)")
        }
    }

    @Test("What retention deletes below a moving floor is not fetched again")
    func retention() async throws {
        let source = """
            #!/bin/sh
            echo "$1 $2" >> requests
            day=$1
            echo day,v
            while [ "$(echo "$day" | tr -d -)" -le "$(echo "$2" | tr -d -)" ]; do
                echo "$day,v"; day=$(date -d "$day + 1 day" +%F)
            done
            """
        try await Installation.with(
            """
            CREATE TABLE days (day date PRIMARY KEY, v text NOT NULL);
            INSERT INTO days SELECT current_date - n, 'v' FROM generate_series(1, 60) AS n;
            """,
            config: """
                sources: {days: {type: command, command: [./days, "{window.first}", "{window.last}"], format: csv}}
                streams:
                  days: {source: days, table: days, key: {column: day, type: date}, expect: {from: today - 30d, to: today - 1d}}

                """, files: ["days": source]
        ) { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile").status == 0)
            let requests = installation.lines(of: "requests")
            try await database.execute(
                "DELETE FROM days WHERE day < current_date - 29; DELETE FROM days WHERE day = current_date - 10")
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 0, "\(result.errors)")
            // The floor itself is expected, and what lies below it is not.
            let days = try await database.column(
                "SELECT (current_date - 10)::text UNION ALL SELECT (current_date - 30)::text")
            #expect(
                installation.lines(of: "requests").dropFirst(requests.count).sorted()
                    == days.map { "\($0) \($0)" }.sorted())
            #expect(try await database.number("SELECT count(*) FROM days WHERE day < current_date - 30") == 0)
            #expect(try await installation.lacuna("reconcile").output == "days: nothing to do\n")
        }
    }

    @Test("A live writer of the same keys is never refused, and every row is one of both")
    func liveWriter() async throws {
        try await Installation.with(
            Self.table + Self.pause, config: Program.fileSource + Program.stream(batch: 20), files: Self.files
        ) { installation in
            let database = installation.database
            let writer = try await database.connect()
            let process = try installation.start(["reconcile"])
            var random = SeededGenerator("live writer")
            var writes = 0
            while process.isRunning || writes < 50 {
                let n = Int.random(in: 0..<200, using: &random)
                _ = try await writer.script(
                    """
                    BEGIN; INSERT INTO numbers VALUES (\(n), 'w\(n)') ON CONFLICT (n) DO UPDATE SET v = EXCLUDED.v;
                    SELECT lacuna.update_max('numbers', \(n)), lacuna.update_min('numbers', \(n)); COMMIT;
                    """, name: "writer")
                writes += 1
            }
            await writer.close()
            let result = try await process.wait()
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(
                try await database.value(
                    "SELECT count(*) || ' ' || bool_and(v IN ('v' || n, 'w' || n)) FROM numbers") == "200 true")
        }
    }

    /// Runs reconcile and changes the table while batches are under way, however busy the machine is: the batches stand at the
    /// gate until the change waits for them.
    private func reconcile(
        _ installation: Installation, meeting change: String
    ) async throws -> LacunaProcess.Result {
        let database = installation.database
        func waits(_ what: String, _ condition: String) async throws {
            try await installation.waitUntil(what) {
                try await database.number(
                    """
                    SELECT count(*) FROM pg_locks WHERE NOT granted AND \(condition)
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    """) > 0
            }
        }
        let keeper = try await database.connect()
        _ = try await keeper.script("SELECT pg_advisory_lock(7)", name: "keeper")
        let process = try installation.start(["reconcile"])
        try await waits("a batch stands at the gate", "locktype = 'advisory'")
        async let changed: Void = database.execute(change)
        try await waits("the change waits for the batches", "mode = 'AccessExclusiveLock'")
        await keeper.close()
        try await changed
        return try await process.wait()
    }

    @Test(
        "A table that is dropped or altered under way ends its stream with a clear error, and the other goes on",
        arguments: [
            ("DROP TABLE numbers", "table public.numbers is not there any more"),
            ("ALTER TABLE numbers RENAME TO renamed", "table public.numbers is not there any more"),
            ("ALTER TABLE numbers RENAME COLUMN v TO w", #"column "v" of relation "numbers" does not exist"#),
        ])
    func tableChanges(change: String, says: String) async throws {
        try await Installation.with(
            Self.table + Self.gate
                + "CREATE TABLE others (n bigint PRIMARY KEY, v text NOT NULL); INSERT INTO others VALUES (50, 'v50');",
            config: Program.fileSource + Program.stream(batch: 5)
                + "  others: {source: numbers, table: others, key: {column: n, type: integer}, expect: {from: 0}, batch: 10}\n",
            files: Self.files
        ) { installation in
            let database = installation.database
            let result = try await reconcile(installation, meeting: change)
            #expect(result.status == 1, "\(result.output)\(result.errors)")
            #expect(result.errors.contains("lacuna: numbers"), "\(result.errors)")
            #expect(result.errors.contains(says), "\(result.errors)")
            #expect(!result.errors.contains("rows instead of one"), "\(result.errors)")
            #expect(result.output.contains("others: complete"), "\(result.output)")
            #expect(try await database.number("SELECT count(*) FROM others") == 51)
            #expect(try await installation.leftovers() == [])
        }
    }

    @Test(
        "An index that is dropped under way ends its stream with a clear error, or is not missed; the other goes on",
        arguments: [
            ("ALTER TABLE numbers DROP CONSTRAINT numbers_pkey", 1), ("DROP INDEX numbers_v", 0),
        ])
    func indexDropped(change: String, status: Int32) async throws {
        try await Installation.with(
            Self.table + Self.gate + """
                CREATE INDEX numbers_v ON numbers (v);
                CREATE TABLE others (n bigint PRIMARY KEY, v text NOT NULL); INSERT INTO others VALUES (50, 'v50');
                """,
            config: Program.fileSource + Program.stream(batch: 5, more: ", overlap: 2")
                + "  others: {source: numbers, table: others, key: {column: n, type: integer}, expect: {from: 0}, batch: 10}\n",
            files: Self.files
        ) { installation in
            let database = installation.database
            let result = try await reconcile(installation, meeting: change)
            #expect(result.status == status, "\(result.output)\(result.errors)")
            #expect(result.output.contains("others: complete"), "\(result.output)")
            #expect(try await database.number("SELECT count(*) FROM others") == 51)
            // Without its key no row came twice.
            #expect(try await database.number("SELECT count(*) - count(DISTINCT n) FROM numbers") == 0)
            if status != 0 {
                #expect(result.errors.contains("lacuna: numbers"), "\(result.errors)")
                try await database.execute("ALTER TABLE numbers ADD PRIMARY KEY (n)")
                #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            }
            #expect(try await database.value(Self.whole) == "200 true")
            #expect(try await installation.leftovers() == [])
        }
    }
}
