import Lacuna
import TestSupport
import Testing

/// Gives the same records whatever is asked for.
private struct Fixed: Source {
    let lines: [String]

    func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        for line in lines { try sink.append(json: line) }
        return FetchSummary()
    }

    func tip(_ request: TipRequest) async throws -> String? { "1" }
}

@Suite("An upsert")
struct UpsertTests {
    private func load(
        _ lines: [String], into table: String, of database: TestDatabase, primaryKey: [String] = []
    ) async throws -> RunReport {
        let session = try await database.connect()
        _ = try await SchemaInstaller.install(on: session)
        _ = try await session.script(table, name: "test")
        await session.close()
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
        stream.expect.from = .unit(1)
        stream.expect.to = .unit(1)
        stream.primaryKey = primaryKey
        let target = Database(connectionString: database.connectionString)
        let reconciler = Reconciler(stream: stream, source: Fixed(lines: lines), database: target)
        let first = await reconciler.reconcile()
        guard first.state == .done else { return first }
        _ = try await reconciler.mark(clear: false, RunOptions(), reason: "test")
        return await reconciler.reconcile()
    }

    @Test("writes no row that is equal, whatever its types")
    func equalRows() async throws {
        try await TestDatabase.with { database in
            let report = try await load(
                [#"{"n": 1, "j": {"a": [1, 2]}, "x": 1.50, "p": "(1,2)", "s": null, "arr": [1, 2]}"#],
                into: "CREATE TABLE t (n bigint PRIMARY KEY, j json, x numeric, p point, s text, arr int[])",
                of: database)
            #expect(report.state == .done)
            #expect(report.fetched == 1)
            #expect(report.inserted + report.updated == 0)
            #expect(
                try await database.value("SELECT j::text || x::text || p::text || arr::text FROM t")
                    == #"{"a": [1, 2]}1.50(1,2){1,2}"#)
        }
    }

    @Test("takes equal records with the same key as one")
    func equalDuplicates() async throws {
        try await TestDatabase.with { database in
            let line = #"{"n": 1, "v": "a"}"#
            let report = try await load(
                [line, line], into: "CREATE TABLE t (n bigint PRIMARY KEY, v text)", of: database)
            #expect(report.state == .done)
            #expect(try await database.column("SELECT v FROM t") == ["a"])
        }
    }

    @Test("names the key of records that come twice and differ")
    func conflictingDuplicates() async throws {
        try await TestDatabase.with { database in
            let report = try await load(
                [#"{"n": 1, "v": "a"}"#, #"{"n": 1, "v": "b"}"#],
                into: "CREATE TABLE t (n bigint PRIMARY KEY, v text)", of: database)
            #expect(report.state == .failed)
            #expect(report.failures.first?.message.contains("same primary key (n) = (1) differ") == true)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
            #expect(try await database.number("SELECT count(*) FROM lacuna.cursor") == 0)
        }
    }

    @Test("falls back to a plain statement where the server refuses the usual one")
    func refused() async throws {
        try await TestDatabase.with { database in
            let report = try await load(
                [#"{"n": 1, "v": "a"}"#],
                into: """
                    CREATE TABLE t (n bigint PRIMARY KEY, v text);
                    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN
                        IF current_query() LIKE '%AS is_new%' THEN
                            RAISE EXCEPTION 'not here' USING ERRCODE = 'feature_not_supported';
                        END IF;
                        RETURN NEW;
                    END $$;
                    CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse();
                    """, of: database)
            #expect(report.state == .done)
            #expect(try await database.column("SELECT v FROM t") == ["a"])
        }
    }

    @Test("works on a partitioned table, and tells new rows from changed ones")
    func partitioned() async throws {
        try await TestDatabase.with { database in
            let again = try await load(
                [#"{"n": 1, "v": "a"}"#],
                into: """
                    CREATE TABLE t (n bigint PRIMARY KEY, v text) PARTITION BY RANGE (n);
                    CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
                    """, of: database)
            #expect(again.state == .done)
            #expect(again.inserted + again.updated == 0)
            #expect(
                try await database.column("SELECT rows_inserted || ' ' || rows_updated FROM lacuna.batch ORDER BY run")
                    == ["1 0", "0 0"])
            #expect(try await database.column("SELECT v FROM t") == ["a"])
        }
    }

    @Test("leaves generated columns to the table and columns without a field as they are")
    func otherColumns() async throws {
        try await TestDatabase.with { database in
            let report = try await load(
                [#"{"n": 1, "twice": 7, "id": 9, "extra": true}"#],
                into: """
                    CREATE TABLE t (n bigint PRIMARY KEY, twice bigint GENERATED ALWAYS AS (n * 2) STORED,
                        id bigint GENERATED ALWAYS AS IDENTITY, note text DEFAULT 'kept')
                    """, of: database)
            #expect(report.state == .done)
            #expect(try await database.value("SELECT twice || ' ' || note FROM t") == "2 kept")
        }
    }
}
