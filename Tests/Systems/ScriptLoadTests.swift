import Foundation
import Testing
import TestSupport

@Suite("The user's SQL files load a batch in its transaction")
struct ScriptLoadTests {
    private static let schema = """
        CREATE TABLE races (race_date date, race_id integer, name text NOT NULL, PRIMARY KEY (race_date, race_id));
        CREATE TABLE runners (
            race_id integer, horse text, odds numeric NOT NULL CHECK (odds > 1), PRIMARY KEY (race_id, horse));
        CREATE TABLE statistics (made_at timestamptz DEFAULT clock_timestamp(), races bigint);
        """

    /// Ten days, each with a race of two horses; the file `odds` gives the odds of the second.
    private static let source = """
        #!/bin/sh
        echo "$1 $2" >> requests
        awk -v first="$1" -v last="$2" 'BEGIN {
            getline odds < "odds"
            for (d = 1; d <= 10; d++) {
                day = sprintf("2024-03-%02d", d)
                if (day < first || day > last) continue
                printf "{\\"date\\": \\"%s\\", \\"id\\": %d, \\"name\\": \\"Race %d\\", \\"runners\\": [", day, d, d
                printf "{\\"horse\\": \\"Ann\\", \\"odds\\": 2.5}, {\\"horse\\": \\"Bob\\", \\"odds\\": %s}]}\\n", \
        (d == 6 ? odds : 3)
            } }'
        """

    private static let config = """
        sources:
          races: {type: command, command: [./races, "{window.first}", "{window.last}"], format: ndjson, retry: {attempts: 1}}
        streams:
          races:
            source: races
            table: races
            key: {column: race_date, type: date}
            columns: {race_date: date}
            expect: {from: 2024-03-01, to: 2024-03-10}
            batch: 5d
            load: [races.sql, runners.sql]
            after: [statistics.sql]
            check: suspect.sql
        """

    private static let files = [
        "races": source,
        "odds": "4",
        "races.sql": """
        INSERT INTO races AS r SELECT (doc ->> 'date')::date, (doc ->> 'id')::int, doc ->> 'name' FROM batch
        ON CONFLICT (race_date, race_id) DO UPDATE SET name = EXCLUDED.name WHERE r.name <> EXCLUDED.name;
        """,
        "runners.sql": """
        INSERT INTO runners AS r
        SELECT (doc ->> 'id')::int, runner ->> 'horse', (runner ->> 'odds')::numeric
        FROM batch, jsonb_array_elements(doc -> 'runners') AS runner
        ON CONFLICT (race_id, horse) DO UPDATE SET odds = EXCLUDED.odds WHERE r.odds <> EXCLUDED.odds;
        """,
        "statistics.sql": "INSERT INTO statistics (races) SELECT count(*) FROM races",
        "suspect.sql": "SELECT race_date FROM races WHERE name LIKE 'wrong%'",
    ]

