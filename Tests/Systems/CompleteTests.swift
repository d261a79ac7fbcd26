import Foundation
import TestSupport
import Testing

@Suite("Units that have rows and not all of them")
struct CompleteTests {
    private static let table = "CREATE TABLE hours (day date, hour integer, kw integer, PRIMARY KEY (day, hour))"
    /// A source of 24 rows a day, but for 5 January, of which it has only 20; it notes what it is asked for.
    private static let program = #"""
        #!/bin/sh
        echo "$1" >> requests
        if [ -e silent ]; then exit 0; fi
        last=23
        if [ "$1" = 2024-01-05 ] && [ ! -e healed ]; then last=19; fi
        if [ "$1" = 2024-01-05 ] && [ -e partial ]; then last=21; fi
        for hour in $(seq 0 $last); do echo "{\"day\": \"$1\", \"hour\": $hour, \"kw\": $hour}"; done
        """#

    private static func config(complete: String) -> String {
        """
        sources: {api: {type: command, command: [./fetch, "{window.first}"], retry: {attempts: 1}}}
        streams:
          hours: {source: api, table: hours, key: {column: day, type: date}, primary_key: [day, hour], batch: 1,
            expect: {from: 2024-01-01, to: 2024-01-08}, complete: \(complete)}

        """
    }

    private func with(complete: String = "{rows: 24}", _ body: (Installation) async throws -> Void) async throws {
        try await Installation.with(
            Self.table, config: Self.config(complete: complete), files: ["fetch": Self.program], body)
    }

    private func requests(_ installation: Installation) throws -> [String] {
        let file = installation.directory.url.appendingPathComponent("requests")
        defer { try? FileManager.default.removeItem(at: file) }
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map { String($0.dropFirst("2024-01-0".count)) }.sorted()
    }

    private func document(_ installation: Installation, _ arguments: String...) async throws -> [String: Any] {
        let result = try await installation.start(["gaps", "--format", "json"] + arguments).wait()
        let root = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        let streams = root?["streams"] as? [[String: Any]]
        return try #require(streams?.first, "\(result.errors)")
    }

    private func gaps(_ installation: Installation, _ arguments: [String] = []) async throws -> [String] {
        let result = try await installation.start(["gaps", "--format", "csv"] + arguments).wait()
        #expect(result.status == 0, "\(result.errors)")
        return result.output.split(separator: "\n").dropFirst().map { String($0) }
    }

    @Test("are gaps, are fetched, and are asked for again at growing distances if the source has no more")
    func heals() async throws {
        try await with { installation in
            try await installation.database.execute(
                "INSERT INTO hours SELECT date '2024-01-01' + d, h, h FROM generate_series(0, 7) d, generate_series(0, 23) h"
            )
            try await installation.database.execute(
                "DELETE FROM hours WHERE day = '2024-01-02' AND hour < 3 OR day = '2024-01-07' OR day = '2024-01-05' AND hour > 19"
            )
            #expect(
                try await gaps(installation) == [
                    "hours,2024-01-02,2024-01-02,1,thin", "hours,2024-01-05,2024-01-05,1,thin",
                    "hours,2024-01-07,2024-01-07,1,gap",
                ])
            let first = try await document(installation)
            #expect(first["missing_units"] as? Int == 3)
            #expect(first["thin_units"] as? Int == 2)
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(run.output.contains("1 unit as thin at the source"), "\(run.output)")
            #expect(try requests(installation) == ["2", "5", "7"])
            #expect(try await gaps(installation) == [])
            #expect(try await document(installation)["settled_units"] as? Int == 1)
            let text = try await installation.lacuna("gaps", "--report")
            #expect(text.output.contains("1 unit thin at the source"), "\(text.output)")
            let why = try await installation.lacuna("why", "hours", "2024-01-05")
            #expect(why.output.contains("20 rows, which `complete` does not take for all"), "\(why.output)")

            for days in [1, 7, 30, 30] {
                #expect(try await installation.lacuna("reconcile").status == 0)
                #expect(try requests(installation) == [])
                try await move(installation, "\(days) days - 1 minute")
                #expect(try await installation.lacuna("reconcile").status == 0)
                #expect(try requests(installation) == [], "\(days) days are not over")
                try await move(installation, "2 minutes")
                #expect(try await gaps(installation) == ["hours,2024-01-05,2024-01-05,1,thin"])
                #expect(try await installation.lacuna("reconcile").status == 0)
                #expect(try requests(installation) == ["5"])
            }
            #expect(
                try await installation.database.value("SELECT answers || ' ' || shortfall FROM lacuna.settled") == "5 4"
            )

            // Its rows change: it is looked at anew.
            try await installation.database.execute("DELETE FROM hours WHERE day = '2024-01-05' AND hour = 7")
            #expect(try await gaps(installation) == ["hours,2024-01-05,2024-01-05,1,thin"])
            _ = try installation.directory.write("", to: "healed")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try requests(installation) == ["5"])
            #expect(try await installation.database.value("SELECT count(*) FROM hours") == "192")
            #expect(try await installation.database.value("SELECT count(*) FROM lacuna.settled") == "0")
        }
    }

    private func move(_ installation: Installation, _ interval: String) async throws {
        try await installation.database.execute(
            "UPDATE lacuna.settled SET asked_at = asked_at - interval '\(interval)'")
    }

    @Test("are settled only if nothing of them came, and as long as their rows are those that they had")
    func changes() async throws {
        try await with { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await database.value("SELECT shortfall FROM lacuna.settled") == "4")
            // More came, and it is still thin: the next run asks whether there is still more.
            try installation.directory.write("", to: "partial")
            try await move(installation, "2 days")
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 2, "\(run.output)")
            #expect(run.output.contains("2 rows inserted, 1 unit still missing"), "\(run.output)")
            #expect(try await database.value("SELECT count(*) FROM lacuna.settled") == "0")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await database.value("SELECT shortfall || ' ' || answers FROM lacuna.settled") == "2 1")

            // Rows that come and go again are not covered by what was answered before.
            try await database.execute("INSERT INTO hours SELECT '2024-01-05', h, h FROM generate_series(22, 23) h")
            #expect(try await installation.lacuna("reconcile").output == "hours: nothing to do\n")
            #expect(try await database.value("SELECT count(*) FROM lacuna.settled") == "0")
            try await database.execute("DELETE FROM hours WHERE day = '2024-01-05' AND hour > 21")
            #expect(try await gaps(installation) == ["hours,2024-01-05,2024-01-05,1,thin"])
        }
    }

    @Test("are not settled by an answer without a record, and not under another rule")
    func falseAnswers() async throws {
        try await with(complete: "{where: kw <> 0}") { installation in
            let database = installation.database
            try await database.execute(
                "INSERT INTO hours SELECT date '2024-01-01' + d, h, h FROM generate_series(0, 7) d, generate_series(0, 23) h"
            )
            try installation.directory.write("", to: "silent")
            #expect(try await installation.lacuna("reconcile").status == 2)
            #expect(try await database.value("SELECT count(*) FROM lacuna.settled") == "0")
            try FileManager.default.removeItem(at: installation.directory.url.appendingPathComponent("silent"))
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await gaps(installation) == [])
            try installation.configure(Self.config(complete: "{where: kw <> 1}"))
            #expect(try await gaps(installation) == ["hours,2024-01-01,2024-01-08,8,thin"])
        }
    }

    @Test("that a fill brings are asked for once more in the same run")
    func fills() async throws {
        try await with { installation in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try requests(installation) == ["1", "2", "3", "4", "5", "5", "6", "7", "8"])
            #expect(try await installation.database.value("SELECT count(*) FROM hours") == "188")
            #expect(try await installation.lacuna("reconcile").output == "hours: nothing to do\n")
            #expect(try requests(installation) == [])
        }
    }

    @Test("are not written again, if the source's answer is the same")
    func equalAnswers() async throws {
        try await with { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            let before = try await installation.database.value(
                "SELECT string_agg(xmin::text, ' ' ORDER BY day, hour) FROM hours")
            try await move(installation, "2 days")
            #expect(try await installation.lacuna("reconcile").status == 0)
            let after = try await installation.database.value(
                "SELECT string_agg(xmin::text, ' ' ORDER BY day, hour) FROM hours")
            #expect(before == after)
        }
    }

    @Test("can be accepted, until they are complete; a mark has them fetched although they are settled")
    func acceptedAndMarked() async throws {
        try await with { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            _ = try requests(installation)
            #expect(
                try await installation.lacuna("mark", "hours", "--from", "2024-01-05", "--to", "2024-01-05").status == 0
            )
            #expect(try await gaps(installation) == ["hours,2024-01-05,2024-01-05,1,thin"])
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try requests(installation) == ["5"])
            #expect(try await installation.database.value("SELECT answers FROM lacuna.settled") == "1")

            try await move(installation, "8 days")
            let accept = try await installation.lacuna(
                "accept", "hours", "--from", "2024-01-05", "--to", "2024-01-05", "--reason", "clocks went forward")
            #expect(accept.status == 0, "\(accept.errors)")
            #expect(try await gaps(installation) == [])
            #expect(try await gaps(installation, ["--strict"]) == ["hours,2024-01-05,2024-01-05,1,thin"])
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try requests(installation) == [])
            #expect(try await installation.database.value("SELECT count(*) FROM lacuna.accepted") == "1")
            try await installation.database.execute(
                "INSERT INTO hours SELECT '2024-01-05', h, h FROM generate_series(20, 23) h")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.database.value("SELECT count(*) FROM lacuna.accepted") == "0")
        }
    }

    @Test("are not settled by an answer that a cap may have cut through")
    func cappedAnswers() async throws {
        let config = """
            sources: {api: {type: command, command: [./fetch, "{window.first}", "{window.last}"], retry: {attempts: 1}}}
            streams:
              hours: {source: api, table: hours, key: {column: day, type: date}, primary_key: [day, hour], batch: 2,
                expect: {from: 2024-01-02, to: 2024-01-07}, complete: {rows: 24}}

