import Foundation
import TestSupport
import Testing

@Suite("What is missing is remembered")
struct RememberedGapTests {
    private static let tables = """
        CREATE TABLE days (day date, region text, v integer, PRIMARY KEY (region, day));
        INSERT INTO days SELECT date '2024-01-01' + d, r, 1 FROM generate_series(0, 30) AS d, unnest(ARRAY['a', 'b']) AS r;
        CREATE TABLE hours (at timestamptz PRIMARY KEY);
        INSERT INTO hours SELECT timestamptz '2024-01-01T00:00Z' + h * interval '1 hour' FROM generate_series(0, 99) AS h;
        CREATE TABLE named (id text PRIMARY KEY); CREATE TABLE wanted (id text);
        INSERT INTO wanted VALUES ('a'), ('b'), ('c'); INSERT INTO named VALUES ('b');
        """

    private static let config = """
        sources: {api: {type: command, command: [./fetch, "{window.first}", "{partition.region}"]}, ids: {type: command, command: ["false"], retry: {attempts: 1}}}
        streams:
          days: {source: api, table: days, key: {column: day, type: date}, partitions: {region: [a, b]}, batch: 1,
            expect: {from: 2024-01-01, to: 2024-01-31}, workers: 1}
          hours: {source: ids, table: hours, key: {column: at, type: timestamp, step: 1h}, expect: {from: 2024-01-01, to: 2024-01-05}}
          named: {source: ids, table: named, key: {column: id, type: text}, expect: {query: SELECT id FROM wanted}}

        """

