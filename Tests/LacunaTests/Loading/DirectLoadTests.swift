import Lacuna
import TestSupport
import Testing

/// Gives each unit of a window its record.
private struct Numbered: Source {
    /// The record of each unit, from 1.
    let lines: [String]

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        for unit in request.window { try sink.append(json: lines[Int(unit) - 1]) }
        return FetchSummary()
    }

    func tip(_ request: TipRequest) async throws -> String? { String(lines.count) }
}

@Suite("JSON that is loaded directly into the table")
struct DirectLoadTests {
    /// Values as JSON writes them, for every column.
    private static let texts = [
        #""plain""#, #""""#, #""a\tb\nc\rd\\e\"f\/g\b\f""#, #""\\N""#, #""\\.""#, #""\u00e9\ud83d\udc0e é 🐎""#, "12",
        "-1.50",
        "true", "null", #""\u007f,\"""#, "123456789012345678901234567890.10",
    ]
    private static let documents = [
        #"{"a": [1, 2, {"b": "x\ty"}]}"#, "[]", #""text\n""#, "null", "7.0", "false", #"{"a": 1, "a": 2}"#,
    ]

    private static func line(_ number: Int, text: String, document: String, more: String = "") -> String {
        #"{"n": \#(number), "s": \#(text), "j": \#(document), "x": -12.50, "b": false\#(more)}"#
    }

    /// Loads the lines in one batch, and says what the table holds and by which statements it came.
    ///
    /// - Parameter usesStaging: whether the last row is there already, so that nothing may be copied direct.
    private func load(_ lines: [String], usesStaging: Bool) async throws -> (rows: [String], ways: [String]) {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script(
                """
                CREATE TABLE t (n bigint PRIMARY KEY, s text, j jsonb, x numeric(8, 2), b boolean, d text DEFAULT 'kept');
                CREATE TABLE way (statement text);
                CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN INSERT INTO way VALUES (substring(current_query(), 'COPY|INSERT')); RETURN NEW; END $$;
                \(usesStaging ? "INSERT INTO t (n) VALUES (\(lines.count));" : "")
                CREATE TRIGGER note BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION note();
                """, name: "test")
            await session.close()
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.expect.from = .unit(1)
            stream.expect.to = .unit(Int64(lines.count))
            stream.batch = .units(10_000)
            stream.overlap = .units(1)
            let report = await Reconciler(
                stream: stream, source: Numbered(lines: lines),
                database: Database(connectionString: database.connectionString)
            ).reconcile()
            #expect(report.state == .done, "\(report.failures)\(report.streamFailures)")
            return (
                try await database.column("SELECT t::text FROM t WHERE n < \(lines.count) ORDER BY n"),
                try await database.column("SELECT DISTINCT statement FROM way")
            )
        }
    }

    @Test("holds what the upsert of the same records holds, byte for byte")
    func equalsStaging() async throws {
        var lines: [String] = []
        for text in DirectLoadTests.texts {
            for document in DirectLoadTests.documents {
                lines.append(DirectLoadTests.line(lines.count + 1, text: text, document: document))
            }
        }
        let direct = try await load(lines, usesStaging: false)
        #expect(direct.ways == ["COPY"])
        let staging = try await load(lines, usesStaging: true)
        #expect(staging.ways == ["INSERT"])
        #expect(direct.rows.count == lines.count - 1)
        #expect(direct.rows == staging.rows)
    }

    @Test(
        "goes through the staging table if only the server reads a value as jsonb does",
        arguments: [#"1e3"#, #"-0"#, #"-0.0"#, #"[1, 2]"#, #"{"a": 1}"#])
    func refuses(text: String) async throws {
        let lines = (1...3).map { DirectLoadTests.line($0, text: $0 == 2 ? text : "1", document: "1") }
        let direct = try await load(lines, usesStaging: false)
        let staging = try await load(lines, usesStaging: true)
        #expect(direct.rows == staging.rows)
        #expect(direct.rows.count == 2)
    }

    @Test("keeps a column's default where some records lack its field")
    func uneven() async throws {
        let lines = (1...4).map {
            DirectLoadTests.line($0, text: "1", document: "1", more: $0 % 2 == 0 ? #", "d": "given""# : "")
        }
        let direct = try await load(lines, usesStaging: false)
        #expect(direct.rows.map { $0.hasSuffix("kept)") } == [true, false, true])
    }

    @Test("takes the last of two fields with one name")
    func duplicateNames() async throws {
        let lines = (1...3).map { DirectLoadTests.line($0, text: "1", document: "1", more: #", "b": true"#) }
        #expect(try await load(lines, usesStaging: false).rows.allSatisfy { $0.contains(",t,") })
    }

    @Test(
        "goes through the staging table into a table that takes no COPY, and holds the same in a domain over a domain of jsonb"
    )
    func tablesThatDiffer() async throws {
        try await TestDatabase.with { database in
            let role = database.name + "_reader"
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script(
                """
                CREATE DOMAIN d1 AS jsonb; CREATE DOMAIN d2 AS d1;
                CREATE TABLE t (n bigint PRIMARY KEY, j d2);
                ALTER TABLE t ENABLE ROW LEVEL SECURITY;
                CREATE ROLE \(role);
                CREATE POLICY all_rows ON t TO \(role) USING (true) WITH CHECK (true);
                GRANT ALL ON t TO \(role);
                GRANT USAGE ON SCHEMA lacuna TO \(role);
                GRANT ALL ON ALL TABLES IN SCHEMA lacuna TO \(role);
                GRANT ALL ON ALL SEQUENCES IN SCHEMA lacuna TO \(role);
                ALTER DATABASE \(database.name) SET role = \(role);
                """, name: "test")
            await session.close()
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.expect.from = .unit(1)
            stream.expect.to = .unit(3)
            let lines = [#"{"n": 1, "j": "123"}"#, #"{"n": 2, "j": "null"}"#, #"{"n": 3, "j": {"a": [1]}}"#]
            let target = Database(connectionString: database.connectionString)
            let report = await Reconciler(stream: stream, source: Numbered(lines: lines), database: target).reconcile()
            #expect(report.state == .done, "\(report.failures)\(report.streamFailures)")
            #expect(
                try await database.column("SELECT j::text FROM t ORDER BY n") == [
                    #""123""#, #""null""#, #"{"a": [1]}"#,
                ])
            try await database.execute("RESET ROLE; SET ROLE NONE; DROP OWNED BY \(role); DROP ROLE \(role)")
        }
    }
}