    @Test("A feed fans out into two tables, what is wrong is fetched again, and `after` runs once after a change")
    func fanOut() async throws {
        try await Installation.with(Self.schema, config: Self.config, files: Self.files) { installation in
            let database = installation.database
            let first = try await installation.lacuna("reconcile")
            #expect(first.status == 0, "\(first.errors)")
            #expect(try await database.number("SELECT count(*) FROM races") == 10)
            #expect(try await database.number("SELECT count(*) FROM runners") == 20)
            #expect(try await database.column("SELECT races::text FROM statistics") == ["10"])

            let before = try await installation.image()
            #expect(try await installation.lacuna("reconcile").output == "races: nothing to do\n")
            #expect(try await installation.image() == before)

            try await database.execute("UPDATE races SET name = 'wrong ' || name WHERE race_id IN (3, 8)")
            try installation.remove("requests")
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 2)
            let healed = try await installation.lacuna("reconcile")
            #expect(healed.status == 0, "\(healed.errors)")
            #expect(
                installation.lines(of: "requests").sorted() == ["2024-03-03 2024-03-03", "2024-03-08 2024-03-08"])
            #expect(try await database.number("SELECT count(*) FROM races WHERE name = 'Race ' || race_id") == 10)
            #expect(try await database.column("SELECT races::text FROM statistics") == ["10", "10"])
        }
    }

    @Test("A statement that fails leaves no trace of its batch in either table, the extents or the journal")
    func failing() async throws {
        var files = Self.files
        files["odds"] = "0.5"
        try await Installation.with(Self.schema, config: Self.config, files: files) { installation in
            let database = installation.database
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 1)
            #expect(result.errors.contains("races 2024-03-06: "), "\(result.errors)")
            #expect(result.errors.contains("runners_odds_check"))
            #expect(try await database.column("SELECT race_id::text FROM races WHERE race_id = 6") == [])
            #expect(try await database.column("SELECT race_id::text FROM runners WHERE race_id = 6") == [])
            #expect(try await database.number("SELECT count(*) FROM races") == 9)
            #expect(try await database.number("SELECT count(*) FROM runners") == 18)
            #expect(
                try await database.number(
                    """
                    SELECT count(*) FROM lacuna.batch
                    WHERE state = 'committed' AND '2024-03-06'::date - '1970-01-01'::date BETWEEN lower AND upper - 1
                    """) == 0)
            #expect(try await database.number("SELECT count(*) FROM lacuna.verified_empty") == 0)
            #expect(try await installation.lacuna("gaps").output == "races  2024-03-06  1 unit\n")
        }
    }

    @Test(
        "A script that ends the transaction is refused",
        arguments: ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "END; BEGIN"])
    func endsTheTransaction(statement: String) async throws {
        var files = Self.files
        files["runners.sql"] = "\(statement);"
        try await Installation.with(Self.schema, config: Self.config, files: files) { installation in
            let before = try await installation.image()
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 1, "\(result.output)")
            #expect(result.errors.contains("runners.sql"), "\(result.errors)")
            #expect(result.errors.contains("COMMIT or ROLLBACK"), "\(result.errors)")
            #expect(try await installation.image() == before)
        }
    }

    @Test("The planner knows how many records a script reads")
    func analysed() async throws {
        var files = Self.files
        files["runners.sql"] = """
            INSERT INTO runners
            SELECT reltuples, (SELECT count(*) FROM batch), 2 FROM pg_class WHERE oid = 'pg_temp.batch'::regclass
            ON CONFLICT DO NOTHING;
            """
        try await Installation.with(Self.schema, config: Self.config, files: files) {
            (installation) async throws -> Void in
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(
                try await installation.database.column("SELECT bool_and(race_id::text = horse)::text FROM runners") == [
                    "true"
                ])
        }
    }

    @Test(
        "Where `after` fails, the rows stay, the run says so, and the next run tries again though nothing else is to do"
    )
    func failingAfter() async throws {
        var files = Self.files
        files["statistics.sql"] =
            "INSERT INTO statistics (races) SELECT 1 / (SELECT count(*) FROM races WHERE name = 'x')"
        try await Installation.with(Self.schema, config: Self.config, files: files) { installation in
            for _ in 1...2 {
                let result = try await installation.lacuna("reconcile")
                #expect(result.status == 1)
                #expect(
                    result.errors.contains(
                        "the rows are committed, but `after` failed, and the next run tries it again: "))
                #expect(result.errors.contains("division by zero"))
            }
            #expect(try await installation.database.number("SELECT count(*) FROM races") == 10)
            try installation.directory.write(Self.files["statistics.sql"] ?? "", to: "statistics.sql")
            for _ in 1...2 {
                #expect(try await installation.lacuna("reconcile").status == 0)
                #expect(try await installation.database.column("SELECT races::text FROM statistics") == ["10"])
            }
        }
    }

    @Test("A run that is killed before its `after` leaves the scripts to the next")
    func killedBeforeAfter() async throws {
        var files = Self.files
        files["statistics.sql"] = "SELECT pg_advisory_xact_lock(77);" + (Self.files["statistics.sql"] ?? "")
        try await Installation.with(Self.schema, config: Self.config, files: files) { installation in
            let database = installation.database
            let holder = try await database.connect()
            _ = try await holder.script("SELECT pg_advisory_lock(77)", name: "test")
            let run = try installation.start(["reconcile"])
            try await installation.waitUntil("the run waits in its script") {
                try await database.number(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND NOT granted") == 1
            }
            run.send(signal: SIGKILL)
            _ = try await run.wait()
            await holder.close()
            try await installation.waitUntilBackendsAreGone()
            #expect(try await database.number("SELECT count(*) FROM statistics") == 0)
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await database.column("SELECT races::text FROM statistics") == ["10"])
        }
    }
}
