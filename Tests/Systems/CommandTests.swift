import Foundation
import Testing
import TestSupport

@Suite("The other commands, as a user runs them")
struct CommandTests {
    private static let schema = """
        CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
        INSERT INTO numbers SELECT n, 'v' || n FROM generate_series(0, 399) AS n WHERE n % 100 < 50;
        """

    private func withNumbers(
        batch: Int = 10, pause: String = "0", more: String = "", _ body: (Installation) async throws -> Void
    ) async throws {
        try await Installation.with(
            Self.schema, config: Program.source + Program.stream(batch: batch, more: more),
            files: ["numbers": Program.numbers(pause: pause, tip: 449)], body)
    }

    @Test("A forced full backfill is durable batch by batch: killed and run again, it fetches each batch once")
    func markAll() async throws {
        try await withNumbers(pause: "0.2") { installation in
            let database = installation.database
            try await database.execute(
                """
                TRUNCATE numbers;
                INSERT INTO numbers SELECT n, 'wrong' FROM generate_series(0, 399) AS n;
                """)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            let marked = try await installation.lacuna("mark", "numbers", "--all", "--reason", "bad parser")
            #expect(marked.output.contains("400 units marked"))
            let process = try installation.start(["reconcile"])
            try await installation.waitUntil("some are done") { installation.lines(of: "requests").count > 15 }
            process.send(signal: SIGKILL)
            _ = try await process.wait()
            try await installation.waitUntilBackendsAreGone()

            let right = try await database.number("SELECT count(*) FROM numbers WHERE v = 'v' || n")
            let open = try await database.number("SELECT sum(upper - lower)::int FROM lacuna.refetch")
            #expect(right + open == 400)
            #expect((1..<400).contains(right))
            try installation.remove("requests")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(installation.lines(of: "requests").count == open / 10)
            #expect(try await database.number("SELECT count(*) FROM numbers WHERE v = 'v' || n") == 400)
            #expect(try await database.number("SELECT count(*) FROM lacuna.refetch") == 0)
            #expect(try await database.value("SELECT note FROM lacuna.run WHERE mode = 'mark'").contains("bad parser"))
        }
    }

    @Test("--version names the program's version and the libraries that it runs on")
    func version() async throws {
        try await TestDirectory.with { directory in
            let result = try await LacunaProcess.run("--version", in: directory.url)
            #expect(result.status == 0)
            let expected = /lacuna \d+\.\d+\.\d+ \(libpq \d+\.\d+, libcurl \d+\.\d+\.\d+\)\n/
            #expect(result.output.wholeMatch(of: expected) != nil, "\(result.output)")
        }
    }

    @Test("A dry run prints the plan and writes nothing")
    func dryRun() async throws {
        try await withNumbers { installation in
            let before = try await installation.image()
            let result = try await installation.lacuna("reconcile", "--dry-run")
            #expect(result.status == 0)
            #expect(result.output.hasPrefix("numbers: 15 batches, 150 units\n"))
            #expect(result.output.contains("290–299  10 units\n"))
            #expect(try await installation.image() == before)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.run") == 0)
            #expect(installation.lines(of: "requests") == [])
        }
    }

