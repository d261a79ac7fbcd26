import Foundation
import Synchronization
import TestSupport
import Testing

/// What a source has, as rows of one unit and part each, and how it answers.
private final class ReplaceAPI: Sendable {
    struct Row: Hashable, Sendable {
        var station = ""
        let unit: Int
        let part: Int
        var value = 1
    }

    struct State {
        var rows: [Row]
        /// The most records of one answer; 0: any number.
        var cap = 0
        /// The largest unit that an answer has records of.
        var end = Int.max
        var declaresTotal = true
        var requests: [String] = []
    }

    let state: Mutex<State>

    init(_ rows: [Row]) {
        state = Mutex(State(rows: rows))
    }

    convenience init(units: some Sequence<Int>, parts: Int = 1) {
        self.init(units.flatMap { unit in (0..<parts).map { Row(unit: unit, part: $0) } })
    }

    func remove(where condition: (Row) -> Bool) {
        state.withLock { $0.rows.removeAll(where: condition) }
    }

    func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
        state.withLock { state in
            let from = request["from"].flatMap { Int($0) } ?? 0
            let to = request["to"].flatMap { Int($0) } ?? -1
            state.requests.append("\(from)-\(to)")
            let station = request["station"] ?? ""
            let there = state.rows.filter { $0.station == station && $0.unit >= from && $0.unit <= to }
                .sorted { ($0.unit, $0.part) < ($1.unit, $1.part) }
            var sent = there.filter { $0.unit <= state.end }
            if state.cap > 0 { sent = Array(sent.prefix(state.cap)) }
            let items = sent.map { row in
                "{\(row.station.isEmpty ? "" : "\"station\":\"\(row.station)\",")\"n\":\(row.unit),\"part\":\(row.part),\"v\":\(row.value)}"
            }
            let total = state.declaresTotal ? "\"total\":\(sent.count)," : ""
            return .init("{\(total)\"items\":[\(items.joined(separator: ","))]}")
        }
    }
}

@Suite("With rows: replace, what the source no longer has")
struct ReplaceTests {
    private static let table = "CREATE TABLE t (n bigint, part integer, v integer, PRIMARY KEY (n, part))"

    private func config(
        _ url: String, last: Int, batch: Int, rows: String, stream: String, total: Bool, tip: Bool = false
    ) -> String {
        """
        sources: {api: {type: http, base_url: "\(url)", proxy: none, retry: {attempts: 1}\(tip ? ", tip: {path: /tip}" : "")}}
        streams:
          t:
            source: api
            table: t
            key: {column: n, type: integer}
            expect: {from: 0, to: \(tip ? "tip" : "\(last)")}
            batch: \(batch)
            workers: 1
            request: {path: /, params: {from: "{window.first}", to: "{window.last}"}}
            record_selector: items
            paginator: \(total ? "{type: offset, limit_param: limit, offset_param: offset, limit: 100000, total_path: total}" : "{type: single_page}")
            \(rows)
            \(stream)

        """
    }

    /// Runs `body` with a stream of the API's rows that was filled before. `total`: whether a total proves an answer's end.
    private func with(
        _ api: ReplaceAPI, last: Int, batch: Int = 1000, rows: String = "rows: replace", stream: String = "",
        schema: String = ReplaceTests.table, total: Bool = true, tip: Int? = nil, fill: Bool = true,
        _ body: (Installation) async throws -> Void
    ) async throws {
        api.state.withLock { $0.declaresTotal = total }
        try await HTTPServer.with { request in
            request.path == "/tip" ? .init("\(tip ?? last)") : api.answer(request)
        } _: { server in
            let config = config(
                "\(server.url)", last: last, batch: batch, rows: rows, stream: stream, total: total, tip: tip != nil)
            try await Installation.with(schema, config: config) { installation in
                if fill {
                    let run = try await installation.lacuna("reconcile")
                    try #require(run.status == 0, "\(run.output)\(run.errors)")
                }
                try await body(installation)
            }
        }
    }

