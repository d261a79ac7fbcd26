import TestSupport
import Testing

@Suite("A stream of text keys")
struct TextKeyTests {
    /// Prints a row for every id it is asked for, but for those that begin with `none`; fails where one is `broken`.
    private static let program = """
        #!/bin/sh
        echo "$1" >> requests
        echo 'id,name'
        IFS=,
        for id in $1; do
            case $id in
            broken) exit 1 ;;
            none*) ;;
            *) printf '"%s",name of %s\\n' "$id" "$id" ;;
            esac
        done
        """

    private static func config(batch: Int, more: String = "") -> String {
        """
        sources:
          api: {type: command, command: [./enrich, "{keys}"], format: csv, retry: {attempts: 1}}
        streams:
          horses:
            source: api
            table: horse
            key: {column: id, type: text}
            expect: {query: SELECT horse_id AS id FROM runner}
            batch: \(batch)
        \(more)
        """
    }

    private static let tables = """
        CREATE TABLE runner (race integer, horse_id text);
        CREATE TABLE horse (id text PRIMARY KEY, name text);
        INSERT INTO runner SELECT r, 'h' || n FROM generate_series(1, 25) AS n, generate_series(1, 3) AS r;
        """

    private func with(
        batch: Int = 10, more: String = "", _ body: (Installation) async throws -> Void
    ) async throws {
        try await Installation.with(
            TextKeyTests.tables, config: TextKeyTests.config(batch: batch, more: more),
            files: ["enrich": TextKeyTests.program]
        ) { try await body($0) }
    }