    @Test("A limit ends the run with status 2, and the next run goes on")
    func limits() async throws {
        try await withNumbers(pause: "0.15") { installation in
            let few = try await installation.lacuna("reconcile", "--max-batches", "4", "--workers", "1")
            #expect(few.status == 2)
            #expect(few.output.contains("ended early: the limit of 4 batches was reached"))
            #expect(
                installation.lines(of: "requests") == ["290 299", "280 289", "270 279", "260 269"],
                "newest first")
            let short = try await installation.lacuna("reconcile", "--time-limit", "1s", "--workers", "1")
            #expect(short.status == 2)
            #expect(short.output.contains("ended early: the time limit was reached"))
            let done = installation.lines(of: "requests").count
            #expect(done > 4 && done < 15)
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(Set(installation.lines(of: "requests")).count == 15)
            #expect(installation.lines(of: "requests").count == 15)
        }
    }

    @Test("--from and --to touch nothing else, and what remains decides the status inside them only")
    func range() async throws {
        try await withNumbers { installation in
            let result = try await installation.lacuna("reconcile", "--from", "155", "--to", "264")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(
                Set(installation.lines(of: "requests"))
                    == ["155 159", "160 169", "170 179", "180 189", "190 199", "250 259", "260 264"])
            #expect(
                try await installation.lacuna("gaps").output
                    == """
                    numbers  50–99  50 units
                    numbers  150–154  5 units
                    numbers  265–299  35 units

                    """)
        }
    }

    @Test("--partition touches nothing else")
    func partition() async throws {
        let source = Program.source.replacing(#""{window.last}"]"#, with: #""{window.last}", "{partition.region}"]"#)
        let stream = Program.stream(batch: 10, more: ", partitions: {region: [a, b]}")
        try await Installation.with(
            """
            CREATE TABLE numbers (region text, n bigint, v text NOT NULL, PRIMARY KEY (region, n));
            INSERT INTO numbers VALUES ('a', 99, 'v99'), ('b', 99, 'v99');
            """, config: source + stream, files: ["numbers": Program.numbers()]
        ) { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile", "--partition", "region=b").status == 0)
            #expect(
                try await database.column(
                    "SELECT region || ' ' || count(*) FROM numbers GROUP BY region ORDER BY region")
                    == ["a 1", "b 100"])
            #expect(try await installation.lacuna("gaps").output == "numbers  region=a  0–98  99 units\n")
            let wrong = try await installation.lacuna("reconcile", "--partition", "region=c")
            #expect(wrong.status == 64)
            #expect(wrong.errors.contains("declares no such partition"))
        }
    }

    @Test("rewind moves the extents back, says so in the journal, and the rows still count")
    func rewind() async throws {
        try await withNumbers { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.lacuna("catchup").status == 0)
            let extents = "SELECT oldest || ' ' || latest FROM lacuna.cursor"
            #expect(try await database.value(extents) == "50 449")
            let result = try await installation.lacuna("rewind", "numbers", "--latest", "300")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output == "numbers: 50 – 449 → 50 – 300\n")
            #expect(try await database.value(extents) == "50 300")
            #expect(
                try await database.value("SELECT state || ' ' || note FROM lacuna.run WHERE mode = 'rewind'")
                    == "done 50 – 449 → 50 – 300")
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await installation.lacuna("catchup").output == "numbers: nothing to catch up\n")
            // Where the rows are gone too, the rewound history is no gap but a tail.
            try await database.execute("DELETE FROM numbers WHERE n > 300")
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await installation.lacuna("catchup").status == 0)
            #expect(try await database.number("SELECT count(*) FROM numbers") == 450)
            #expect(try await installation.lacuna("rewind", "numbers", "--forget").status == 0)
            #expect(try await database.column(extents) == [])
            #expect(try await installation.lacuna("rewind", "numbers").status == 64)
        }
    }

    @Test("--quiet says nothing of what went well or goes on by itself, and all of what failed")
    func quiet() async throws {
        try await withNumbers { installation in
            let part = try await installation.lacuna("reconcile", "--quiet", "--max-batches", "1")
            #expect(part.status == 2 && part.output.isEmpty && part.errors.isEmpty, "\(part)")
            let rest = try await installation.lacuna("reconcile", "--quiet")
            #expect(rest.status == 0 && rest.output.isEmpty && rest.errors.isEmpty, "\(rest)")
            try await installation.database.execute("DELETE FROM numbers WHERE n = 70")
            try installation.remove("numbers")
            let failed = try await installation.lacuna("reconcile", "--quiet")
            #expect(failed.status == 1 && failed.output.contains("numbers: FAILED"), "\(failed)")
        }
    }

    @Test("Variables stand for options that are not given, and for no others")
    func variables() async throws {
        try await withNumbers { plain in
            func look(_ variables: [String: String], _ arguments: String...) async throws -> LacunaProcess.Result {
                try await Installation(
                    database: plain.database, directory: plain.directory,
                    environment: variables.merging(["PGDATABASE": "nowhere"]) { $0 + $1 }
                ).start(["gaps", "--table", "numbers", "--column", "n"] + arguments).wait()
            }
            let address = plain.database.connectionString
            let found = try await look(["LACUNA_DATABASE": address])
            #expect(found.status == 0, "\(found.errors)")
            #expect(try await look(["LACUNA_DATABASE": "host=/nowhere"], "--database", address).status == 0)
            #expect(try await look(["LACUNA_DATABASE": "host=/nowhere"]).status == 1)
            let secret = try await look(["LACUNA_DATABASE": "host=/nowhere password=canary-word"])
            #expect(!secret.errors.contains("canary") && !secret.errors.contains("--database"), "\(secret.errors)")
            let lines = try await look(["LACUNA_DATABASE": "host=/nowhere", "LACUNA_LOG_FORMAT": "json"]).errors
            #expect(lines.hasPrefix("{"), "\(lines)")
            for name in ["LACUNA_LOG_FORMAT", "LACUNA_LOG_LEVEL"] {
                let wrong = try await look(["LACUNA_DATABASE": address, name: "loud"])
                #expect(wrong.status == 64 && wrong.errors.contains("\(name) is 'loud'"), "\(wrong)")
            }
        }
    }

    @Test("status, doctor and config show what is there, and no secret")
    func looking() async throws {
        try await withNumbers { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            let status = try await installation.lacuna("status")
            #expect(status.status == 0)
            #expect(status.output.contains("100 % of 350 expected units"))
            #expect(status.output.contains("last runs"))
            let json = try await installation.lacuna("status", "--format", "json")
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(json.output.utf8)) }

            let doctor = try await installation.lacuna("doctor")
            #expect(doctor.status == 0, "\(doctor.output)")
            #expect(doctor.output.contains("stream numbers"))
            #expect(!doctor.output.contains("FAIL"))
            try installation.remove("numbers")
            let broken = try await installation.lacuna("doctor")
            #expect(broken.status == 1)
            #expect(broken.output.contains("FAIL"))

            let secret = TestDatabase.adding(
                "password", "hunter2hunter2", to: installation.database.connectionString)
            let config = try await installation.lacuna("config", database: secret)
            #expect(config.status == 0)
            #expect(config.output.contains("numbers:"))
            #expect(!config.output.contains("hunter2"))
            let schema = try await installation.lacuna("config", "--schema")
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(schema.output.utf8)) }

            let before = try await installation.image()
            let again = try await installation.lacuna("init")
            #expect(again.status == 0)
            #expect(again.output.contains("the lacuna schema is up to date"))
            #expect(try await installation.image() == before)
        }
    }

    @Test("With --log-format json each line of standard error is an object; a tip that is asked for again is told of")
    func jsonErrors() async throws {
        let program = """
            #!/bin/sh
            if [ "$1" = --tip ] && [ -e asked ]; then echo 9; exit; fi
            touch asked
            echo "line one\\nline two" >&2
            exit 75
            """
        try await Installation.with(
            Self.schema,
            config: Program.source + Program.stream(batch: 10, more: ", retry: {attempts: 2, backoff: 1s}"),
            files: ["numbers": program]
        ) { installation in
            try await installation.database.execute("DELETE FROM numbers")
            let run = try await entries(installation, ["reconcile"], status: 1)
            // No closure inside the macros: see "Tests" in docs/ARCHITECTURE.md.
            let timed = run.filter { $0["time"] != nil }
            let warnings = run.filter { $0["level"] == "warning" && $0["stream"] == "numbers" && $0["window"] == "-" }
            let errors = run.filter { $0["level"] == "error" }.compactMap { $0["message"] }
            #expect(timed.count == run.count)
            #expect(warnings.first?["message"]?.contains("the tip could not be asked for") == true, "\(run)")
            #expect(errors.first?.hasPrefix("numbers 0: ") == true, "\(run)")
            #expect(errors.count == 2)
            #expect(errors.last?.hasPrefix("numbers: 9 more failed alike: ") == true, "\(run)")
            let wrong = try await entries(installation, ["gaps", "a\u{202E}b"], status: 64)
            #expect(wrong.count == 1)
            #expect(wrong.first?["message"]?.contains("no stream 'a\\u{202e}b'") == true, "\(wrong)")
            try installation.configure("streams: 3\n")
            let config = try await entries(installation, ["gaps"], status: 78)
            #expect(config.count == 1)
            #expect(config.first?["level"] == "error")
        }
    }

    /// What a command writes to standard error as JSON, an object a line.
    private func entries(
        _ installation: Installation, _ arguments: [String], status: Int32
    ) async throws -> [[String: String]] {
        let result = try await installation.start(arguments + ["--log-format", "json"]).wait()
        #expect(result.status == status, "\(result.errors)")
        return try result.errors.split(separator: "\n").map {
            try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String], "\(result.errors)")
        }
    }

    @Test("Without the schema a run says what to do, and gaps works all the same")
    func withoutSchema() async throws {
        try await Installation.with(
            Self.schema, config: Program.source + Program.stream(batch: 10), files: ["numbers": Program.numbers()],
            isInitialised: false
        ) { installation in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1)
            #expect(run.errors.contains("run `lacuna init`"))
            let gaps = try await installation.lacuna("gaps", "--exit-code")
            #expect(gaps.status == 2, "\(gaps.errors)")
            #expect(gaps.output.contains("numbers  50–99  50 units"))
            #expect(try await installation.database.value("SELECT to_regnamespace('lacuna')::text") == "NULL")
        }
    }
}