    private func mark(_ installation: Installation, _ first: Int, _ last: Int, _ more: String...) async throws {
        let mark = try await installation.start(
            ["mark", "t", "--from", "\(first)", "--to", "\(last)"] + more
        ).wait()
        try #require(mark.status == 0, "\(mark.errors)")
    }

    private func units(_ installation: Installation) async throws -> [String] {
        try await installation.database.column("SELECT n || '.' || part FROM t ORDER BY n, part")
    }

    private func image(_ installation: Installation) async throws -> [String] {
        try await installation.database.column("SELECT xmin || ' ' || ctid || ' ' || t::text FROM t ORDER BY n, part")
    }

    @Test("goes, the rest is not written again, and the report, JSON and the journal count it")
    func withdrawn() async throws {
        let api = ReplaceAPI(units: 0..<10, parts: 3)
        try await with(api, last: 9) { installation in
            let before = try await image(installation)
            try await mark(installation, 0, 9)
            let same = try await installation.lacuna("reconcile", "--format", "json")
            #expect(same.status == 0, "\(same.errors)")
            #expect(same.output.contains("\"rows_deleted\" : 0"), "\(same.output)")
            #expect(try await image(installation) == before)

            // A row within a unit, and all rows of a unit between others.
            api.remove { ($0.unit == 2 && $0.part == 1) || $0.unit == 5 }
            try await mark(installation, 0, 9)
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.contains("0 rows inserted, 4 deleted, 1 unit verified empty"), "\(run.output)")
            #expect(
                try await image(installation)
                    == before.filter { !$0.contains("(2,1,") && !$0.contains("(5,") }, "\(before)")
            #expect(
                try await installation.database.column(
                    "SELECT rows_inserted || ' ' || rows_updated || ' ' || rows_deleted FROM lacuna.batch ORDER BY run")
                    == ["30 0 0", "0 0 0", "0 0 4"])
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 0)
            let again = try await installation.lacuna("reconcile")
            #expect(again.output == "t: nothing to do\n", "\(again.output)")

            // What came instead, and what changed, in one go.
            api.state.withLock { state in
                state.rows.removeAll { $0.unit == 1 && $0.part == 0 }
                state.rows.append(ReplaceAPI.Row(unit: 1, part: 7))
                state.rows = state.rows.map { row in
                    var row = row
                    if row.unit == 1 { row.value = 2 }
                    return row
                }
            }
            try await mark(installation, 1, 3)
            let changed = try await installation.lacuna("reconcile", "--format", "json")
            #expect(changed.status == 0, "\(changed.errors)")
            #expect(changed.output.contains("\"rows_deleted\" : 1"), "\(changed.output)")
            #expect(changed.output.contains("\"rows_inserted\" : 1"), "\(changed.output)")
            #expect(changed.output.contains("\"rows_updated\" : 2"), "\(changed.output)")
            #expect(
                try await installation.database.column("SELECT part || ':' || v FROM t WHERE n = 1 ORDER BY 1") == [
                    "1:2", "2:2", "7:2",
                ])
        }
    }

    @Test("stays with rows: upsert, and a mark of it is done with")
    func upsert() async throws {
        let api = ReplaceAPI(units: 0..<10, parts: 2)
        try await with(api, last: 9, rows: "") { installation in
            let before = try await image(installation)
            api.remove { $0.unit == 5 || ($0.unit == 2 && $0.part == 1) }
            try await mark(installation, 0, 9)
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.errors)")
            #expect(try await image(installation) == before)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 0)
            let refused = try await installation.lacuna("mark", "t", "--all", "--replace")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("rows: replace"), "\(refused.errors)")
        }
    }

    @Test("stays if it is more than the guard lets go, until the window is marked with --replace, or twice not there")
    func shrinkGuard() async throws {
        let api = ReplaceAPI(units: 0..<600)
        try await with(api, last: 599, batch: 500, stream: "confirm: 2s") { installation in
            api.remove { $0.unit < 500 }
            try await mark(installation, 0, 499)
            let before = try await image(installation)
            let empty = try await installation.lacuna("reconcile")
            #expect(empty.status == 1, "\(empty.output)")
            #expect(
                empty.errors.contains(
                    "t 0–499: the source no longer has 500 of the 500 rows of 0–499, and shrink_guard: 20% lets fewer go"
                ),
                "\(empty.errors)")
            #expect(empty.errors.contains("`lacuna mark t --from 0 --to 499 --replace`"), "\(empty.errors)")
            #expect(try await image(installation) == before)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.verified_empty") == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 1)
            #expect(api.state.withLock { $0.requests.count { $0 != "0-499" } } == 1, "nothing is halved")

            // A part of them is too many, too, and a plain mark lifts nothing.
            api.state.withLock { $0.rows += (0..<399).map { ReplaceAPI.Row(unit: $0, part: 0) } }
            try await mark(installation, 0, 499)
            let part = try await installation.lacuna("reconcile", "--retry-now")
            #expect(part.status == 1, "\(part.output)")
            #expect(part.errors.contains("101 of the 500 rows"), "\(part.errors)")
            #expect(try await image(installation) == before)

            // A fifth may go.
            api.state.withLock { $0.rows.append(ReplaceAPI.Row(unit: 399, part: 0)) }
            let fifth = try await installation.lacuna("reconcile", "--retry-now")
            #expect(fifth.status == 0, "\(fifth.errors)")
            #expect(fifth.output.contains("100 deleted"), "\(fifth.output)")

            api.remove { $0.unit < 500 && $0.unit > 9 }
            try await mark(installation, 0, 499)
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 1)
            try await mark(installation, 0, 499, "--replace")
            #expect(
                try await installation.database.value("SELECT bool_and(replaces)::text FROM lacuna.refetch") == "true")
            let replaced = try await installation.lacuna("reconcile", "--retry-now")
            #expect(replaced.status == 0, "\(replaced.errors)")
            #expect(replaced.output.contains("390 deleted"), "\(replaced.output)")
            #expect(try await installation.database.number("SELECT count(*) FROM t WHERE n < 500") == 10)

            // Twice not there, the second time after `confirm`.
            api.remove { $0.unit < 500 }
            try await mark(installation, 0, 499)
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 1)
            #expect(try await installation.database.number("SELECT count(*) FROM t WHERE n < 500") == 10)
            try await installation.database.execute(
                "UPDATE lacuna.provisional SET asked_at = asked_at - interval '10 s'")
            let confirmed = try await installation.lacuna("reconcile", "--retry-now")
            #expect(confirmed.status == 0, "\(confirmed.errors)")
            #expect(confirmed.output.contains("10 deleted"), "\(confirmed.output)")
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.provisional") == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 0)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("of the newest unit stays until the source had nothing for it twice")
    func newest() async throws {
        let api = ReplaceAPI(units: 0..<10)
        try await with(api, last: 9, rows: "rows: replace\n    shrink_guard: off", stream: "confirm: 1h") {
            installation in
            api.remove { $0.unit == 9 }
            try await mark(installation, 9, 9)
            let first = try await installation.lacuna("reconcile")
            #expect(first.status == 2, "\(first.output)\(first.errors)")
            #expect(try await installation.database.number("SELECT count(*) FROM t") == 10)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 1)
            try await installation.database.execute(
                "UPDATE lacuna.provisional SET asked_at = asked_at - interval '2 hours'")
            let second = try await installation.lacuna("reconcile")
            #expect(second.output.contains("1 deleted"), "\(second.output)\(second.errors)")
            #expect(try await installation.database.number("SELECT count(*) FROM t") == 9)
        }
    }

    @Test("stays where a limit of the source's may have left it out")
    func halfAnswers() async throws {
        // Nothing proves the end of an answer here.
        let api = ReplaceAPI(units: 0..<20, parts: 3)
        try await with(api, last: 19, rows: "rows: replace\n    shrink_guard: off", total: false) { installation in
            let before = try await image(installation)
            // It cuts in the middle of a unit, and once between two.
            for cap in [13, 30, 58, 59] {
                api.state.withLock { $0.cap = cap }
                try await mark(installation, 0, 19)
                _ = try await installation.lacuna("reconcile", "--retry-now")
                #expect(try await image(installation) == before, "\(cap)")
                api.state.withLock { $0.cap = 0 }
                #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            }
            // An edge that holds when it is asked for again goes, as does what lies between records and in units at the edge.
            api.remove { $0.unit > 17 || $0.unit == 8 || ($0.unit == 0 && $0.part > 0) }
            try await mark(installation, 0, 18)
            let whole = try await installation.lacuna("reconcile")
            #expect(whole.status == 0, "\(whole.errors)")
            #expect(whole.output.contains("8 deleted"), "\(whole.output)")
            #expect(try await installation.database.number("SELECT count(*) FROM t WHERE n IN (8, 18)") == 0)
        }
    }

    @Test("goes in its partition and its window only, whatever else the window was widened to")
    func partitions() async throws {
        let rows = ["a", "b"].flatMap { station in
            (0..<20).flatMap { unit in (0..<2).map { ReplaceAPI.Row(station: station, unit: unit, part: $0) } }
        }
        let api = ReplaceAPI(rows)
        let schema =
            "CREATE TABLE t (station text COLLATE \"C\", n bigint, part integer, v integer, PRIMARY KEY (station, n, part))"
            + " PARTITION BY LIST (station); CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a');"
            + " CREATE TABLE t_b PARTITION OF t FOR VALUES IN ('b')"
        let stream = """
            partitions: {station: [a, b]}
                overlap: 3
            """
        try await with(api, last: 19, batch: 10, rows: "rows: replace", stream: stream, schema: schema, fill: false) {
            installation in
            try installation.edit(
                "lacuna.yaml", "to: \"{window.last}\"", to: "to: \"{window.last}\", station: \"{partition.station}\"")
            let fill = try await installation.lacuna("reconcile")
            try #require(fill.status == 0, "\(fill.errors)")
            api.remove { $0.part == 1 && [4, 11].contains($0.unit) }
            let mark = try await installation.lacuna(
                "mark", "t", "--from", "3", "--to", "9", "--partition", "station=a")
            #expect(mark.status == 0, "\(mark.errors)")
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.contains("1 deleted"), "\(run.output)")
            #expect(
                try await installation.database.column(
                    "SELECT station || n FROM t WHERE part = 1 AND n IN (4, 11) ORDER BY 1")
                    == ["a11", "b11", "b4"])
        }
    }

    @Test("and is referenced by another table fails its unit alone, by the constraint's name; the others land")
    func referenced() async throws {
        let api = ReplaceAPI(units: 0..<20, parts: 2)
        let schema =
            Self.table
            + "; CREATE TABLE notes (n bigint, part integer, CONSTRAINT notes_of_t FOREIGN KEY (n, part) REFERENCES t)"
        try await with(api, last: 19, schema: schema) { installation in
            try await installation.database.execute("INSERT INTO notes VALUES (7, 1)")
            api.remove { $0.part == 1 && [3, 7, 12].contains($0.unit) }
            try await mark(installation, 0, 19)
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1, "\(run.output)")
            #expect(run.errors.contains("t 7: "), "\(run.errors)")
            #expect(run.errors.contains("notes_of_t"), "\(run.errors)")
            #expect(
                try await installation.database.column("SELECT n::text FROM t WHERE part = 1 AND n IN (3, 7, 12)") == [
                    "7"
                ])
            #expect(
                try await installation.database.column("SELECT lower || '-' || upper FROM lacuna.refetch") == ["7-8"])
        }
    }

    @Test("goes in the one transaction of a catchup, or nothing of it does")
    func catchup() async throws {
        let api = ReplaceAPI(units: 0..<30)
        try await with(api, last: 29, batch: 10, rows: "rows: replace", fill: false) { installation in
            // Rows beyond `latest` come while the source is asked: an ingester brings what was withdrawn meanwhile.
            let program = """
                #!/bin/sh
                [ "$1" = --tip ] && { echo 29; exit; }
                [ "$1" = 20 ] && [ -e stray ] && psql -q -d "$DATABASE_URL" -c "INSERT INTO t VALUES (25, 9, 9)"
                exec awk -v a="$1" -v b="$2" 'BEGIN { print "n,part,v"; for (n = a; n <= b; n++) print n ",0,1" }'
                """
            try installation.directory.write(program, to: "fetch", executable: true)
            let config = """
                sources: {api: {type: command, command: [./fetch, "{window.first}", "{window.last}"], tip: [./fetch, --tip],
                  format: csv, retry: {attempts: 1}}}
                streams:
                  t: {source: api, table: t, key: {column: n, type: integer}, expect: {from: 0}, batch: 10, workers: 1,
                    rows: replace, shrink_guard: GUARD}

                """
            try installation.configure(config.replacing("GUARD", with: "20%"))
            try installation.directory.write("", to: "stray")
            try await installation.database.execute(
                "INSERT INTO t SELECT n, 0, 1 FROM generate_series(0, 9) AS n")
            let refused = try await installation.lacuna("catchup")
            #expect(refused.status == 1, "\(refused.output)")
            #expect(refused.errors.contains("t 20–29: the source no longer has 1 of the 1 row"), "\(refused.errors)")
            #expect(try await installation.database.number("SELECT count(*) FROM t WHERE n > 9") == 1)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.cursor") == 0)

            try await installation.database.execute("DELETE FROM t WHERE n > 9")
            try installation.configure(config.replacing("GUARD", with: "off"))
            let run = try await installation.lacuna("catchup")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(run.output.contains("20 rows inserted, 1 deleted"), "\(run.output)")
            #expect(try await installation.database.number("SELECT count(*) FROM t") == 30)
            #expect(
                try await installation.database.number("SELECT count(DISTINCT xmin::text) FROM t WHERE n > 9") == 1)
        }
    }

    @Test("of a chain that was reorganised goes in the run whose check finds it, and so do its blocks' other rows")
    func orphanedBlock() async throws {
        let schema = """
            CREATE TABLE t (n bigint, part integer, hash text, prev text, PRIMARY KEY (n, hash, part));
            CREATE TABLE chain (n bigint PRIMARY KEY, hash text);
            """
        let program = """
            #!/bin/sh
            exec awk -v a="$1" -v b="$2" -v fork="$(cat fork)" 'BEGIN {
                print "n,part,hash"
                for (n = a; n <= b; n++) {
                    if (fork && n == 19) continue
                    for (p = 0; p < 3; p++) print n "," p "," (fork && n == 20 ? "y" : "x") n
                } }'
            """
        let config = """
            sources: {api: {type: command, command: [./fetch, "{window.first}", "{window.last}"], format: csv, retry: {attempts: 1}}}
            streams:
              t: {source: api, table: t, key: {column: n, type: integer}, expect: {from: 0, to: 29}, batch: 10,
                rows: replace, check: orphans.sql}

            """
        let check = "SELECT DISTINCT n FROM t JOIN chain USING (n) WHERE t.hash <> coalesce(chain.hash, '')"
        try await Installation.with(
            schema, config: config, files: ["fetch": program, "fork": "", "orphans.sql": check]
        ) { installation in
            let database = installation.database
            try #require(try await installation.lacuna("reconcile").status == 0)
            let others = "SELECT xmin || t::text FROM t WHERE n NOT IN (19, 20) ORDER BY n, part"
            let before = try await database.column(others)
            try installation.directory.write("1", to: "fork")
            try await database.execute("INSERT INTO chain VALUES (19, NULL), (20, 'y20'), (21, 'x21')")
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(run.output.contains("3 rows inserted, 6 deleted, 1 unit verified empty"), "\(run.output)")
            #expect(
                try await database.column("SELECT n || hash || part FROM t WHERE n IN (19, 20) ORDER BY 1") == [
                    "20y200", "20y201", "20y202",
                ])
            #expect(try await database.column(others) == before)
            #expect(try await installation.lacuna("reconcile").output == "t: nothing to do\n")
        }
    }

    @Test(
        "of a stream with scripts: they run for a marked window without records, and the guard counts what they delete")
    func scripts() async throws {
        let schema = """
            CREATE TABLE t (n bigint, part integer, v integer, PRIMARY KEY (n, part));
            CREATE TABLE children (n bigint, part integer, PRIMARY KEY (n, part));
            """
        let files = [
            "t.sql": """
            DELETE FROM t USING (SELECT DISTINCT (doc ->> 'n')::bigint AS n FROM batch) AS b
            WHERE t.n = b.n AND NOT EXISTS (
                SELECT FROM batch WHERE (doc ->> 'n')::bigint = t.n AND (doc ->> 'part')::int = t.part);
            INSERT INTO t SELECT (doc ->> 'n')::bigint, (doc ->> 'part')::int, (doc ->> 'v')::int FROM batch
            ON CONFLICT DO NOTHING;
            INSERT INTO children SELECT n, part FROM t ON CONFLICT DO NOTHING;
            DELETE FROM children AS c WHERE NOT EXISTS (SELECT FROM t WHERE (t.n, t.part) = (c.n, c.part));
            """
        ]
        let api = ReplaceAPI(units: 0..<20, parts: 5)
        for replaces in [true, false] {
            api.state.withLock { $0.rows = ReplaceAPI(units: 0..<20, parts: 5).state.withLock { $0.rows } }
            try await HTTPServer.with(api.answer) { server in
                let config = config(
                    "\(server.url)", last: 19, batch: 10, rows: replaces ? "rows: replace" : "", stream: "load: t.sql",
                    total: true)
                try await Installation.with(schema, config: config, files: files) { installation in
                    let database = installation.database
                    try #require(try await installation.lacuna("reconcile").status == 0)
                    api.remove { $0.unit == 3 && $0.part == 1 }
                    try await mark(installation, 0, 9)
                    let one = try await installation.lacuna("reconcile")
                    #expect(one.status == 0, "\(one.errors)")
                    #expect(try await database.number("SELECT count(*) FROM children") == 99)

                    api.remove { $0.unit < 10 }
                    try await mark(installation, 4, 5)
                    let empty = try await installation.lacuna("reconcile")
                    guard replaces else {
                        #expect(empty.status == 0, "\(empty.errors)")
                        #expect(try await database.number("SELECT count(*) FROM t") == 99)
                        #expect(try await database.number("SELECT count(*) FROM lacuna.refetch") == 0)
                        return
                    }
                    #expect(empty.status == 1, "\(empty.output)")
                    #expect(empty.errors.contains("10 of the 10 rows"), "\(empty.errors)")
                    #expect(try await database.number("SELECT count(*) FROM t") == 99)
                    try await mark(installation, 4, 5, "--replace")
                    let run = try await installation.lacuna("reconcile", "--retry-now")
                    #expect(run.status == 0, "\(run.errors)")
                    #expect(try await database.number("SELECT count(*) FROM t WHERE n IN (4, 5)") == 0)
                    #expect(try await database.number("SELECT count(*) FROM children") == 89)
                    #expect(try await database.number("SELECT count(*) FROM lacuna.refetch") == 0)
                }
            }
        }
    }

    @Test("is not deleted by a role that may not, from a view, or past a trigger that keeps it: each says so")
    func refusals() async throws {
        let api = ReplaceAPI(units: 0..<10, parts: 2)
        let trigger = """
            ; CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER keep BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION keep();
            CREATE VIEW v AS SELECT * FROM t
            """
        try await with(api, last: 9, schema: Self.table + trigger) { installation in
            api.remove { $0.unit == 4 && $0.part == 1 }
            try await mark(installation, 4, 7)
            let kept = try await installation.lacuna("reconcile")
            #expect(kept.status == 1, "\(kept.output)")
            #expect(kept.errors.contains("1 row that the source no longer has stayed in t"), "\(kept.errors)")

            try #require(try await installation.lacuna("forget", "t").status == 0)
            try installation.edit("lacuna.yaml", "table: t", to: "table: v\n    primary_key: [n, part]")
            let view = try await installation.lacuna("doctor")
            #expect(view.output.contains("v is a view or a foreign table"), "\(view.output)\(view.errors)")
        }
    }
}
