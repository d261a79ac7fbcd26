import Foundation
import TestSupport
import Testing

@Suite("New columns and old history")
struct NewColumnTests {
    private static let schema = """
        CREATE TABLE games (day date, league text, title text, PRIMARY KEY (day, league));
        """

    private func with(_ settings: String = "", _ body: (Installation) async throws -> Void) async throws {
        let config = """
            sources: {files: {type: file, path: "{partition.league}.csv"}}
            streams:
              games:
                source: files
                table: games
                key: {column: day, type: date}
                partitions: {league: [a, b]}
                expect: {from: 2024-01-01, to: 2024-01-04}
                batch: 2
                \(settings)

            """
        let files = Dictionary(
            uniqueKeysWithValues: ["a", "b"].map { league in
                let rows = (1...4).map { "2024-01-0\($0),\(league),game,\($0 * 100),x\n" }.joined()
                return ("\(league).csv", "day,league,title,attendance,note\n" + rows)
            })
        try await Installation.with(Self.schema, config: config, files: files, body)
    }

    @Test(
        "Fields that no column takes are told once a run, until a column takes them; mark --where then fills old rows")
    func filled() async throws {
        try await with { installation in
            let first = try await installation.lacuna("reconcile")
            #expect(first.status == 0, "\(first.errors)")
            let told = "no column takes the fields attendance, note"
            #expect(first.errors.components(separatedBy: told).count == 2, "\(first.errors)")
            #expect(!(try await installation.lacuna("reconcile")).errors.contains("no column takes"))

            try await installation.database.execute(
                "ALTER TABLE games ADD attendance integer; UPDATE games SET attendance = 7 WHERE day = '2024-01-02'")
            let mark = try await installation.lacuna(
                "mark", "games", "--where", "attendance IS NULL AND league <> 'b' -- or so", "--reason", "new column")
            #expect(mark.output == "games: 3 units marked; `lacuna reconcile` fetches them again\n", "\(mark.errors)")
            let second = try await installation.lacuna("reconcile")
            #expect(second.status == 0, "\(second.errors)")
            #expect(second.errors.contains("no column takes the field note"), "\(second.errors)")
            #expect(
                try await installation.database.value(
                    "SELECT string_agg(COALESCE(attendance::text, '-'), ' ' ORDER BY league, day) FROM games")
                    == "100 7 300 400 - 7 - -")
            #expect(
                try await installation.database.value("SELECT note FROM lacuna.run WHERE mode = 'mark'")
                    == "marked 2024-01-01–2024-01-04 where attendance IS NULL AND league <> 'b' -- or so: new column")
            let bounded = try await installation.lacuna(
                "mark", "games", "--where", "attendance IS NULL", "--from", "2024-01-03", "--partition", "league=b")
            #expect(bounded.output.contains("2 units marked"), "\(bounded.output)")
        }
    }

    @Test("on_unknown_field: ignore says nothing, fail ends the run before the first row, and names the fields")
    func policies() async throws {
        try await with("on_unknown_field: ignore") { installation in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.errors)")
            #expect(!run.errors.contains("attendance"), "\(run.errors)")
        }
        try await with("on_unknown_field: fail") { installation in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1, "\(run.output)")
            #expect(
                run.errors.contains("no column of games takes the fields attendance, note, and on_unknown_field: fail"),
                "\(run.errors)")
            #expect(try await installation.database.number("SELECT count(*) FROM games") == 0)
            try await installation.database.execute("ALTER TABLE games ADD attendance integer, ADD note text")
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM games WHERE note = 'x'") == 8)
        }
    }

    @Test("A condition that fails, and one that no row fulfils, mark nothing and say so")
    func wrongConditions() async throws {
        try await with { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            for condition in ["nothing = 1", "title = ", "true; DROP TABLE games"] {
                let mark = try await installation.lacuna("mark", "games", "--where", condition)
                #expect(mark.status == 1, "\(mark.output)")
                #expect(mark.errors.contains("--where"), "\(mark.errors)")
            }
            let none = try await installation.lacuna("mark", "games", "--where", "title = 'other'")
            #expect(none.output == "games: nothing to mark: no row there fulfils the condition\n", "\(none.errors)")
            let both = try await installation.lacuna("mark", "games", "--clear", "--where", "true")
            #expect(both.status == 64)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM games") == 8)
        }
    }

    @Test("Ids can be marked by a condition too")
    func ids() async throws {
        let config = #"""
            sources: {api: {type: command, command: [./fetch, "{keys}"]}}
            streams:
              t: {source: api, table: t, key: {column: id, type: text}, expect: {query: "SELECT id FROM wanted"}}

            """#
        let program = #"""
            #!/bin/sh
            echo "{\"id\": \"$1\", \"v\": 1}"
            """#
        let schema = """
            CREATE TABLE t (id text PRIMARY KEY, v integer); CREATE TABLE wanted (id text);
            INSERT INTO wanted VALUES ('a'), ('b'); INSERT INTO t VALUES ('a', NULL)
            """
        try await Installation.with(schema, config: config, files: ["fetch": program]) { installation in
            let first = try await installation.lacuna("reconcile")
            #expect(first.status == 0, "\(first.errors)")
            let mark = try await installation.lacuna("mark", "t", "--where", "v IS NULL")
            #expect(mark.output == "t: 1 unit marked; `lacuna reconcile` fetches them again\n", "\(mark.errors)")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.database.number("SELECT sum(v) FROM t") == 2)
        }
    }
}
