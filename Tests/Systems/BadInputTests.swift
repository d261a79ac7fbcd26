import Foundation
import Testing
import TestSupport

@Suite("Bad input is rejected with a clear message, and nothing is changed")
struct BadInputTests {
    /// A fault, and what the program must say to it.
    struct Fault: Sendable, CustomTestStringConvertible {
        let name: String
        var config = Program.source + Program.stream(batch: 10)
        var source = Program.numbers()
        var schema = "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL)"
        let status: Int32
        let says: [String]

        var testDescription: String { name }

        /// A source that prints what `awk` is told to.
        static func printing(_ rows: String) -> String {
            "#!/bin/sh\nprintf '\(rows)'"
        }
    }

    private static let configs: [Fault] = [
        Fault(
            name: "an unknown key", config: Program.source + Program.stream(batch: 10, more: ", primary_kee: n"),
            status: 78, says: ["lacuna.yaml:11:", "unknown", "'primary_kee'", "did you mean 'primary_key'?"]),
        Fault(
            name: "a missing variable",
            config: Program.source.replacing("./numbers,", with: "\"${env:LACUNA_TEST_UNSET}\",")
                + Program.stream(batch: 10), status: 78, says: ["lacuna.yaml:6:", "LACUNA_TEST_UNSET", "not set"]),
        Fault(
            name: "an impossible value", config: Program.source + Program.stream(batch: 0), status: 78,
            says: ["lacuna.yaml:11:", "batch"]),
        Fault(name: "no YAML", config: "sources: {a: [", status: 78, says: ["lacuna.yaml:"]),
        Fault(
            name: "no such table",
            config: Program.source + Program.stream(batch: 10).replacing("table: numbers", with: "table: nonumbers"),
            status: 1, says: ["numbers: ", "there is no table nonumbers", "create it"]),
        Fault(
            name: "no such column",
            config: Program.source + Program.stream(batch: 10).replacing("column: n,", with: "column: number,"),
            status: 1, says: ["numbers: ", "has no column 'number'; it has n, v"]),
        Fault(
            name: "date keys over text",
            config: Program.source
                + Program.stream(batch: 10).replacing("{column: n, type: integer}", with: "{column: v, type: date}")
                .replacing("from: 0", with: "from: 2024-01-01"), status: 1,
            says: ["numbers: ", "'v' is of type text, which does not hold date keys", "set key.type"]),
        Fault(
            name: "no primary key", schema: "CREATE TABLE numbers (n bigint NOT NULL, v text)", status: 1,
            says: ["numbers", "no primary key: declare primary_key"]),
    ]

