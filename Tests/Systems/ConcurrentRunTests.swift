import Foundation
import Postgres
import Testing
import TestSupport

@Suite("Runs at the same time share the work")
struct ConcurrentRunTests {
    @Test("Three reconcilers commit every window exactly once")
    func threeReconcilers() async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
            INSERT INTO numbers VALUES (1200, 'v1200');
            """, config: Program.source + Program.stream(batch: 10), files: ["numbers": Program.numbers(pause: "0.03")]
        ) { installation in
            let processes = try (1...3).map { _ in try installation.start(["reconcile"]) }
            for process in processes {
                let result = try await process.wait()
                // One that ended while another still held a window says that work remains.
                #expect([0, 2].contains(result.status), "\(result.errors)")
            }
            let database = installation.database
            #expect(
                try await database.column(
                    """
                    SELECT lower || ' ' || count(*) FROM lacuna.batch WHERE state = 'committed'
                    GROUP BY lower HAVING count(*) <> 1 OR bool_or(rows_inserted <> upper - lower)
                    """) == [])
            #expect(
                try await database.number("SELECT sum(rows_inserted)::int FROM lacuna.batch WHERE state = 'committed'")
                    == 1200)
            #expect(try await database.number("SELECT count(*) FROM numbers WHERE v = 'v' || n") == 1201)
            #expect(
                try await database.number("SELECT count(DISTINCT run) FROM lacuna.batch") >= 2, "more than one did some"
            )
            // A lease saves the fetch too, but for a window that was closed between plan and lease.
            #expect(installation.lines(of: "requests").count < 360)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await installation.leftovers() == [])
        }
    }

    @Test("Of two catchups one catches up and the other is deferred with status 3, or finds nothing to do")
    func twoCatchups() async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
            INSERT INTO numbers VALUES (0, 'v0');
            """, config: Program.source + Program.stream(batch: 10),
            files: ["numbers": Program.numbers(pause: "0.5", tip: 199)]
        ) { installation in
            let first = try installation.start(["catchup"])
            try await installation.waitUntil("the first catchup fetches") {
                !installation.lines(of: "requests").isEmpty
            }
            let second = try await installation.lacuna("catchup")
            #expect(second.status == 3)
            #expect(second.output.contains("deferred"))
            #expect(second.errors.contains("another catchup of stream numbers is running"))
            #expect(try await first.wait().status == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 200)
            #expect(installation.lines(of: "requests").count == 20)

            let third = try await installation.lacuna("catchup")
            #expect(third.status == 0)
            #expect(third.output == "numbers: nothing to catch up\n")
        }
    }

    @Test("A reader sees none of a catchup before its one commit, and all of it after")
    func catchupIsInvisible() async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
            INSERT INTO numbers SELECT n, 'v' || n FROM generate_series(0, 99) AS n;
            -- Every statement of the catchup waits until the reader has looked seven times more.
            CREATE SEQUENCE looks;
            CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                before bigint := (SELECT last_value FROM looks);
            BEGIN
                WHILE (SELECT last_value FROM looks) < before + 7 LOOP
                    PERFORM pg_sleep(0.002);
                END LOOP;
                RETURN NULL;
            END $$;
            CREATE TRIGGER pause AFTER INSERT ON numbers FOR EACH STATEMENT EXECUTE FUNCTION pause();
            """, config: Program.source + Program.stream(batch: 10),
            files: ["numbers": Program.numbers(pause: "0.02", tip: 399)]
        ) { installation in
            // Extents that a reader can watch.
            try await installation.database.execute(
                "SELECT lacuna.update_min('numbers', 0), lacuna.update_max('numbers', 99)")
            let seen = """
                SELECT (SELECT count(*) FROM numbers) || ' ' || (SELECT latest FROM lacuna.cursor) || ' '
                    || (SELECT count(*) FROM lacuna.batch WHERE state = 'committed') || ' '
                    || (SELECT count(*) FROM lacuna.verified_empty) AS state, nextval('looks')
                """
            let session = try await installation.database.connect()
            let process = try installation.start(["catchup"])
            var states: [String] = []
            var polls = 0
            while process.isRunning {
                let state = try await session.query(BoundStatement(name: "poll", sql: seen)).only()
                    .get("state", as: String.self)
                if states.last != state { states.append(state) }
                polls += 1
            }
            await session.close()
            let result = try await process.wait()
            #expect(result.status == 0, "\(result.errors)")
            #expect(polls >= 200)
            if states.last == "100 99 0 0" { states.append("400 399 30 0") }
            #expect(states == ["100 99 0 0", "400 399 30 0"])
            #expect(try await installation.database.value(seen) == "400 399 30 0")
        }
    }

    @Test("A catchup of which one batch fails leaves nothing", arguments: ["exit 1", "echo 9999,v"])
    func failedCatchup(fault: String) async throws {
        let source = """
            #!/bin/sh
            if [ "$1" = --tip ]; then echo 399; exit; fi
            echo n,v
            if [ "$1" -eq 200 ]; then \(fault); fi
            exec awk -v first="$1" -v last="$2" 'BEGIN { for (n = first; n <= last; n++) print n ",v" n }'
            """
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
            INSERT INTO numbers SELECT n, 'v' || n FROM generate_series(0, 99) AS n;
            """, config: Program.source + Program.stream(batch: 10), files: ["numbers": source]
        ) { installation in
            let before = try await installation.image()
            let result = try await installation.lacuna("catchup")
            #expect(result.status == 1)
            #expect(result.errors.contains("numbers 200–209: "))
            #expect(try await installation.image() == before)
            #expect(try await installation.database.column("SELECT state FROM lacuna.run") == ["failed"])
            // The batch that failed, by its own number: newest first, 390–399 is the first and 200–209 the twentieth.
            #expect(
                try await installation.database.column(
                    "SELECT concat_ws(' ', batch, lower, upper, attempts, state) FROM lacuna.batch")
                    == ["20 200 210 1 failed"])
            #expect(try await installation.leftovers() == [])
        }
    }
}
