import Foundation
import TestSupport
import Testing

@Suite("What doctor finds at a source")
struct DoctorTests {
    private static let table = "CREATE TABLE numbers (n bigint PRIMARY KEY, v text)"

    /// A program with the tip 9 and with these lines as its answer for any window; `$1` and `$2` are its ends.
    private static func program(_ answer: String) -> String {
        """
        #!/bin/sh
        echo "$1 $2" >> requests
        if [ "$1" = tip ]; then echo 9; else \(answer); fi
        """
    }

    private func config(_ more: String = "", expect: String = "from: 0") -> String {
        """
        sources: {numbers: {type: command, command: [./numbers, "{window.first}", "{window.last}"],
          tip: [./numbers, tip]}}
        streams: {numbers: {source: numbers, table: numbers, key: {column: n, type: integer}, batch: 5,
          expect: {\(expect)}\(more)}}

        """
    }

    @Test(
        "The newest unit is asked for, and what is wrong with the answer is said",
        arguments: [
            (#"echo "{\"n\": $1, \"v\": \"x\"}""#, 0, "asked for 9, the source gives one record of n, v"),
            ("true", 0, "warn asked for 9, the source gives no records"),
            (#"echo "{\"n\": 3, \"v\": \"x\"}""#, 1, "FAIL asked for 9, the source fails: "),
            (#"echo "{\"n\": $1"; echo"#, 1, "FAIL asked for 9, the source fails: "),
            ("exit 3", 1, "FAIL asked for 9, the source fails: "),
        ])
    func sample(answer: String, status: Int32, says: String) async throws {
        try await Installation.with(
            Self.table, config: config(), files: ["numbers": Self.program(answer)]
        ) { installation in
            let before = try await installation.image()
            let result = try await installation.lacuna("doctor")
            #expect(result.status == status, "\(result.output)")
            #expect(result.output.contains(says), "\(result.output)")
            #expect(installation.lines(of: "requests") == ["tip ", "9 9"])
            #expect(try await installation.image() == before)
        }
    }

    @Test("A field that no column finds is told of, and a declared end is asked for in the tip's place")
    func fields() async throws {
        try await Installation.with(
            Self.table, config: config(", columns: {v: vlaue}", expect: "from: 0, to: 7"),
            files: ["numbers": Self.program(#"echo "{\"n\": $1, \"w\": \"x\"}""#)]
        ) { installation in
            let result = try await installation.lacuna("doctor")
            #expect(result.status == 0)
            #expect(result.output.contains("ok   asked for 7, the source gives one record of n, w"), "\(result.output)")
            #expect(result.output.contains("warn no record had the field 'vlaue'"), "\(result.output)")
            #expect(
                result.output.contains("ok   a limit of the source would not show in its answer"), "\(result.output)")
        }
    }

    @Test("A role whose transactions only read is told so by every command that would write, and may look")
    func readOnly() async throws {
        try await Installation.with(
            Self.table + "; INSERT INTO numbers VALUES (5, 'x')", config: config(),
            files: ["numbers": Self.program(#"echo "{\"n\": $1, \"v\": \"x\"}""#)]
        ) { installation in
            let database = installation.database
            try await database.execute("ALTER DATABASE \(database.name) SET default_transaction_read_only = on")
            let before = try await installation.image()
            for arguments in [
                ["doctor"], ["reconcile"], ["catchup"], ["init"], ["mark", "numbers", "--all"],
                ["rewind", "numbers", "--forget"],
            ] {
                let result = try await installation.start(arguments).wait()
                #expect(result.status == 1, "\(arguments)")
                #expect(
                    (result.output + result.errors).contains("default_transaction_read_only is on: set it off"),
                    "\(arguments): \(result.output)\(result.errors)")
            }
            #expect(try await installation.lacuna("gaps", "--tip", "--exit-code").status == 2)
            #expect(try await installation.image() == before)
        }
    }

    @Test(
        "A signal ends doctor and gaps, and the program that they wait for",
        arguments: [["doctor"], ["gaps", "--tip"]], [SIGINT, SIGTERM, SIGHUP])
    func signals(arguments: [String], signal: Int32) async throws {
        try await Installation.with(
            Self.table, config: config(), files: ["numbers": "#!/bin/sh\necho $$ > pid\nsleep 60\n"]
        ) { installation in
            let process = try installation.start(arguments)
            try await installation.waitUntil("the source was asked") { !installation.lines(of: "pid").isEmpty }
            let program = try #require(Int32(installation.lines(of: "pid")[0]))
            process.send(signal: signal)
            #expect(try await process.wait().status == 128 + signal)
            try await installation.waitUntil("the program is gone") { kill(program, 0) != 0 }
            #expect(try await installation.leftovers() == [])
        }
    }

    @Test("Units that are not those of the registered stream are told of before a run is")
    func units() async throws {
        try await Installation.with(
            Self.table, config: config(), files: ["numbers": Self.program(#"echo "{\"n\": $1}""#)]
        ) { installation in
            try installation.configure(config().replacing("type: integer}", with: "type: integer, step: 3}"))
            let result = try await installation.lacuna("doctor")
            #expect(result.status == 1)
            #expect(
                result.output.contains("FAIL stream numbers was registered with integer keys, but"), "\(result.output)")
        }
    }
}