    private static let sources: [Fault] = [
        Fault(
            name: "a program that exits 1 after its rows",
            source: "#!/bin/sh\nprintf 'n,v\\n7,a\\n'; echo 'the disk is on fire' >&2; exit 1", status: 1,
            says: ["numbers 7: ", "`./numbers` ended with status 1, saying: the disk is on fire"]),
        Fault(
            name: "no program", source: "not a program", status: 1,
            says: ["numbers 7: ", "`./numbers` could not be run in "]),
        Fault(
            name: "a row outside the window", source: Fault.printing("n,v\\n8,a\\n"), status: 1,
            says: ["numbers 7: ", "record 1 (line 2): ", "'8' lies outside the window 7"]),
        Fault(
            name: "broken JSON", config: json, source: Fault.printing(#"{"n": 7, "v": "a"}\n{"n": 7,\n"#), status: 1,
            says: ["numbers 7: ", "record 2 (line 2): "]),
        Fault(
            name: "another CSV width", source: Fault.printing("n,v\\n7,a,b\\n"), status: 1,
            says: ["numbers 7: ", "record 1 (line 2): ", "number of fields is 3, that of the header 2"]),
        Fault(
            name: "a key that is none", source: Fault.printing("n,v\\nseven,a\\n"), status: 1,
            says: ["numbers 7: ", "record 1 (line 2): ", "'seven'"]),
        Fault(
            name: "an empty key", source: Fault.printing("n,v\\n,a\\n"), status: 1,
            says: ["numbers 7: ", "record 1 (line 2): "]),
        Fault(
            name: "no key column", source: Fault.printing("m,v\\n7,a\\n"), status: 1, says: ["numbers 7: ", "'n'"]),
        Fault(
            name: "records with one key that differ", source: Fault.printing("n,v\\n7,a\\n7,b\\n"), status: 1,
            says: ["numbers 7: ", "two records with the same primary key (n) = ", "7", "differ"]),
        Fault(
            name: "a value that does not fit its column", source: Fault.printing("n,v\\n7,seven\\n"),
            schema: "CREATE TABLE numbers (n bigint PRIMARY KEY, v integer)", status: 1,
            says: ["numbers 7: ", "invalid input syntax for type integer", "column v"]),
        Fault(
            name: "a NULL where none may be", source: Fault.printing("n,v\\n7,\\n"), status: 1,
            says: ["numbers 7: ", "null value in column \"v\""]),
        Fault(
            name: "bytes that are not UTF-8", source: Fault.printing("n,v\\n7,\\377\\n"), status: 1,
            says: ["numbers 7: ", "record 1 (line 2): ", "UTF-8"]),
    ]

    private static let json =
        Program.source.replacing("format: csv", with: "format: ndjson")
        + Program.stream(batch: 10)

    @Test("What the config or the table gets wrong", arguments: configs)
    func config(_ fault: Fault) async throws {
        try await Installation.with(
            fault.schema, config: Program.source + Program.stream(batch: 10), files: ["numbers": fault.source],
            isInitialised: false
        ) { installation in
            _ = try await installation.lacuna("init")
            try installation.configure(fault.config)
            let before = try await installation.image()
            // Whether a table can be loaded is no question of looking at it.
            for command in fault.name == "no primary key" ? ["reconcile"] : ["reconcile", "catchup", "gaps"] {
                let result = try await installation.lacuna(command)
                #expect(result.status == fault.status, "\(command): \(result.output)\(result.errors)")
                for words in fault.says { #expect(result.errors.contains(words), "\(command)") }
                #expect(!result.errors.contains("host="), "no connection string is shown")
            }
            #expect(try await installation.image() == before)
            #expect(installation.lines(of: "requests") == [])
        }
    }

    @Test("What the source gets wrong", arguments: sources)
    func source(_ fault: Fault) async throws {
        let filler = fault.schema.contains("v integer") ? "1" : "'v'"
        let rows = "INSERT INTO numbers SELECT n, \(filler) FROM generate_series(0, 12) AS n WHERE n <> 7"
        try await Installation.with(
            "\(fault.schema); \(rows)", config: fault.config, files: ["numbers": fault.source]
        ) { installation in
            let before = try await installation.image()
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == fault.status, "\(result.output)\(result.errors)")
            for words in fault.says { #expect(result.errors.contains(words)) }
            #expect(result.output.contains("numbers: FAILED"))
            #expect(try await installation.image() == before)
            #expect(
                try await installation.database.column(
                    "SELECT concat_ws(' ', lower, upper, state, attempts, failures) FROM lacuna.batch")
                    == ["7 8 failed 1 1"])
            #expect(try await installation.leftovers() == [])
        }
    }

    @Test("Records that come twice and are the same are one")
    func duplicates() async throws {
        let twice = #"#!/bin/sh\nawk 'BEGIN { print "n,v"; for (n = '$1'; n <= '$2'; n++) print n ",a\n" n ",a" }'"#
            .replacing(#"sh\n"#, with: "sh\n")
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL); INSERT INTO numbers VALUES (9, 'a')",
            config: Program.source + Program.stream(batch: 4), files: ["numbers": twice]
        ) { installation in
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 0, "\(result.errors)")
            #expect(try await installation.database.number("SELECT count(*) FROM numbers WHERE v = 'a'") == 10)
        }
    }

    @Test("A wrong option is a usage error with status 64")
    func usage() async throws {
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL)",
            config: Program.source + Program.stream(batch: 4)
        ) { installation in
            for (arguments, words) in [
                (["reconcile", "nubmers"], "there is no stream 'nubmers' in lacuna.yaml; it declares numbers"),
                (["reconcile", "--from", "x"], "--from: "), (["reconcile", "--workers", "0"], "expected 1 to 64"),
                (["reconcile", "--partition", "a=b"], "it has none"),
                (["mark", "numbers"], "--from and --to, --where, or --all"),
                (["reconcile", "--time-limit", "soon"], "expected a time like 90s, 15m or 2h"),
                (["reconcile", "--from", "5", "--to", "4"], "--from 5 lies behind --to 4"),
                (["gaps", "--table", "numbers", "--column", "n", "--max-behind", "1"], "need a stream with a source"),
                (["recncile"], "recncile"),
            ] {
                let result = try await installation.start(arguments).wait()
                #expect(result.status == 64, "\(arguments)")
                #expect(result.errors.contains(words), "\(arguments)")
            }
        }
    }
}
