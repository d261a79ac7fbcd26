import Foundation
import Testing
import TestSupport

@Suite("Histories come from files, programs and other databases")
struct SourceTests {
    private static let schema = "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);"

    @Test("Units younger than delay are not asked for, and an empty answer attests nothing about them")
    func delay() async throws {
        let source = """
            #!/bin/sh
            if [ "$1" = --tip ]; then date -u +%Y-%m-%d; exit; fi
            echo "$1 $2" >> requests
            echo day,v
            """
        let config = """
            sources:
              days:
                type: command
                command: [./days, "{window.first}", "{window.last}"]
                tip: [./days, --tip]
                format: csv
            streams:
              days:
                source: days
                table: days
                key: {column: day, type: date}
                expect: {from: today - 20d, delay: 3d}
                batch: 7d
            """
        try await Installation.with(
            """
            CREATE TABLE days (day date PRIMARY KEY, v text);
            INSERT INTO days VALUES ((now() AT TIME ZONE 'UTC')::date - 10), ((now() AT TIME ZONE 'UTC')::date);
            """, config: config, files: ["days": source]
        ) { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.lacuna("catchup").status == 0)
            let due = try await database.value("SELECT ((now() AT TIME ZONE 'UTC')::date - 4)::text")
            let asked = installation.lines(of: "requests").compactMap { $0.split(separator: " ").last.map(String.init) }
            #expect(!asked.isEmpty)
            #expect(asked.allSatisfy { $0 <= due }, "\(asked)")
            #expect(
                try await database.number(
                    """
                    SELECT count(*) FROM lacuna.verified_empty
                    WHERE upper > (now() AT TIME ZONE 'UTC')::date - 3 - date '1970-01-01'
                    """) == 0)
            #expect(try await database.number("SELECT sum(upper - lower)::int FROM lacuna.verified_empty") == 16)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("A file whose tip moves is caught up with, and one that shrinks is no error and moves nothing")
    func movingFile() async throws {
        func csv(_ last: Int) -> String { "v,n,more\n" + (0...last).map { "v\($0),\($0),x\n" }.joined() }
        let config = """
            sources: {archive: {type: file, path: numbers.csv}}
            streams:
              numbers:
                {source: archive, table: numbers, key: {column: n, type: integer}, expect: {from: 0}, batch: 25}
            """
        try await Installation.with(
            Self.schema, config: config, files: ["numbers.csv": csv(99)]
        ) { installation in
            let database = installation.database
            let count = "SELECT count(*) FROM numbers WHERE v = 'v' || n"
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await database.number(count) == 100)
            try installation.directory.write(csv(169), to: "numbers.csv")
            #expect(try await installation.lacuna("reconcile").output == "numbers: nothing to do\n")
            let tail = try await installation.lacuna("gaps", "--tip", "--report")
            #expect(tail.output.contains("100–169"))
            #expect(try await installation.lacuna("catchup").status == 0)
            #expect(try await database.number(count) == 170)
            let before = try await installation.image()
            try installation.directory.write(csv(120), to: "numbers.csv")
            let back = try await installation.lacuna("catchup")
            #expect(back.status == 0)
            #expect(back.output == "numbers: nothing to catch up\n")
            #expect(try await installation.image() == before)
        }
    }

    @Test("Hostile names of tables, columns, partitions and fields are harmless, and they work")
    func hostileNames() async throws {
        let region = "o'brien\"; DROP TABLE kept; -- $1 🐘"
        let long = String(repeating: "ü", count: 31)
        let config = """
            sources: {archive: {type: file, path: "l'ist.csv"}}
            streams:
              "str'eam; --":
                source: archive
                table: '"sch""ema"."ta''ble $$"'
                key: {column: 'ke"y', type: integer}
                columns: {'ke"y': 'fie"ld', "\(long)": ":'stream'"}
                partitions: {"re'gion": ['\(region.replacing("'", with: "''"))', plain]}
                expect: {from: 0, to: 9}
                batch: 4
            """
        let quoted = "\"\(region.replacing("\"", with: "\"\""))\""
        let rows = (0...9).map { "\(quoted),\($0),\"a'; --\"\nplain,\($0),:'lower'\n" }.joined()
        try await Installation.with(
            """
            CREATE TABLE kept ();
            CREATE SCHEMA "sch""ema";
            CREATE TABLE "sch""ema"."ta'ble $$" (
                "re'gion" text, "ke""y" integer, "\(long)" text, PRIMARY KEY ("re'gion", "ke""y"));
            """, config: config, files: ["l'ist.csv": "re'gion,\"fie\"\"ld\",:'stream'\n" + rows]
        ) { installation in
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            let database = installation.database
            #expect(
                try await database.column(
                    """
                    SELECT "re'gion" || '|' || count(*) || '|' || min("\(long)") FROM "sch""ema"."ta'ble $$"
                    GROUP BY "re'gion" ORDER BY 1
                    """) == ["\(region)|10|a'; --", "plain|10|:'lower'"])
            #expect(try await installation.lacuna("mark", "str'eam; --", "--from", "3", "--to", "5").status == 0)
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.lacuna("status").status == 0)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await database.value("SELECT to_regclass('kept')::text") == "kept")
        }
    }

    @Test("A file that is cut or broken is rejected with its path and line, and nothing lands")
    func brokenFile() async throws {
        let config = """
            sources: {archive: {type: file, path: numbers.csv}}
            streams:
              numbers:
                {source: archive, table: numbers, key: {column: n, type: integer}, expect: {from: 0, to: 9}, batch: 25}
            """
        try await Installation.with(
            Self.schema, config: config, files: ["numbers.csv": "n,v\n1,a\n2,\"b\n"]
        ) { installation in
            let before = try await installation.image()
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 1)
            #expect(result.errors.contains("numbers.csv"), "\(result.errors)")
            #expect(result.errors.contains("line 3"), "\(result.errors)")
            #expect(try await installation.image() == before)
        }
    }

    @Test("Another database's rows come over exactly, hostile values and all")
    func otherDatabase() async throws {
        let config = """
            sources:
              upstream:
                type: postgres
                database: ${env:UPSTREAM}
                query: SELECT n, v, at, amount FROM upstream WHERE n BETWEEN {window.first} AND {window.last} -- all
                tip: SELECT max(n) FROM upstream
            streams:
              copies:
                {source: upstream, table: copies, key: {column: n, type: integer}, expect: {from: 0}, batch: 10}
            """
        let columns = "(n bigint PRIMARY KEY, v text, at timestamptz, amount double precision)"
        try await TestDatabase.with { upstream in
            try await upstream.execute(
                """
                CREATE TABLE upstream \(columns);
                INSERT INTO upstream SELECT n, v, '2024-03-31 01:30+00'::timestamptz + n * interval '1 microsecond', a
                FROM generate_series(0, 59) AS n,
                    LATERAL (SELECT (ARRAY[NULL, '', '"', E'a,b\\nc', '\\.', 'NULL', '🐘', $q$'$$$q$])[n % 8 + 1]) AS t (v),
                    LATERAL (SELECT (ARRAY['NaN', 'Infinity', 0.1, 1e308, 9007199254740993])[n % 5 + 1]) AS u (a);
                """)
            try await Installation.with(
                "CREATE TABLE copies \(columns)",
                config: config.replacing("${env:UPSTREAM}", with: "\"\(upstream.connectionString)\"")
            ) { installation in
                let database = installation.database
                let result = try await installation.lacuna("reconcile")
                #expect(result.status == 0, "\(result.errors)")
                try await upstream.execute("INSERT INTO upstream SELECT n, 'later' FROM generate_series(60, 80) AS n")
                #expect(try await installation.lacuna("catchup").status == 0)
                let all = "SELECT t::text FROM %@ AS t ORDER BY n"
                #expect(
                    try await database.column(all.replacing("%@", with: "copies"))
                        == upstream.column(all.replacing("%@", with: "upstream")))
                #expect(try await database.number("SELECT count(*) FROM copies") == 81)

                try await upstream.execute("DROP TABLE upstream")
                try await database.execute("DELETE FROM copies WHERE n = 5")
                let before = try await installation.image()
                let broken = try await installation.lacuna("reconcile")
                #expect(broken.status == 1)
                #expect(broken.errors.contains("copies 5: the source database: "))
                #expect(broken.errors.contains("upstream"))
                #expect(try await installation.image() == before)
            }
        }
    }
}