    private static let program = #"""
        #!/bin/sh
        echo "{\"day\": \"$1\", \"region\": \"$2\", \"v\": 1}"
        """#

    private func with(_ body: (Installation) async throws -> Void) async throws {
        try await Installation.with(Self.tables, config: Self.config, files: ["fetch": Self.program], body)
    }

    private func save(_ installation: Installation, _ stream: String) async throws {
        let result = try await installation.lacuna("gaps", stream, "--save")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    }

    private func gaps(_ installation: Installation, _ stream: String = "days") async throws -> [String] {
        try await installation.database.column(
            """
            SELECT concat_ws(' ', partition ->> 'region', first || '–' || last, units)
            FROM lacuna.missing WHERE stream = '\(stream)' ORDER BY partition, lower
            """)
    }

    @Test("with its age: a gap that shrinks, grows or splits keeps it, and one that is filled goes")
    func ages() async throws {
        try await with { (installation: Installation) async throws -> Void in
            let database = installation.database
            try await database.execute(
                "DELETE FROM days WHERE region = 'a' AND day BETWEEN '2024-01-05' AND '2024-01-10'")
            try await save(installation, "days")
            #expect(try await gaps(installation) == ["a 2024-01-05–2024-01-10 6"])
            let first = try await database.value("SELECT first_seen::text FROM lacuna.missing")
            #expect(try await database.value("SELECT (first_seen = as_of)::text FROM lacuna.missing") == "true")

            try await database.execute(
                """
                INSERT INTO days VALUES ('2024-01-07', 'a', 1);
                DELETE FROM days WHERE region = 'a' AND day IN ('2024-01-11', '2024-01-20') OR region = 'b' AND day = '2024-01-07'
                """)
            try await save(installation, "days")
            #expect(
                try await gaps(installation) == [
                    "a 2024-01-05–2024-01-06 2", "a 2024-01-08–2024-01-11 4", "a 2024-01-20–2024-01-20 1",
                    "b 2024-01-07–2024-01-07 1",
                ])
            #expect(
                try await database.column(
                    "SELECT (first_seen = '\(first)')::text FROM lacuna.missing ORDER BY partition, lower")
                    == ["true", "true", "false", "false"])
            #expect(try await database.value("SELECT bool_and(as_of > '\(first)')::text FROM lacuna.missing") == "true")

            // Only the rows that differ are written.
            let versions = "SELECT lower || ' ' || xmin || ctid FROM lacuna.gap ORDER BY partition, lower"
            let before = try await database.column(versions)
            try await database.execute("INSERT INTO days VALUES ('2024-01-08', 'a', 1), ('2024-01-07', 'b', 1)")
            try await save(installation, "days")
            let after = try await database.column(versions)
            #expect(after.count == 3)
            #expect(after[0] == before[0] && after[2] == before[2] && after[1] != before[1])

            // A run of one partition says nothing of the other.
            try await database.execute("DELETE FROM days WHERE region = 'b' AND day = '2024-01-03'")
            #expect(try await installation.lacuna("reconcile", "days", "--partition", "region=a").status == 0)
            #expect(try await gaps(installation).isEmpty)
            #expect(
                try await database.column(
                    "SELECT complete_through FROM lacuna.complete_through WHERE stream = 'days' ORDER BY partition")
                    == ["2024-01-31", "2024-01-31"])
            try await save(installation, "days")
            #expect(try await gaps(installation) == ["b 2024-01-03–2024-01-03 1"])
            #expect(try await installation.lacuna("reconcile", "days").status == 0)
            #expect(try await gaps(installation).isEmpty)

            // A partition that is no more goes with the next survey.
            try installation.edit("lacuna.yaml", "region: [a, b]", to: "region: [a]")
            try await save(installation, "days")
            #expect(
                try await database.column("SELECT partition::text FROM lacuna.complete_through WHERE stream = 'days'")
                    == [#"{"region": "a"}"#])
        }
    }

    @Test("as JSON of the same moment says it, for each type of key")
    func equal() async throws {
        try await with { (installation: Installation) async throws -> Void in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile", "named").status == 1)
            try await database.execute(
                """
                DELETE FROM days WHERE region = 'b' AND day IN ('2024-01-01', '2024-01-31') OR region = 'a' AND day = '2024-01-04';
                DELETE FROM hours WHERE at BETWEEN '2024-01-02T03:00Z' AND '2024-01-02T05:00Z'
                """)
            let json = try await installation.lacuna("gaps", "--save", "--format", "json")
            let report = try #require(
                try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            var through: [String] = []
            var missing: [String] = []
            for stream in try #require(report["streams"] as? [[String: Any]]) {
                let name = try #require(stream["stream"] as? String)
                for partition in try #require(stream["partitions"] as? [[String: Any]]) {
                    let region = (partition["partition"] as? [String: String])?["region"]
                    let label = [name, region].compactMap(\.self).joined(separator: " ")
                    let units = try #require(partition["missing_units"] as? Int)
                    through.append("\(label) \(partition["complete_through"] as? String ?? "NULL") \(units)")
                    for gap in try #require(partition["gaps"] as? [[String: Any]]) {
                        let (first, last) = (gap["first"] as? String ?? "", gap["last"] as? String ?? "")
                        missing.append("\(label) \(first)–\(last) \(gap["units"] as? Int ?? 0)")
                    }
                }
            }
            #expect(
                try await database.column(
                    """
                    SELECT concat_ws(' ', stream, partition ->> 'region', COALESCE(complete_through, 'NULL'), missing_units)
                    FROM lacuna.complete_through ORDER BY stream, partition
                    """) == through)
            #expect(
                try await database.column(
                    """
                    SELECT concat_ws(' ', stream, partition ->> 'region', first || '–' || last, units)
                    FROM lacuna.missing ORDER BY stream, partition, lower
                    """) == missing)
            #expect(
                through == [
                    "days a 2024-01-03 1", "days b NULL 1", "hours 2024-01-02T02:00:00Z 3", "named NULL 2",
                ])
        }
    }

    @Test("and no line of a report is broken for it")
    func width() async throws {
        try await with { (installation: Installation) async throws -> Void in
            let database = installation.database
            try await database.execute(
                """
                DELETE FROM days WHERE region = 'b' AND day BETWEEN '2024-01-03' AND '2024-01-08';
                DELETE FROM hours WHERE at BETWEEN '2024-01-02T03:00Z' AND '2024-01-02T05:00Z'
                """)
            #expect(
                try await installation.lacuna(
                    "mark", "days", "--from", "2024-01-20", "--to", "2024-01-21", "--reason", "wrong"
                ).status == 0)
            try await save(installation, "days")
            #expect(try await installation.lacuna("reconcile", "hours").status == 1)
            let report = try await installation.lacuna("gaps", "days", "hours", "--report").output
            let lines = report.split(separator: "\n").filter { $0.hasPrefix("  gap") }
            #expect(lines.count == 4)
            #expect(lines.allSatisfy { $0.count <= 80 }, "\(report)")
            #expect(lines.contains { $0.contains("  new  never fetched") }, "\(report)")
            #expect(lines.contains { $0.contains("  marked by ") }, "\(report)")
            #expect(lines.contains { $0.contains("T03:00:00Z") && $0.hasSuffix("failing, tried…") }, "\(report)")
        }
    }

    @Test("without a word if the role may only read, and by nobody whose survey is older")
    func rights() async throws {
        try await with { (installation: Installation) async throws -> Void in
            let database = installation.database
            try await database.execute("DELETE FROM days WHERE day = '2024-01-04'")
            try await save(installation, "days")
            let role = database.name + "_reader"
            try await database.execute(
                """
                CREATE ROLE \(role) LOGIN; GRANT USAGE ON SCHEMA lacuna TO \(role);
                GRANT SELECT ON ALL TABLES IN SCHEMA lacuna, public TO \(role);
                INSERT INTO days VALUES ('2024-01-04', 'a', 1), ('2024-01-04', 'b', 1)
                """)
            let reader = TestDatabase.adding("user", role, to: database.connectionString)
            let run = try await installation.lacuna("reconcile", "days", "--database", reader)
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
            let kept = try await installation.lacuna("gaps", "days", "--save", "--database", reader)
            #expect(kept.status == 0 && kept.errors.contains("nothing was kept"), "\(kept.errors)")
            #expect(try await gaps(installation).count == 2)
            let asReader = TestDatabase(name: database.name, connectionString: reader)
            #expect(
                try await asReader.column("SELECT complete_through FROM lacuna.complete_through") == [
                    "2024-01-03", "2024-01-03",
                ])

            // A later survey is there.
            try await database.execute("UPDATE lacuna.survey SET as_of = now() + interval '1 hour'")
            try await save(installation, "days")
            #expect(try await gaps(installation).count == 2)
            try await database.execute("UPDATE lacuna.survey SET as_of = now() - interval '1 hour'")
            let both = [try installation.start(["gaps", "--save"]), try installation.start(["reconcile", "days"])]
            for process in both { #expect(try await process.wait().status == 0) }
            #expect(try await gaps(installation).isEmpty)
            try await database.execute("DROP OWNED BY \(role); DROP ROLE \(role)")

            // What keeps it from being written is told, and fails no run.
            try await database.execute(
                """
                DELETE FROM days WHERE day = '2024-01-09';
                CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not here'; END $$;
                CREATE TRIGGER no BEFORE INSERT OR UPDATE ON lacuna.survey FOR EACH ROW EXECUTE FUNCTION no()
                """)
            let failed = try await installation.lacuna("reconcile", "days")
            #expect(failed.status == 0, "\(failed.errors)")
            #expect(failed.errors.contains("lacuna.gap does not say what is missing now: "), "\(failed.errors)")
            #expect(try await installation.lacuna("gaps", "days", "--save").status == 1)
        }
    }
}