    @Test("lacks what the query names and the table has no row for, and is filled so many ids at a time")
    func fills() async throws {
        try await with { lacuna in
            try await lacuna.database.execute("INSERT INTO horse VALUES ('h7', 'known')")
            let before = try await lacuna.lacuna("gaps")
            #expect(before.output.split(separator: "\n").count == 24, "\(before.output)\(before.errors)")
            #expect(before.output.contains("horses  h1\n"))
            #expect(!before.output.contains("h7\n"))
            #expect(try await lacuna.database.number("SELECT count(*) FROM lacuna.key") == 0)

            let plan = try await lacuna.lacuna("reconcile", "--dry-run")
            #expect(plan.status == 0, "\(plan.errors)")
            #expect(try await lacuna.database.number("SELECT count(*) FROM lacuna.key") == 0)

            let run = try await lacuna.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await lacuna.database.number("SELECT count(*) FROM horse WHERE name = 'name of ' || id") == 24)
            #expect(try await lacuna.database.value("SELECT name FROM horse WHERE id = 'h7'") == "known")
            #expect(lacuna.lines(of: "requests").allSatisfy { $0.split(separator: ",").count <= 10 })
            #expect(lacuna.lines(of: "requests").count == 3)
            #expect(try await lacuna.lacuna("gaps", "--exit-code").output == "horses  no gaps\n")
            #expect(try await lacuna.database.number("SELECT count(*) FROM lacuna.cursor") == 0)
        }
    }

    @Test("asks only for ids that are new, and writes nothing where there are none")
    func fetchesNewOnes() async throws {
        try await with { lacuna in
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            let image = try await lacuna.image()
            #expect(try await lacuna.lacuna("reconcile").output == "horses: nothing to do\n")
            #expect(try await lacuna.lacuna("catchup").status == 0)
            #expect(try await lacuna.image() == image)

            try lacuna.remove("requests")
            try await lacuna.database.execute(
                "INSERT INTO runner VALUES (9, 'new1'), (9, 'h3'), (9, 'new2'), (10, 'new1'), (10, NULL)")
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            #expect(lacuna.lines(of: "requests").flatMap { $0.split(separator: ",") }.sorted() == ["new1", "new2"])
        }
    }

    @Test("records ids that the source knows nothing of, and asks for a deleted one again")
    func verifiesEmpty() async throws {
        try await with { lacuna in
            try await lacuna.database.execute("INSERT INTO runner VALUES (1, 'none1'), (1, 'none2')")
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            #expect(
                try await lacuna.database.column(
                    """
                    SELECT lacuna.key_text(stream, u) FROM lacuna.verified_empty, generate_series(lower, upper - 1) AS u
                    ORDER BY 1
                    """) == ["none1", "none2"])
            #expect(try await lacuna.lacuna("gaps", "--exit-code").status == 0)

            try lacuna.remove("requests")
            try await lacuna.database.execute("DELETE FROM horse WHERE id IN ('h2', 'h20')")
            #expect(try await lacuna.lacuna("gaps").output == "horses  h2\nhorses  h20\n")
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            #expect(lacuna.lines(of: "requests").flatMap { $0.split(separator: ",") }.sorted() == ["h2", "h20"])
            // What was not asked for again is still known to be empty.
            #expect(try await lacuna.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("lands the good ids of a batch and names the one at fault")
    func isolatesFailures() async throws {
        try await with { lacuna in
            try await lacuna.database.execute("INSERT INTO runner VALUES (1, 'broken')")
            let run = try await lacuna.lacuna("reconcile")
            #expect(run.status == 1)
            #expect(run.errors.contains("horses broken: "), "\(run.errors)")
            #expect(try await lacuna.lacuna("gaps").output == "horses  broken\n")
            #expect(try await lacuna.lacuna("status").output.contains("broken  1 run in a row"))
            // It waits, and asks for nothing else.
            try lacuna.remove("requests")
            #expect(try await lacuna.lacuna("reconcile").status == 2)
            #expect(lacuna.lines(of: "requests").isEmpty)
        }
    }

    @Test("is fetched again where it is marked, and where its check says so")
    func refetches() async throws {
        let check = "    check: suspect.sql"
        try await Installation.with(
            TextKeyTests.tables, config: TextKeyTests.config(batch: 10, more: check),
            files: [
                "enrich": TextKeyTests.program, "suspect.sql": "SELECT id FROM horse WHERE name NOT LIKE 'name of %'",
            ]
        ) { lacuna in
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            try await lacuna.database.execute("UPDATE horse SET name = 'wrong' WHERE id IN ('h4', 'h5')")
            #expect(try await lacuna.lacuna("gaps").output == "horses  h4\nhorses  h5\n")
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            #expect(try await lacuna.database.value("SELECT name FROM horse WHERE id = 'h5'") == "name of h5")

            try lacuna.remove("requests")
            #expect(try await lacuna.lacuna("mark", "horses", "--all").output.contains("25 units marked"))
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            #expect(lacuna.lines(of: "requests").flatMap { $0.split(separator: ",") }.count == 25)
            #expect(try await lacuna.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("takes any id: quotes, spaces, accents written in two ways, and columns of another type")
    func hostileIDs() async throws {
        let ids = [#"a"b"#, "o'brien; DROP TABLE horse;--", "$$", "é", "e\u{301}", "🐎", " padded ", "%41"]
        let rows = ids.map { "{\"id\": \(quoted($0)), \"name\": \(quoted("name of \($0)"))}" }
        try await Installation.with(
            """
            CREATE TABLE runner (horse_id text);
            CREATE TABLE horse (id text PRIMARY KEY, name text);
            CREATE TABLE owned (owner uuid);
            CREATE TABLE owner (owner uuid PRIMARY KEY, name text);
            INSERT INTO owned SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid
                FROM generate_series(1, 5) AS n;
            """,
            config: """
                sources:
                  api: {type: command, command: [./enrich, "{keys}"], retry: {attempts: 1}}
                  own: {type: postgres, database: "${env:TEST_DATABASE}",
                    query: "SELECT owner, 'n' AS name FROM owned WHERE owner IN ({keys})"}
                streams:
                  horses: {source: api, table: horse, key: {column: id, type: text},
                    expect: {query: SELECT horse_id AS id FROM runner}}
                  owners: {source: own, table: owner, key: {column: owner, type: text}, batch: 3,
                    expect: {query: SELECT owner FROM owned}}
                """,
            files: [
                "rows": rows.joined(separator: "\n") + "\n",
                "ids": ids.joined(separator: "\n") + "\n",
                "enrich": "#!/bin/sh\nexec sed -n \"$(grep -nxF -- \"$1\" ids | cut -d: -f1)p\" rows\n",
            ]
        ) { lacuna in
            let values = ids.map { "('\($0.replacing("'", with: "''"))')" }.joined(separator: ", ")
            try await lacuna.database.execute("INSERT INTO runner VALUES \(values)")
            let run = try await lacuna.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await lacuna.database.number("SELECT count(*) FROM horse WHERE name = 'name of ' || id") == 8)
            #expect(try await lacuna.database.number("SELECT count(*) FROM owner") == 5)
            #expect(try await lacuna.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    private func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }

    @Test("keeps the ids of its partitions apart")
    func regions() async throws {
        try await Installation.with(
            """
            CREATE TABLE runner (region text, horse_id text);
            CREATE TABLE horse (region text, id text, PRIMARY KEY (region, id));
            INSERT INTO runner VALUES ('gb', 'a'), ('ire', 'a'), ('gb', 'b'), ('ire', 'c'), ('fr', 'd');
            """,
            config: """
                sources:
                  api: {type: command, command: [./enrich, "{partition.region}", "{keys}"], retry: {attempts: 1}}
                streams:
                  horses: {source: api, table: horse, key: {column: id, type: text}, batch: 5,
                    partitions: {region: [gb, ire]},
                    expect: {query: "SELECT region, horse_id AS id FROM runner"}}
                """,
            files: [
                "enrich": """
                #!/bin/sh
                echo "$1 $2" >> requests
                IFS=,
                for id in $2; do echo "{\\"region\\": \\"$1\\", \\"id\\": \\"$id\\"}"; done
                """
            ]
        ) { lacuna in
            try await lacuna.database.execute("INSERT INTO horse VALUES ('gb', 'a')")
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            #expect(lacuna.lines(of: "requests").sorted() == ["gb b", "ire a,c"])
            #expect(
                try await lacuna.database.column("SELECT region || ' ' || id FROM horse ORDER BY 1")
                    == ["gb a", "gb b", "ire a", "ire c"])
        }
    }

    @Test("refuses a record that was not asked for, and settings that need an order")
    func refuses() async throws {
        try await with(batch: 1) { lacuna in
            try lacuna.directory.write("#!/bin/sh\necho 'id,name'; echo 'h99,x'\n", to: "enrich", executable: true)
            let run = try await lacuna.lacuna("reconcile", "--max-batches", "1")
            #expect(run.status == 1)
            #expect(
                run.errors.contains("key 'h99' in field 'id' is not one of the keys that were asked for"),
                "\(run.errors)")
            #expect(try await lacuna.database.number("SELECT count(*) FROM horse") == 0)
            #expect(try await lacuna.lacuna("mark", "horses", "--from", "h1").status == 64)
            #expect(try await lacuna.lacuna("rewind", "horses", "--forget").status == 64)
        }
    }

    /// A stream of ids in a column of `type`, filled by a source that answers every id as it was asked for.
    private func fill(
        type: String, ids: [String], batch: Int = 1, setUp: String = "", echo: String = #"{"id": "%s"}\n"#,
        _ body: (Installation, LacunaProcess.Result) async throws -> Void
    ) async throws {
        let values = ids.map { "('\($0)')" }.joined(separator: ", ")
        try await Installation.with(
            """
            \(setUp);
            CREATE TABLE wanted (id \(type));
            CREATE TABLE t (id \(type) PRIMARY KEY);
            INSERT INTO wanted VALUES \(values);
            """,
            config: """
                sources: {api: {type: command, command: [./echo, "{keys}"], retry: {attempts: 1}}}
                streams:
                  t: {source: api, table: t, key: {column: id, type: text}, batch: \(batch),
                    expect: {query: SELECT id FROM wanted}}
                """,
            files: [
                "echo": "#!/bin/sh\necho \"$1\" >> requests\nIFS=,\nfor id in $1; do printf '\(echo)' \"$id\"; done\n"
            ]
        ) { installation in try await body(installation, try await installation.lacuna("reconcile")) }
    }

    private static let inTokyo = """
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'Asia/Tokyo'); END $$
        """
    private static let caseless = """
        CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)
        """

    @Test(
        "keeps ids whole whatever their column's type",
        arguments: [
            ("char(10)", ["abc", "abd", "xyz"], ""), ("varchar(3)", ["abc", "abd"], ""),
            ("timestamptz", ["2024-01-01 00:00:00+00"], TextKeyTests.inTokyo),
            ("mood", ["sad", "glad"], "CREATE TYPE mood AS ENUM ('sad', 'glad')"),
            ("text COLLATE ci", ["abc", "abd"], TextKeyTests.caseless),
            ("d2", ["abc", "abd"], "CREATE DOMAIN d1 AS text; CREATE DOMAIN d2 AS d1"),
        ])
    func types(type: String, ids: [String], setUp: String) async throws {
        // Not every build of a server knows collations of ICU.
        if setUp == TextKeyTests.caseless, try await !TestDatabase.hasICU { return }
        try await fill(type: type, ids: ids, setUp: setUp) {
            (lacuna: Installation, run: LacunaProcess.Result) async throws -> Void in
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await lacuna.database.number("SELECT count(*) FROM t JOIN wanted USING (id)") == ids.count)
            #expect(try await lacuna.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await lacuna.lacuna("reconcile").output == "t: nothing to do\n")
        }
    }

    @Test("never takes an id with a comma for two, nor one with spaces around it for another")
    func lookalikes() async throws {
        try await fill(type: "text", ids: ["a,b", "x"], batch: 10) {
            (lacuna: Installation, run: LacunaProcess.Result) async throws -> Void in
            #expect(run.status == 1)
            #expect(run.errors.contains("set batch: 1"), "\(run.errors)")
            #expect(try await lacuna.lacuna("gaps").output == "t  a,b\n")
            #expect(lacuna.lines(of: "requests") == ["x"])
        }
        try await fill(type: "text", ids: ["a,b"]) {
            (lacuna: Installation, run: LacunaProcess.Result) async throws -> Void in
            // One id a request is asked for as it is; this source reads a list.
            #expect(run.status == 1)
            #expect(try await lacuna.database.number("SELECT count(*) FROM t") == 0)
        }
        try await fill(type: "text", ids: ["abc"], echo: #"{"id": " %s"}\n"#) {
            (lacuna: Installation, run: LacunaProcess.Result) async throws -> Void in
            #expect(run.status == 1)
            #expect(run.errors.contains("is not one of the keys that were asked for"), "\(run.errors)")
            #expect(try await lacuna.database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("is refused under a name whose evidence is of other units, before anything is said of it")
    func changedUnits() async throws {
        try await with { (lacuna: Installation) async throws -> Void in
            #expect(try await lacuna.lacuna("reconcile").status == 0)
            try await lacuna.database.execute("UPDATE lacuna.stream SET key_type = 'integer'")
            for command in ["gaps", "reconcile", "catchup"] {
                let result = try await lacuna.lacuna(command)
                #expect(result.status == 1, "\(command)")
                #expect(result.errors.contains("integer keys"), "\(command): \(result.errors)")
            }
        }
    }

    @Test("says what is missing where the schema is not installed")
    func noSchema() async throws {
        try await Installation.with(
            TextKeyTests.tables, config: TextKeyTests.config(batch: 1), files: ["enrich": TextKeyTests.program],
            isInitialised: false
        ) { (lacuna: Installation) async throws -> Void in
            #expect(try await lacuna.lacuna("gaps").output.split(separator: "\n").count == 25)
            let run = try await lacuna.lacuna("reconcile")
            #expect(run.status == 1)
            #expect(run.errors.contains("lacuna init"), "\(run.errors)")
        }
    }
}
