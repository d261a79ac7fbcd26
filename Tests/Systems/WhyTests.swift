import Foundation
import TestSupport
import Testing

@Suite("Why a unit stands as it does")
struct WhyTests {
    private static let schema = "CREATE TABLE days (day date PRIMARY KEY, v integer)"
    /// Rows but for 3 January, which is empty, and 5 January, which fails; nothing behind the 8th.
    private static let program = #"""
        #!/bin/sh
        case "$1" in
        2024-01-03) ;;
        2024-01-05) echo "the archive burnt" >&2; exit 1 ;;
        *) echo "{\"day\": \"$1\", \"v\": 1}" ;;
        esac
        """#

    private func with(_ body: (Installation) async throws -> Void) async throws {
        let config = """
            sources: {api: {type: command, command: [./fetch, "{window.first}"], retry: {attempts: 1}}}
            streams:
              days:
                source: api
                table: days
                key: {column: day, type: date}
                batch: 1
                workers: 1
                expect: {from: 2024-01-02, to: 2024-01-09, weekdays: [mon, tue, wed, thu, fri, sat]}
                check: check.sql

            """
        let check = "SELECT day FROM days WHERE v = 9"
        try await Installation.with(
            Self.schema, config: config, files: ["fetch": Self.program, "check.sql": check], body)
    }

    private func why(_ installation: Installation, _ day: String) async throws -> String {
        let result = try await installation.lacuna("why", "days", "2024-01-0\(day)")
        #expect(result.status == 0, "\(result.errors)")
        // The moment is not to be foretold.
        return result.output.replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}/, with: "TIME")
            .replacing(/in [0-9]+ s/, with: "in TIME")
    }

    @Test("is said of each way to stand")
    func standings() async throws {
        try await with { installation in
            #expect(
                try await why(installation, "4")
                    == "days  2024-01-04: missing. The next reconcile asks for it. No run that the journal knows has asked for it.\n"
            )
            try await installation.database.execute("INSERT INTO days VALUES ('2024-01-08', 5)")
            #expect(
                try await why(installation, "8")
                    == "days  2024-01-08: 1 row. No run that the journal knows has asked for it.\n")
            #expect(
                try await why(installation, "9")
                    == "days  2024-01-09: beyond the newest unit. `lacuna catchup` asks for it.\n")
            #expect(try await installation.lacuna("reconcile").status == 1)
            #expect(
                try await why(installation, "4")
                    == "days  2024-01-04: 1 row. Run 1 fetched a window that holds it at TIME UTC, and got 1 record for all of it.\n"
            )
            #expect(
                try await why(installation, "3") == "days  2024-01-03: verified empty since TIME UTC. "
                    + "Run 1 fetched a window that holds it at TIME UTC, and got 0 records for all of it.\n")
            let failed = try await why(installation, "5")
            #expect(
                failed.hasPrefix(
                    "days  2024-01-05: missing. It failed 1 time, last in run 1 at TIME UTC, and is tried again in"),
                "\(failed)")
            #expect(failed.contains("the archive burnt"), "\(failed)")
            #expect(try await why(installation, "7") == "days  2024-01-07: not expected, with no rows.\n")
            #expect(
                try await why(installation, "1")
                    == "days  2024-01-01: before the first expected unit, 2024-01-02, with no rows.\n")

            #expect(
                try await installation.lacuna(
                    "accept", "days", "--from", "2024-01-05", "--to", "2024-01-05", "--reason", "gone"
                )
                .status == 0)
            let accepted = try await why(installation, "5")
            #expect(
                accepted.hasPrefix(
                    "days  2024-01-05: accepted as missing since TIME UTC: gone. It failed 1 time before, last in run 1 at TIME UTC: "
                ),
                "\(accepted)")
            #expect(
                try await installation.lacuna(
                    "mark", "days", "--from", "2024-01-06", "--to", "2024-01-06", "--reason", "wrong"
                )
                .status == 0)
            let marked = try await why(installation, "6")
            #expect(
                marked.hasPrefix(
                    "days  2024-01-06: marked since TIME UTC: wrong. It has 1 row and is fetched again. Run 1"),
                "\(marked)")
            try await installation.database.execute("UPDATE days SET v = 9 WHERE day = '2024-01-04'")
            let flagged = try await why(installation, "4")
            #expect(
                flagged.hasPrefix(
                    "days  2024-01-04: 1 row, which the stream's check finds wrong. It is fetched again."),
                "\(flagged)")
        }
    }

    @Test("is said of what is provisional, and the journal decides nothing")
    func provisional() async throws {
        try await with { installation in
            try installation.edit("lacuna.yaml", "to: 2024-01-09", to: "to: 2024-01-03")
            #expect(try await installation.lacuna("reconcile").status != 1)
            let before = try await why(installation, "3")
            #expect(
                before.hasPrefix(
                    "days  2024-01-03: provisional since TIME UTC: answered without rows when the source had shown nothing newer. "
                        + "It is asked for again if a newer record is seen, or 24 h 0 min later."),
                "\(before)")
            try await installation.database.execute("TRUNCATE lacuna.batch, lacuna.run")
            let after = try await why(installation, "2")
            #expect(after == "days  2024-01-02: 1 row. No run that the journal knows has asked for it.\n")
        }
    }

    @Test("is said of each partition, of one on demand, and with nothing installed of the rows alone")
    func partitions() async throws {
        let config = """
            sources: {api: {type: command, command: ["false"]}}
            streams:
              t: {source: api, table: t, key: {column: n, type: integer}, partitions: {p: [a, b]}, expect: {from: 1}}

            """
        let schema =
            "CREATE TABLE t (n integer, p text, x integer, PRIMARY KEY (n, p, x)); INSERT INTO t VALUES (1, 'a', 1), (1, 'a', 2), (3, 'a', 1)"
        try await Installation.with(schema, config: config, files: [:]) { installation in
            let rest = "No run that the journal knows has asked for it."
            #expect(
                try await installation.lacuna("why", "t", "1").output
                    == "t  p=a  1: 2 rows. \(rest)\nt  p=b  1: nothing of this partition is there yet.\n")
            #expect(
                try await installation.lacuna("why", "t", "2", "--partition", "p=a").output
                    == "t  p=a  2: missing. The next reconcile asks for it. \(rest)\n")
            try await installation.database.execute("DROP SCHEMA lacuna CASCADE")
            #expect(
                try await installation.lacuna("why", "t", "2", "--partition", "p=a").output
                    == "t  p=a  2: missing. The next reconcile asks for it. \(rest)\n")
            #expect(try await installation.lacuna("why", "t", "x").status == 64)
            #expect(try await installation.lacuna("why", "t", "1", "--partition", "p=c").status == 64)
            #expect(try await installation.lacuna("why", "other", "1").status == 64)
        }
    }
}
