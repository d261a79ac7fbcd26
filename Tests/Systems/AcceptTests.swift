import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Units that are accepted as missing")
struct AcceptTests {
    private static let table = "CREATE TABLE days (day date, station text, v integer, PRIMARY KEY (day, station))"
    /// A source that has no row for 3 to 5 January and notes what it is asked for.
    private static let program = #"""
        #!/bin/sh
        echo "$1 $2" >> requests
        case "$1" in 2024-01-0[345]) exit 1 ;; esac
        echo "{\"day\": \"$1\", \"station\": \"$2\", \"v\": 1}"
        """#

    private func with(_ body: (Installation) async throws -> Void) async throws {
        let config = """
            sources: {api: {type: command, command: [./fetch, "{window.first}", "{partition.station}"], retry: {attempts: 1}}}
            streams:
              days: {source: api, table: days, key: {column: day, type: date}, partitions: {station: [a, b]}, batch: 1,
                expect: {from: 2024-01-01, to: 2024-01-08}}

            """
        try await Installation.with(Self.table, config: config, files: ["fetch": Self.program], body)
    }

    private func requests(_ installation: Installation) throws -> [String] {
        let file = installation.directory.url.appendingPathComponent("requests")
        defer { try? FileManager.default.removeItem(at: file) }
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map(String.init).sorted()
    }

    private func document(_ installation: Installation, _ arguments: String...) async throws -> [String: Any] {
        let result = try await installation.start(["gaps", "--format", "json"] + arguments).wait()
        let root = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        let streams = root?["streams"] as? [[String: Any]]
        return try #require(streams?.first, "\(result.errors)")
    }

    @Test("are asked for by no run, and are covered, with their reason; strictly they are gaps")
    func accepted() async throws {
        try await with { installation in
            #expect(try await installation.lacuna("reconcile").status == 1)
            let accept = try await installation.lacuna(
                "accept", "days", "--from", "2024-01-02", "--to", "2024-01-05", "--reason", "the archive burnt",
                "--partition", "station=a")
            #expect(accept.output == "days: 3 units accepted as missing\n", "\(accept.errors)")
            _ = try requests(installation)
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 1)
            #expect(try requests(installation) == ["2024-01-03 b", "2024-01-04 b", "2024-01-05 b"])
            let all = try await installation.lacuna("accept", "days", "--all", "--reason", "so is b's")
            #expect(all.output == "days: 6 units accepted as missing\n", "\(all.errors)")
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            #expect(try requests(installation) == [])

            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await installation.lacuna("gaps", "--strict", "--exit-code").status == 2)
            let report = try await document(installation)
            #expect(report["missing_units"] as? Int == 0)
            #expect(report["accepted_units"] as? Int == 6)
            let parts = try #require(report["partitions"] as? [[String: Any]])
            let ranges = try #require(parts.first?["accepted"] as? [[String: Any]])
            #expect(ranges.map { $0["first"] as? String } == ["2024-01-03"])
            #expect(ranges.map { $0["last"] as? String } == ["2024-01-05"])
            #expect(ranges.map { $0["reason"] as? String } == ["so is b's"])
            #expect(ranges.allSatisfy { $0["until"] == nil })
            let strict = try await document(installation, "--strict")
            #expect(strict["missing_units"] as? Int == 6)
            #expect(strict["accepted_units"] as? Int == 0)
            let text = try await installation.lacuna("gaps", "--report")
            #expect(text.output.contains("6 units accepted as missing"), "\(text.output)")
            #expect(
                try await installation.database.value(
                    "SELECT string_agg(note, '; ' ORDER BY id) FROM lacuna.run WHERE mode = 'accept'")
                    == "accepted 2024-01-02–2024-01-05: the archive burnt; accepted 2024-01-01–2024-01-08: so is b's")
        }
    }

    @Test("are gaps again once they are cleared, once their day has come, and once their rows came and went")
    func ends() async throws {
        try await with { installation in
            #expect(try await installation.lacuna("reconcile").status == 1)
            let accept = try await installation.lacuna(
                "accept", "days", "--from", "2024-01-03", "--to", "2024-01-05", "--reason", "x", "--until", "2999-01-01"
            )
            #expect(accept.output == "days: 6 units accepted as missing until 2999-01-01\n", "\(accept.errors)")
            let part = try #require((try await document(installation)["partitions"] as? [[String: Any]])?.first)
            #expect((part["accepted"] as? [[String: Any]])?.first?["until"] as? String == "2999-01-01T00:00:00Z")

            // Only the middle is taken back.
            let clear = try await installation.lacuna(
                "accept", "days", "--clear", "--from", "2024-01-04", "--to", "2024-01-04")
            #expect(clear.output == "days: 2 units no longer accepted\n", "\(clear.errors)")
            #expect(
                try await installation.lacuna("gaps").output
                    == "days  station=a  2024-01-04  1 unit\ndays  station=b  2024-01-04  1 unit\n")

            // The day comes.
            try await installation.database.execute(
                "UPDATE lacuna.accepted SET ends_at = now() WHERE partition ->> 'station' = 'b'")
            #expect(try await document(installation)["missing_units"] as? Int == 4)

            // Rows come and go; between them a run sees them.
            try await installation.database.execute("INSERT INTO days VALUES ('2024-01-03', 'a', 2)")
            #expect(try await document(installation)["missing_units"] as? Int == 4)
            _ = try await installation.lacuna("reconcile")
            try await installation.database.execute("DELETE FROM days WHERE v = 2")
            let gaps = try await installation.lacuna("gaps")
            #expect(
                gaps.output == """
                    days  station=a  2024-01-03–2024-01-04  2 units
                    days  station=b  2024-01-03–2024-01-05  3 units

                    """)
        }
    }

    @Test("are fetched all the same once somebody marks them, and no longer once somebody accepts them again")
    func marks() async throws {
        try await with { installation in
            #expect(try await installation.lacuna("reconcile").status == 1)
            #expect(try await installation.lacuna("accept", "days", "--all", "--reason", "x").status == 0)
            #expect(
                try await installation.lacuna("mark", "days", "--from", "2024-01-04", "--to", "2024-01-04").status == 0)
            _ = try requests(installation)
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 1)
            #expect(try requests(installation) == ["2024-01-04 a", "2024-01-04 b"])
            #expect(try await installation.lacuna("accept", "days", "--all", "--reason", "x").status == 0)
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            #expect(try requests(installation) == [])
        }
    }

    @Test("need a reason, units and an end that lies ahead; what is wrong changes nothing")
    func wrong() async throws {
        try await with { installation in
            #expect(try await installation.lacuna("reconcile").status == 1)
            for (arguments, status, said) in [
                (["--all"], 64, "--reason"), (["--reason", "x"], 64, "--from and --to, or --all"),
                (["--all", "--reason", " "], 64, "--reason"),
                (["--all", "--reason", "x", "--until", "soon"], 64, "expected a day like 2027-01-31"),
                (["--all", "--reason", "x", "--until", "2020-01-01"], 1, "would have ended already"),
                (["--all", "--clear", "--until", "2999-01-01"], 64, "--until does not go with --clear"),
            ] as [([String], Int32, String)] {
                let result = try await installation.start(["accept", "days"] + arguments).wait()
                #expect(result.status == status, "\(arguments)")
                #expect(result.errors.contains(said), "\(result.errors)")
            }
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.accepted") == 0)
            let nothing = try await installation.lacuna(
                "accept", "days", "--from", "2024-01-01", "--to", "2024-01-02", "--reason", "x")
            #expect(nothing.output.contains("nothing to accept"), "\(nothing.output)")
        }
    }

    @Test("are not today and what is announced: such a unit may still get its rows")
    func notOver() async throws {
        let config = """
            sources: {api: {type: command, command: ["false"]}}
            streams:
              t: {source: api, table: t, key: {column: day, type: date}, expect: {from: today - 5d, to: today + 3d}}

            """
        let schema = "CREATE TABLE t (day date PRIMARY KEY); INSERT INTO t VALUES (current_date - 3)"
        try await Installation.with(schema, config: config, files: [:]) { installation in
            let accept = try await installation.lacuna("accept", "t", "--all", "--reason", "x")
            #expect(accept.output == "t: 4 units accepted as missing\n", "\(accept.errors)")
            let today = "(now() AT TIME ZONE 'UTC')::date - date '1970-01-01'"
            #expect(try await installation.database.value("SELECT max(upper) = \(today) FROM lacuna.accepted") == "t")
        }
    }

    @Test("are not asked for by a lookback, and keep their end; empty: error wants no rows of them")
    func lookback() async throws {
        let config = """
            sources: {files: {type: file, path: rows.csv}}
            streams:
              t: {source: files, table: t, key: {column: n, type: integer}, expect: {from: 1, to: 8}, batch: 8,
                empty: error, coalesce: 5, lookback: 6}

            """
        let schema = "CREATE TABLE t (n integer PRIMARY KEY); INSERT INTO t VALUES (1), (8)"
        let rows = "n\n" + [1, 2, 6, 7, 8].map { "\($0)\n" }.joined()
        try await Installation.with(schema, config: config, files: ["rows.csv": rows]) { installation in
            let accept = try await installation.lacuna(
                "accept", "t", "--from", "3", "--to", "5", "--reason", "x", "--until", "2999-01-01")
            #expect(accept.output.contains("3 units"), "\(accept.errors)")
            for _ in 0..<2 {
                // The windows reach across the accepted units.
                let run = try await installation.lacuna("reconcile")
                #expect(run.status == 0, "\(run.errors)")
                #expect(
                    try await installation.database.value(
                        "SELECT string_agg(lower || '-' || upper || reason || (ends_at > now()), ' ') FROM lacuna.accepted"
                    )
                        == "3-6xtrue")
            }
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM t") == 5)
        }
    }

    @Test("are not called empty if the source says of an edge alone that it is lost; a tip that is lost is an error")
    func lostEdge() async throws {
        try await HTTPServer.with { request in
            switch (request["from"], request["to"]) {
            case ("1", "2"): .init("[{\"n\": 2}]")
            default: .init("", status: 410)
            }
        } _: { server in
            let config = """
                sources:
                  api: {type: http, base_url: "\(server.url)", proxy: none, on_status: {410: accept}, retry: {attempts: 1}}
                streams:
                  t:
                    source: api
                    table: t
                    key: {column: n, type: integer}
                    expect: {from: 1, to: 2}
                    batch: 1000
                    request: {path: /rows, params: {from: "{window.first}", to: "{window.last}"}}

                """
            let schema = "CREATE TABLE t (n integer PRIMARY KEY)"
            try await Installation.with(schema, config: config, files: [:]) { installation in
                _ = try await installation.lacuna("reconcile")
                #expect(try await installation.database.number("SELECT count(*) FROM lacuna.verified_empty") == 0)
                let second = try await installation.lacuna("reconcile")
                #expect(second.status == 0, "\(second.errors)")
                #expect(
                    try await installation.database.value("SELECT lower || '-' || upper FROM lacuna.accepted") == "1-2")
                #expect(try await installation.database.number("SELECT count(*) FROM lacuna.verified_empty") == 0)

                try installation.edit("lacuna.yaml", "to: 2}", to: "to: tip}")
                try installation.edit("lacuna.yaml", "proxy: none,", to: "proxy: none, tip: {path: /tip},")
                let catchup = try await installation.lacuna("catchup")
                #expect(catchup.status == 1, "\(catchup.output)")
                #expect(catchup.errors.contains("answered 410, which says nothing of a tip"), "\(catchup.errors)")
            }
        }
    }

    @Test("can be ids")
    func ids() async throws {
        let config = """
            sources: {api: {type: command, command: ["false"]}}
            streams:
              t: {source: api, table: t, key: {column: id, type: text}, expect: {query: "SELECT id FROM wanted"}}

            """
        let schema =
            "CREATE TABLE t (id text PRIMARY KEY); CREATE TABLE wanted (id text); INSERT INTO wanted VALUES ('a'), ('b')"
        try await Installation.with(schema, config: config, files: [:]) { installation in
            let accept = try await installation.lacuna("accept", "t", "--all", "--reason", "gone")
            #expect(accept.output == "t: 2 units accepted as missing\n", "\(accept.errors)")
            #expect(try await installation.lacuna("gaps").output == "t  no gaps\n")
            // An id that is not named for a while is no id that has rows.
            try await installation.database.execute("DELETE FROM wanted WHERE id = 'b'")
            #expect(try await installation.lacuna("reconcile").status == 0)
            try await installation.database.execute("INSERT INTO wanted VALUES ('b')")
            #expect(try await installation.lacuna("gaps").output == "t  no gaps\n")
            #expect(try await installation.lacuna("accept", "t", "--clear").status == 0)
            #expect(try await installation.lacuna("gaps").output == "t  a\nt  b\n")
        }
    }

    @Test("can be what a source says it has lost, by reconcile and by catchup, if it has ever given a row")
    func lost() async throws {
        // Rows 1 to 9 and 30 to 39; of 10 to 29 it says that they are gone. Row 15 has come in another way.
        let keys = Array(1...9) + Array(30...39)
        let isWhole = Mutex(false)
        try await HTTPServer.with { request in
            guard let first = request["from"].flatMap({ Int($0) }), let last = request["to"].flatMap({ Int($0) }) else {
                return .init("{\"tip\": 39}")
            }
            let found = keys.filter { $0 >= first && $0 <= last }
            guard isWhole.withLock({ $0 }), !found.isEmpty else { return .init("", status: 410) }
            return .init("[\(found.map { "{\"n\": \($0)}" }.joined(separator: ", "))]")
        } _: { server in
            let config = """
                sources:
                  api:
                    type: http
                    base_url: "\(server.url)"
                    proxy: none
                    on_status: {410: accept}
                    tip: {path: /tip, select: tip}
                streams:
                  t:
                    source: api
                    table: t
                    key: {column: n, type: integer}
                    expect: {from: 1}
                    empty: error
                    batch: 10
                    workers: 1
                    request: {path: /rows, params: {from: "{window.first}", to: "{window.last}"}}

                """
            let schema = "CREATE TABLE t (n integer PRIMARY KEY)"
            try await Installation.with(schema, config: config, files: [:]) { installation in
                // An address that says so of everything is believed in nothing.
                let moved = try await installation.lacuna("reconcile")
                #expect(moved.status != 0, "\(moved.output)")
                #expect(moved.errors.contains("the source has never given a row of this stream"), "\(moved.errors)")
                #expect(try await installation.database.number("SELECT count(*) FROM lacuna.accepted") == 0)

                isWhole.withLock { $0 = true }
                let filled = try await installation.lacuna("reconcile", "--retry-now")
                #expect(filled.status == 0, "\(filled.errors)")
                #expect(filled.output.contains("20 units accepted as missing"), "\(filled.output)")

                #expect(try await installation.lacuna("accept", "t", "--clear").status == 0)
                try await installation.database.execute("DELETE FROM t WHERE n > 9")
                #expect(try await installation.lacuna("rewind", "t", "--latest", "9").status == 0)
                let catchup = try await installation.lacuna("catchup")
                #expect(catchup.status == 0, "\(catchup.errors)")
                #expect(catchup.output.contains("20 units accepted as missing"), "\(catchup.output)")
                #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
                #expect(
                    try await installation.database.value(
                        "SELECT string_agg(lower || '-' || upper || ' ' || reason, '; ' ORDER BY lower) FROM lacuna.accepted"
                    )
                        == "10-20 the source answered 410; 20-30 the source answered 410")

                #expect(try await installation.lacuna("accept", "t", "--clear").status == 0)
                try await installation.database.execute("INSERT INTO t VALUES (15)")
                #expect(try await installation.lacuna("mark", "t", "--from", "20", "--to", "21").status == 0)
                let reconcile = try await installation.lacuna("reconcile", "--format", "json")
                #expect(reconcile.status == 0, "\(reconcile.errors)")
                #expect(reconcile.output.contains("\"accepted_units\" : 19"), "\(reconcile.output)")
                #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 0)
                let again = try await installation.lacuna("reconcile")
                #expect(again.output.contains("nothing to do"), "\(again.output)")

                // Beyond the newest unit by name, and an earlier declaration elsewhere stays.
                let beyond = try await installation.lacuna("accept", "t", "--from", "40", "--to", "41", "--reason", "x")
                #expect(beyond.output == "t: 2 units accepted as missing\n", "\(beyond.errors)")
                #expect(try await installation.lacuna("accept", "t", "--all", "--reason", "y").status == 0)
                #expect(
                    try await installation.database.value(
                        "SELECT upper || reason FROM lacuna.accepted WHERE lower = 40")
                        == "42x")
            }
        }
    }

    @Test("go with the stream when it is forgotten, and stay when extents are moved back")
    func forgotten() async throws {
        try await with { installation in
            #expect(try await installation.lacuna("reconcile").status == 1)
            #expect(try await installation.lacuna("accept", "days", "--all", "--reason", "x").status == 0)
            #expect(try await installation.lacuna("rewind", "days", "--forget").status == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.accepted") == 2)
            let forget = try await installation.lacuna("forget", "days")
            #expect(forget.output.contains("2 accepted ranges"), "\(forget.output)")
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.accepted") == 0)
        }
    }
}
