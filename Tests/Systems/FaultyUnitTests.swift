import Foundation
import Testing
import TestSupport

@Suite("The units at fault are found and wait, and the good ones land")
struct FaultyUnitTests {
    /// Fails for a window that holds one of the units in the file `bad`.
    private static let source = """
        #!/bin/sh
        echo "$1 $2" >> requests
        exec awk -v first="$1" -v last="$2" '
            BEGIN { while ((getline line < "bad") > 0) bad[line]; print "n,v"
                for (n = first; n <= last; n++) if (n in bad) print n ",x" n; else print n "," n }'
        """

    @Test("Of a window of 64 units with 2 bad ones 62 land; the 2 wait, are tried at once when told, and then are gone")
    func halving() async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v integer NOT NULL);
            INSERT INTO numbers VALUES (64, 64);
            """, config: Program.source + Program.stream(batch: 64), files: ["numbers": Self.source, "bad": "17\n40\n"]
        ) { installation in
            let database = installation.database
            let first = try await installation.lacuna("reconcile")
            #expect(first.status == 1)
            #expect(first.errors.contains("lacuna: numbers 17: "))
            #expect(first.errors.contains("lacuna: numbers 40: "))
            #expect(first.errors.split(separator: "\n").count { $0.hasPrefix("lacuna: ") } == 2)
            #expect(try await database.number("SELECT count(*) FROM numbers WHERE v = n") == 63)
            let failed =
                "SELECT lower || ' ' || upper || ' ' || failures FROM lacuna.batch WHERE state = 'failed' ORDER BY 1"
            #expect(try await database.column(failed) == ["17 18 1", "40 41 1"])
            #expect(try await installation.lacuna("gaps").output == "numbers  17  1 unit\nnumbers  40  1 unit\n")
            #expect(try await database.number("SELECT count(*) FROM lacuna.verified_empty") == 0)

            // The next run of a cron job does not hammer them.
            try installation.remove("requests")
            let before = try await installation.image()
            let second = try await installation.lacuna("reconcile")
            #expect(second.status == 2, "\(second.output)\(second.errors)")
            #expect(second.errors.contains("2 units failed in earlier runs and wait; --retry-now tries them at once"))
            #expect(installation.lines(of: "requests") == [])
            #expect(try await installation.image() == before)

            let third = try await installation.lacuna("reconcile", "--retry-now")
            #expect(third.status == 1)
            #expect(Set(installation.lines(of: "requests")).subtracting(["--tip "]) == ["17 17", "40 40"])
            #expect(try await database.column(failed).suffix(1) == ["40 41 2"])
            let status = try await installation.lacuna("status")
            #expect(status.output.contains("failed, and open"))
            #expect(status.output.contains("17  2 runs in a row"))

            try installation.directory.write("", to: "bad")
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            #expect(try await database.number("SELECT count(*) FROM numbers WHERE v = n") == 65)
            #expect(try await !installation.lacuna("status").output.contains("failed, and open"))
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("empty: error names the unit that the source has nothing for, and attests nothing")
    func emptyIsAnError() async throws {
        let source = """
            #!/bin/sh
            exec awk -v first="$1" -v last="$2" '
                BEGIN { print "n,v"; for (n = first; n <= last; n++) if (n != 5) print n "," n }'
            """
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v integer); INSERT INTO numbers VALUES (16, 16)",
            config: Program.source + Program.stream(batch: 16, more: ", empty: error"), files: ["numbers": source]
        ) { installation in
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 1)
            #expect(result.errors.contains("numbers 5: the source returned nothing for 5, and empty: error"))
            #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 16)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.verified_empty") == 0)
        }
    }

    @Test("A stream that fails does not keep the others from running, and decides the status")
    func otherStreams() async throws {
        let streams =
            Program.stream(batch: 64)
            + "  others: {source: numbers, table: others, key: {column: n, type: integer}, batch: 10}\n"
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v integer);
            CREATE TABLE others (n bigint PRIMARY KEY, v integer);
            INSERT INTO others VALUES (1, 1), (100, 100);
            """, config: Program.source + streams, files: ["numbers": Self.source, "bad": ""]
        ) { installation in
            try await installation.database.execute("DROP TABLE numbers")
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 1)
            #expect(result.errors.contains("numbers: there is no table numbers"))
            #expect(result.output.contains("others: complete"))
            #expect(try await installation.database.number("SELECT count(*) FROM others WHERE v = n") == 100)
        }
    }
}
