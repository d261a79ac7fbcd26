import Foundation
import TestSupport
import Testing

@Suite("Why units are missing")
struct GapCauseTests {
    private static let missing = """
        SELECT concat_ws(' ', stream, first || '–' || last, kind, cause) FROM lacuna.missing ORDER BY stream, lower
        """

    /// Each stream with its source and what else it says. Its table has the numbers from 1 to 9, but not 4 and 5.
    private static let streams: [(name: String, source: String, more: String)] = [
        ("cut", "some", ""), ("failing", "broken", ""), ("flagged", "some", "check: check.sql"), ("later", "later", ""),
        ("lost", "some", "track_changes: true"), ("marked", "some", ""), ("never", "some", ""),
        ("refused", "refused", ""), ("thin", "some", "complete: {rows: 2}"),
    ]

    private static func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
        switch request.path {
        case "/refused": return .init("", status: 401)
        case "/later": return .init("", status: 429, headers: [("retry-after", "7200")])
        case "/broken": return .init("", status: 500)
        default:
            let from = request["from"].flatMap { Int($0) } ?? 0
            let to = request["to"].flatMap { Int($0) } ?? 0
            return .init("[\((from...to).map { "{\"n\": \($0), \"v\": 1}" }.joined(separator: ","))]")
        }
    }

    private static func config(_ server: HTTPServer) -> String {
        let sources = ["some", "broken", "later", "refused"].map { name in
            """
              \(name): {type: http, base_url: "\(server.url)", proxy: none, retry: {attempts: 1},
                request: {path: /\(name), params: {from: "{window.first}", to: "{window.last}"}}}

            """
        }
        let streams = streams.map { stream in
            """
              \(stream.name): {source: \(stream.source), table: \(stream.name), key: {column: n, type: integer}, batch: 1,
                workers: 1, expect: {from: 1, to: 9}\(stream.more.isEmpty ? "" : ", \(stream.more)")}

            """
        }
        return "sources:\n\(sources.joined())streams:\n\(streams.joined())"
    }

    private func with(_ body: (Installation) async throws -> Void) async throws {
        let tables = Self.streams.map { stream in
            """
            CREATE TABLE \(stream.name) (n bigint PRIMARY KEY, v integer);
            INSERT INTO \(stream.name) SELECT n, 1 FROM generate_series(1, 9) AS n WHERE n NOT IN (4, 5);

            """
        }
        let more = """
            ALTER TABLE thin DROP CONSTRAINT thin_pkey; ALTER TABLE thin ADD PRIMARY KEY (n, v);
            INSERT INTO thin SELECT n, 2 FROM generate_series(1, 9) AS n; INSERT INTO thin VALUES (5, 1);
            INSERT INTO lost VALUES (4, 1), (5, 1); INSERT INTO marked VALUES (4, 1), (5, 1);
            INSERT INTO flagged VALUES (4, 9), (5, 9);
            """
        try await HTTPServer.with {
            Self.answer($0)
        } _: { server in
            try await Installation.with(
                tables.joined() + more, config: Self.config(server),
                files: ["check.sql": "SELECT n FROM flagged WHERE v = 9"], body)
        }
    }

    @Test("is said right of nine causes, and without the journal only of those that need none")
    func nine() async throws {
        try await with { (installation: Installation) async throws -> Void in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile", "cut", "--max-batches", "1").status == 2)
            #expect(try await installation.lacuna("reconcile", "lost").status == 0)
            for name in ["failing", "later", "refused"] {
                let status = try await installation.lacuna("reconcile", name).status
                #expect(status == (name == "later" ? 3 : 1), "\(name) ended with \(status)")
            }
            try await database.execute("DELETE FROM lost WHERE n = 5")
            let mark = ["mark", "marked", "--from", "4", "--to", "5", "--reason", "wrong"]
            #expect(try await installation.start(mark).wait().status == 0)
            let saved = try await installation.lacuna("gaps", "--save")
            #expect(saved.status == 0, "\(saved.errors)")
            let open = try await database.value("SELECT first FROM lacuna.missing WHERE stream = 'cut'")
            let fixed = [
                "flagged 4–5 missing check_failed", "lost 5–5 missing had_rows", "marked 4–5 missing marked",
                "never 4–5 missing never_fetched", "thin 4–4 thin thin",
            ]
            let told = [
                "cut \(open)–\(open) missing never_fetched", "failing 4–4 missing failing",
                "failing 5–5 missing failing",
                "later 4–5 missing deferred", "refused 4–5 missing refused",
            ]
            #expect(try await database.column(Self.missing) == (fixed + told).sorted())

            #expect(
                try await database.column(
                    """
                    SELECT concat_ws(' ', tries, next_try - cause_at, detail LIKE '%500 Internal Server Error%',
                        cause_at > now() - interval '1 hour')
                    FROM lacuna.missing WHERE stream = 'failing'
                    """) == ["1 00:01:00 t t", "1 00:01:00 t t"])
            #expect(
                try await database.column(
                    "SELECT concat_ws(' ', detail, marked_by = current_user) FROM lacuna.missing WHERE stream = 'marked'"
                )
                    == ["wrong t"])
            #expect(
                try await database.column(
                    """
                    SELECT (had_rows_until = cause_at AND had_rows_until BETWEEN now() - interval '1 hour' AND now())::text
                    FROM lacuna.missing WHERE stream = 'lost'
                    """) == ["true"])
            #expect(
                try await database.column(
                    "SELECT (detail LIKE '%401%')::text FROM lacuna.missing WHERE stream = 'refused'") == ["true"])
            #expect(
                try await database.column(
                    "SELECT (detail LIKE '%2 h%' OR detail LIKE '%429%')::text FROM lacuna.missing WHERE stream = 'later'"
                )
                    == ["true"])

            // Without the journal: the same gaps, and nobody knows why.
            let gaps = try await installation.lacuna("gaps").output
            try await database.execute("TRUNCATE lacuna.run, lacuna.batch")
            #expect(try await installation.lacuna("gaps", "--save").output == gaps)
            let unknown = told.map { line in
                line.split(separator: " ").dropLast().joined(separator: " ") + " unknown"
            }.filter { !$0.hasPrefix("failing") }
            #expect(
                try await database.column(Self.missing) == (fixed + unknown + ["failing 4–5 missing unknown"]).sorted())
        }
    }

    @Test("is kept as long as it holds, and the same survey again writes nothing")
    func again() async throws {
        try await with { (installation: Installation) async throws -> Void in
            let database = installation.database
            _ = try await installation.lacuna("reconcile", "failing")
            #expect(try await installation.lacuna("gaps", "--save").status == 0)
            let rows = """
                SELECT t::text || xmin || ctid FROM lacuna.gap AS t
                UNION ALL SELECT t::text || xmin || ctid FROM lacuna.survey_partition AS t ORDER BY 1
                """
            let before = try await database.column(rows)
            #expect(before.count > 10)
            let asOf = try await database.value("SELECT min(as_of)::text FROM lacuna.missing")
            #expect(try await installation.lacuna("gaps", "--save").status == 0)
            #expect(try await database.column(rows) == before)
            #expect(try await database.value("SELECT (min(as_of) > '\(asOf)')::text FROM lacuna.missing") == "true")

            // What lost its rows stays so when the changes have been summed up.
            #expect(try await installation.lacuna("reconcile", "lost").status == 0)
            try await database.execute("DELETE FROM lost WHERE n = 5")
            #expect(try await installation.lacuna("gaps", "lost", "--save").status == 0)
            try await database.execute("DELETE FROM lacuna.change")
            #expect(try await installation.lacuna("gaps", "lost", "--save").status == 0)
            #expect(
                try await database.column("SELECT cause FROM lacuna.missing WHERE stream = 'lost'") == ["had_rows"])

            // Fetched, and gone again, without anybody who tracks it.
            #expect(try await installation.lacuna("reconcile", "never").status == 0)
            #expect(try await database.column("SELECT 1 FROM lacuna.missing WHERE stream = 'never'").isEmpty)
            try await database.execute("DELETE FROM never WHERE n = 4")
            #expect(try await installation.lacuna("gaps", "never", "--save").status == 0)
            #expect(
                try await database.column("SELECT cause FROM lacuna.missing WHERE stream = 'never'") == ["fetched"])

            let why = try await installation.lacuna("why", "failing", "4")
            #expect(why.output.contains("It failed 1 time"), "\(why.output)")
            _ = try await installation.lacuna("reconcile", "refused")
            let refused = try await installation.lacuna("why", "refused", "4")
            let other = try await installation.lacuna("why", "refused", "5")
            #expect((refused.output + other.output).contains("and the source refused: "), "\(refused.output)")
            #expect(try await installation.lacuna("forget", "failing").status == 0)
            #expect(try await database.column("SELECT 1 FROM lacuna.complete_through WHERE stream = 'failing'").isEmpty)
        }
    }
}
