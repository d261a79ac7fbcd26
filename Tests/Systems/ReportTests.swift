import Foundation
import TestSupport
import Testing

@Suite("What runs and looks report")
struct ReportTests {
    private static let days = """
        CREATE TABLE days (d date PRIMARY KEY, v text);
        """

    private func files(_ expect: String) -> String {
        """
        sources: {files: {type: file, path: "{window.first}.csv"}}
        streams:
          days: {source: files, table: days, key: {column: d, type: date}, expect: {\(expect)}, batch: 1,
            empty: verify, retry: {attempts: 1}}

        """
    }

    /// Looks at a table that no config names.
    private func look(
        at table: String, _ arguments: String..., installation: Installation
    ) async throws -> LacunaProcess.Result {
        let database = installation.database.connectionString
        return try await installation.start(
            ["gaps", "--database", database, "--exit-code", "--table", table] + arguments
        ).wait()
    }

    @Test("A day whose file has a header only is verified empty, and one without a file is not")
    func emptyFile() async throws {
        try await Installation.with(
            Self.days, config: files("from: 2020-01-01, to: 2020-01-04"),
            files: ["2020-01-01.csv": "d,v\n2020-01-01,a\n", "2020-01-02.csv": "d,v\n", "2020-01-04.csv": "d,v\n"]
        ) { installation in
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 1)
            #expect(result.errors.contains("2020-01-03.csv"), "\(result.errors)")
            #expect(try await installation.lacuna("gaps").output == "days  2020-01-03  1 unit\n")
            #expect(
                try await installation.database.column(
                    "SELECT lower || ' ' || upper FROM lacuna.verified_empty ORDER BY 1"
                )
                .count == 2)
        }
    }

    @Test("A catchup whose source lags behind the declared end says how far, and so do gaps and the status")
    func lagging() async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text);
            INSERT INTO numbers SELECT n FROM generate_series(0, 99) AS n;
            """,
            config: """
                sources: {numbers: {type: file, path: numbers.csv}}
                streams: {numbers: {source: numbers, table: numbers, key: {column: n, type: integer}, batch: 50,
                  expect: {from: 0, to: 299}}}

                """, files: ["numbers.csv": Program.numbersFile]
        ) { installation in
            let behind = try await installation.lacuna("gaps", "--max-behind", "199")
            #expect(behind.status == 2)
            #expect(behind.output == "numbers  no gaps\nnumbers  behind the tip  100–299  200 units\n")
            #expect(try await installation.lacuna("gaps", "--max-behind", "200").status == 0)
            let csv = try await installation.lacuna("gaps", "--format", "csv", "--tip")
            #expect(csv.output == "stream,first,last,units,kind\nnumbers,100,299,200,behind\n")
            #expect(try await installation.lacuna("gaps", "--format", "csv").output == "stream,first,last,units\n")
            #expect(try await installation.lacuna("gaps", "--exit-code").output == "numbers  no gaps\n")
            let result = try await installation.lacuna("catchup")
            #expect(result.status == 2, "\(result.output)")
            #expect(
                result.output.contains("work remains (4 batches committed, 100 rows inserted, 100 units behind the tip")
            )
            let json = try await installation.lacuna("catchup", "--format", "json")
            #expect(json.status == 2)
            #expect(json.output.contains("\"behind_units\" : 100"), "\(json.output)")
            try installation.directory.write("n,v\n" + (0..<300).map { "\($0),v\n" }.joined(), to: "numbers.csv")
            let whole = try await installation.lacuna("catchup")
            #expect(whole.status == 0)
            #expect(whole.output.hasPrefix("numbers: caught up ("), "\(whole.output)")
        }
    }

    @Test("A source that rejects every request ends the run at once, and no window waits for it")
    func refused() async throws {
        try await HTTPServer.with { request in
            guard request.headers["authorization"] == "Bearer right" else { return .init("", status: 403) }
            let (first, last) = (Int(request["from"] ?? "") ?? 0, Int(request["to"] ?? "") ?? -1)
            return .init("[" + (first...last).map { "{\"n\": \($0), \"v\": \"v\"}" }.joined(separator: ",") + "]")
        } _: { server in
            func config(_ token: String) -> String {
                """
                sources:
                  api: {type: http, base_url: "\(server.url)", auth: {type: bearer, token: \(token)},
                    request: {path: /items, params: {from: "{window.first}", to: "{window.last}"}}, proxy: none}
                streams: {numbers: {source: api, table: numbers, key: {column: n, type: integer}, batch: 10, workers: 1,
                  expect: {from: 0, to: 299}}}

                """
            }
            try await Installation.with(
                "CREATE TABLE numbers (n bigint PRIMARY KEY, v text)", config: config("wrong")
            ) { installation in
                let result = try await installation.lacuna("reconcile")
                #expect(result.status == 1)
                #expect(result.errors.contains("check `auth`"), "\(result.errors)")
                #expect(result.errors.split(separator: "\n").count <= 2, "\(result.errors)")
                #expect(server.requests.count <= 2)
                try installation.configure(config("right"))
                #expect(try await installation.lacuna("reconcile").status == 0)
                #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 300)
            }
        }
    }

    @Test("A partition that the source rejects is asked for once, and touches no other")
    func refusedPartition() async throws {
        try await HTTPServer.with { request in
            guard request["region"] == "a" else { return .init("", status: 403) }
            let (first, last) = (Int(request["from"] ?? "") ?? 0, Int(request["to"] ?? "") ?? -1)
            return .init("[" + (first...last).map { "{\"n\": \($0)}" }.joined(separator: ",") + "]")
        } _: { server in
            try await Installation.with(
                "CREATE TABLE numbers (region text, n bigint, PRIMARY KEY (region, n))",
                config: """
                    sources:
                      api: {type: http, base_url: "\(server.url)", proxy: none, request: {path: /items,
                        params: {from: "{window.first}", to: "{window.last}", region: "{partition.region}"}}}
                    streams: {numbers: {source: api, table: numbers, key: {column: n, type: integer}, batch: 10,
                      workers: 1, partitions: {region: [a, b]}, expect: {from: 0, to: 299}}}

                    """
            ) { installation in
                let result = try await installation.lacuna("reconcile")
                #expect(result.status == 1)
                #expect(result.output.contains("30 batches committed, 300 rows inserted, 1 failed"), "\(result.output)")
                #expect(server.requests.count { $0["region"] == "b" } == 1)
                #expect(
                    try await installation.database.number("SELECT count(*) FROM numbers WHERE region = 'a'") == 300)
                #expect(
                    try await installation.database.number("SELECT count(*) FROM lacuna.batch WHERE state = 'failed'")
                        == 0)
            }
        }
    }

    @Test("A field that columns names and no record has is told of")
    func absentField() async throws {
        let program = """
            #!/bin/sh
            awk -v first="$1" -v last="$2" 'BEGIN { for (n = first; n <= last; n++) print "{\\"n\\": " n ", \\"w\\": 1}" }'
            """
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text, w int)",
            config: """
                sources: {numbers: {type: command, command: [./numbers, "{window.first}", "{window.last}"]}}
                streams: {numbers: {source: numbers, table: numbers, key: {column: n, type: integer}, batch: 10,
                  expect: {from: 0, to: 29}, columns: {v: vlaue, w: w}}}

                """, files: ["numbers": program]
        ) { installation in
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 0, "\(result.errors)")
            #expect(
                result.errors
                    == "numbers: no record had the field 'vlaue', which columns.v names, so that the column got "
                    + "nothing; the records have n, w\n")
        }
    }

    @Test("A stream that cannot be looked at silences no other, and the status says so")
    func brokenStream() async throws {
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text); INSERT INTO numbers VALUES (1), (3)",
            config: """
                sources: {numbers: {type: file, path: numbers.csv}}
                streams:
                  absent: {source: numbers, table: absent, key: {column: n, type: integer}}
                  numbers: {source: numbers, table: numbers, key: {column: n, type: integer}}

                """, isInitialised: false
        ) { installation in
            _ = try await installation.lacuna("init")
            for arguments in [["gaps"], ["gaps", "--format", "json"], ["gaps", "--format", "prometheus"], ["status"]] {
                let result = try await installation.start(arguments).wait()
                #expect(result.status == 1, "\(arguments)")
                #expect(result.output.contains("numbers"), "\(arguments): \(result.output)")
                #expect(result.errors.contains("stream absent: "), "\(arguments): \(result.errors)")
            }
        }
    }

    @Test("No partitions are not a table without gaps")
    func noPartitions() async throws {
        try await Installation.with(
            "CREATE TABLE numbers (region text, n bigint, PRIMARY KEY (region, n)); CREATE TABLE regions (region text)",
            config: """
                sources: {numbers: {type: file, path: numbers.csv}}
                streams: {numbers: {source: numbers, table: numbers, key: {column: n, type: integer},
                  partitions: {query: SELECT region FROM regions, columns: [region]}}}

                """
        ) { installation in
            let result = try await installation.lacuna("gaps", "--exit-code")
            #expect(result.status == 2)
            #expect(result.output == "numbers  no partitions were found\n")
            #expect(
                try await look(at: "numbers", "--column", "n", "--by", "region", installation: installation).status == 2
            )
            try await installation.database.execute(
                """
                CREATE TABLE loose (region text, n bigint);
                INSERT INTO loose VALUES ('a', 1), ('a', 2), (NULL, 7);
                """)
            let loose = try await look(at: "loose", "--column", "n", "--by", "region", installation: installation)
            #expect(loose.status == 0)
            #expect(
                loose.errors == "public.loose: rows whose region is NULL belong to no partition and are not looked at\n"
            )
        }
    }

    @Test("A table is looked at up to its newest row, wherever the clock stands; a range must not end before it begins")
    func futureRows() async throws {
        try await Installation.with(
            """
            CREATE TABLE days (d date PRIMARY KEY);
            INSERT INTO days SELECT CURRENT_DATE + n FROM generate_series(-3, 300) AS n WHERE n NOT IN (200, 201);
            """
        ) { installation in
            let result = try await look(at: "days", "--column", "d", installation: installation)
            #expect(result.status == 2)
            #expect(result.output.contains("2 units"), "\(result.output)")
            let wrong = try await look(
                at: "days", "--column", "d", "--from", "2020-01-02", "--to", "2020-01-01", installation: installation)
            #expect(wrong.status == 64)
            #expect(wrong.errors == "lacuna: --from 2020-01-02 lies behind --to 2020-01-01\n")
        }
    }

    @Test("A partition that is still empty is work that remains, whatever kept its rows away")
    func stillEmpty() async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text);
            CREATE FUNCTION divert() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER divert BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION divert();
            """, config: Program.source + Program.stream(batch: 10), files: ["numbers": Program.numbers(tip: 29)]
        ) { installation in
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 2)
            #expect(result.output.contains("30 units still missing"), "\(result.output)")
        }
    }

    @Test("A fill that is oldest first and interrupted is taken up by the next run")
    func oldestFirst() async throws {
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text)",
            config: Program.source + Program.stream(batch: 10, more: ", order: oldest"),
            files: ["numbers": Program.numbers(tip: 99)]
        ) { installation in
            let few = try await installation.lacuna("reconcile", "--max-batches", "3", "--workers", "1")
            #expect(few.status == 2)
            #expect(installation.lines(of: "requests") == ["99 99", "0 9", "10 19"])
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 2)
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 100)
        }
    }

    @Test(
        "Of the hour that comes twice a time without an offset is of the one that PostgreSQL takes, and the other is empty"
    )
    func repeatedHour() async throws {
        let rows = ["10-31T22", "10-31T23", "11-01T00", "11-01T01", "11-01T02", "11-01T03"]
        let program = """
            #!/bin/sh
            if [ "$1" = --tip ]; then echo 2026-11-01T03:00; exit; fi
            printf 'k\n\(rows.map { "2026-\($0):30:00" }.joined(separator: "\n"))\n'
            """
        for type in ["timestamp", "timestamptz"] {
            try await Installation.with(
                "CREATE TABLE hours (k \(type) PRIMARY KEY)",
                config: """
                    sources: {hours: {type: command, command: [./hours], tip: [./hours, --tip], format: csv}}
                    streams: {hours: {source: hours, table: hours, batch: 7d, expect: {from: "2026-10-31T22:00"},
                      key: {column: k, type: timestamp, step: 1h, timezone: America/New_York}}}

                    """, files: ["hours": program]
            ) { installation in
                let result = try await installation.lacuna("reconcile")
                #expect(result.status == 0, "\(type): \(result.output)\(result.errors)")
                #expect(result.output.contains("6 rows inserted, 1 unit verified empty"), "\(type): \(result.output)")
                #expect(try await installation.lacuna("reconcile").output == "hours: nothing to do\n")
            }
        }
    }

    @Test(
        "Keys that PostgreSQL generates, a newer schema and text that begins a line are refused, or shown as what they are"
    )
    func refusals() async throws {
        try await Installation.with(
            "CREATE TABLE numbers (v text PRIMARY KEY, n bigint GENERATED ALWAYS AS (length(v)) STORED)",
            config: Program.source + Program.stream(batch: 10),
            files: ["numbers": Program.numbers().replacing("echo 0", with: #"printf '9\nlacuna: forged\n'"#)]
        ) { installation in
            let forged = try await installation.lacuna("gaps", "--tip")
            #expect(forged.status == 1)
            #expect(forged.errors.split(separator: "\n").count == 1, "\(forged.errors)")
            try installation.directory.write(Program.numbers(tip: 9), to: "numbers", executable: true)
            let generated = try await installation.lacuna("reconcile")
            #expect(generated.status == 1)
            #expect(generated.errors.contains("PostgreSQL generates the key column n by itself"), "\(generated.errors)")
            try await installation.database.execute("INSERT INTO lacuna.migration VALUES (99, 'future')")
            for command in ["init", "reconcile"] {
                let newer = try await installation.lacuna(command)
                #expect(newer.status == 1)
                #expect(newer.errors.contains("so upgrade this program"), "\(newer.errors)")
            }
        }
    }

    @Test("Results that cannot be written are a failure")
    func fullOutput() async throws {
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY); INSERT INTO numbers VALUES (1), (3)"
        ) { installation in
            for format in ["text", "json", "csv", "html", "prometheus"] {
                let status = try await Command.shell(
                    "\(LacunaProcess.executable.path) gaps --database '\(installation.database.connectionString)' "
                        + "--table numbers --column n --format \(format) > /dev/full 2> \(installation.directory.url.path)/errors"
                )
                #expect(status == 1, "\(format)")
                #expect(
                    installation.lines(of: "errors")
                        == ["lacuna: the results could not be written to standard output: No space left on device"])
            }
        }
    }

    @Test("Extents are moved back only")
    func rewind() async throws {
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text)",
            config: """
                sources: {numbers: {type: file, path: numbers.csv}}
                streams: {numbers: {source: numbers, table: numbers, key: {column: n, type: integer}, expect: {from: 0}}}

                """, files: ["numbers.csv": Program.numbersFile]
        ) { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            let before = try await installation.image()
            for arguments in [["--latest", "200"], ["--oldest", "-1"]] {
                let result = try await installation.start(["rewind", "numbers"] + arguments).wait()
                #expect(result.status == 1)
                #expect(result.errors.contains("reaches beyond the extents 0 – 199"), "\(result.errors)")
            }
            #expect(try await installation.image() == before)
        }
    }

    @Test("What failed in a look far back is no open failure once nobody asks for it")
    func pastFailure() async throws {
        let program = """
            #!/bin/sh
            [ ! -e broken ] || exit 1
            exec awk -v first="$1" -v last="$2" 'BEGIN { print "n,v"; for (n = first; n <= last; n++) print n ",v" n }'
            """
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text)",
            config: Program.source
                + Program.stream(batch: 10).replacing("expect: {from: 0}", with: "expect: {from: 0, to: 99}"),
            files: ["numbers": program]
        ) { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            try installation.directory.write("", to: "broken")
            #expect(try await installation.lacuna("reconcile", "--lookback", "10").status == 1)
            #expect(!(try await installation.lacuna("status").output.contains("failed, and open")))
            try await installation.database.execute("DELETE FROM numbers WHERE n = 95")
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 1)
            #expect(try await installation.lacuna("status").output.contains("failed, and open"))
        }
    }
}