            """
        let program = #"""
            #!/bin/sh
            day="$1"
            while :; do
              for hour in $(seq 0 23); do echo "{\"day\": \"$day\", \"hour\": $hour, \"kw\": $hour}"; done
              [ "$day" = "$2" ] && break
              day="${day%?}$((${day#2024-01-0} + 1))"
            done | head -n 30
            """#
        try await Installation.with(Self.table, config: config, files: ["fetch": program]) { installation in
            try await installation.database.execute(
                """
                INSERT INTO hours SELECT date '2024-01-02' + d, h, h FROM generate_series(0, 5) d, generate_series(0, 23) h;
                DELETE FROM hours WHERE day IN ('2024-01-04', '2024-01-05') AND hour > 5;
                """)
            let run = try await installation.lacuna("reconcile")
            // The cap shows itself, and the window is halved.
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.contains("36 rows inserted"), "\(run.output)")
            #expect(try await installation.database.value("SELECT count(*) FROM hours") == "144")
            #expect(try await installation.database.value("SELECT count(*) FROM lacuna.settled") == "0")
        }
    }

    @Test(
        "are told by a condition on each row or on any, and by a query",
        arguments: [
            ("{where: kw IS NOT NULL}", ["2024-01-02"]), ("{where: kw > 22, any: true}", ["2024-01-03"]),
            ("{query: 'SELECT day, wanted FROM own.days'}", ["2024-01-04"]), ("{rows: {at_least: 24}}", ["2024-01-04"]),
        ])
    func kinds(complete: String, thin: [String]) async throws {
        try await with(complete: complete) { installation in
            try await installation.database.execute(
                """
                INSERT INTO hours SELECT date '2024-01-01' + d, h, h FROM generate_series(0, 7) d, generate_series(0, 23) h;
                UPDATE hours SET kw = NULL WHERE day = '2024-01-02' AND hour = 7;
                UPDATE hours SET kw = 0 WHERE day = '2024-01-03';
                DELETE FROM hours WHERE day = '2024-01-04' AND hour = 7;
                CREATE SCHEMA own;
                CREATE TABLE own.days AS SELECT date '2024-01-01' + d AS day, 24 AS wanted FROM generate_series(0, 3) d;
                """)
            #expect(try await gaps(installation) == thin.map { "hours,\($0),\($0),1,thin" })
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await gaps(installation) == [])
            #expect(try requests(installation) == thin.map { String($0.dropFirst("2024-01-0".count)) })
        }
    }

    @Test("are found in any table by --min-rows")
    func anyTable() async throws {
        try await with { installation in
            try await installation.database.execute(
                """
                INSERT INTO hours SELECT date '2024-01-01' + d, h, h FROM generate_series(0, 7) d, generate_series(0, d) h
                """)
            let look = ["--table", "hours", "--column", "day", "--database", installation.database.connectionString]
            #expect(
                try await gaps(installation, look + ["--min-rows", "4"]) == [
                    "public.hours,2024-01-01,2024-01-03,3,thin"
                ])
            for wrong in ["0", "-1"] {
                let result = try await installation.start(["gaps", "--min-rows=\(wrong)"] + look).wait()
                #expect(result.status == 64)
                #expect(result.errors.contains("--min-rows is a number, at least 1"), "\(result.errors)")
            }
        }
    }
}
