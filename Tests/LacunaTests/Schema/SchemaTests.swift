import Foundation
import Lacuna
import Postgres
import SQLStatements
import TestSupport
import Testing

@Suite("The lacuna schema")
struct SchemaTests {
    private static let objects =
        """
        SELECT c.oid || ' ' || c.relname || ' ' || c.xmin FROM pg_class AS c WHERE c.relnamespace = 'lacuna'::regnamespace
        UNION ALL SELECT p.oid || ' ' || p.proname || ' ' || p.xmin FROM pg_proc AS p
        WHERE p.pronamespace = 'lacuna'::regnamespace
        UNION ALL SELECT number || ' ' || applied_at || ' ' || xmin FROM lacuna.migration ORDER BY 1
        """

    @Test("is not changed by being installed again")
    func twice() async throws {
        try await ScannedTable.with("") { table in
            #expect(try await SchemaInstaller.install(on: table.session) == Migration.all.map(\.name))
            let before = try await table.database.column(SchemaTests.objects)
            #expect(try await SchemaInstaller.install(on: table.session).isEmpty)
            #expect(try await table.database.column(SchemaTests.objects) == before)
            #expect(before.count > 10)
        }
    }

    @Test("is installed once by many at a time")
    func concurrent() async throws {
        try await TestDatabase.with { database in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let session = try await database.connect()
                        let names = try await SchemaInstaller.install(on: session)
                        await session.close()
                        return names
                    }
                }
                return try await group.reduce(into: [String]()) { $0 += $1 }
            }
            #expect(applied == Migration.all.map(\.name))
        }
    }

    @Test("counts its migrations from one without holes, as the files are named")
    func numbers() throws {
        #expect(Migration.all.map(\.number) == Array(1...Migration.all.count))
        let folder = StatementFile.folder.deletingLastPathComponent().appendingPathComponent("migrations")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let names = Migration.all.map { migration in
            let digits = String(migration.number)
            return String(repeating: "0", count: 4 - digits.count) + digits + "_\(migration.name).sql"
        }
        #expect(files == names)
    }

    @Test("has no table of streams that renaming or forgetting one would leave out")
    func streamTables() async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            await session.close()
            let tables = try await database.column(
                """
                SELECT c.relname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
                WHERE c.relnamespace = 'lacuna'::regnamespace AND c.relkind = 'r' AND a.attname = 'stream' ORDER BY 1
                """)
            #expect(tables.count >= 10 && tables.contains("verified_empty"))
            func text(_ statement: String) throws -> String {
                try String(contentsOf: StatementFile.folder.appendingPathComponent("\(statement).sql"), encoding: .utf8)
            }
            let (renaming, forgetting) = (try text("rename_stream"), try text("forget_stream"))
            for table in tables {
                #expect(renaming.contains("UPDATE lacuna.\(table) "), "\(table)")
                // The journal of what was committed stays. Tracking is taken off together with its triggers.
                guard !["run", "tracking"].contains(table) else { continue }
                #expect(forgetting.contains("DELETE FROM lacuna.\(table) "), "\(table)")
            }
        }
    }

    @Test("is found whatever a hostile search path holds")
    func hostileSearchPath() async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE public.t (k int); INSERT INTO public.t VALUES (0), (2);
            CREATE SCHEMA evil;
            CREATE FUNCTION evil.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint';
            CREATE FUNCTION evil.hashtextextended(text, int) RETURNS bigint LANGUAGE sql AS 'SELECT 1/0';
            CREATE FUNCTION evil.floor(numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 666::numeric';
            CREATE FUNCTION evil.jsonb_object(text[], text[]) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"evil": 1}'::jsonb$$;
            CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT timestamptz '1999-01-01'$$;
            CREATE FUNCTION evil.to_regclass(text) RETURNS regclass LANGUAGE sql AS $$SELECT NULL::regclass$$;
            CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$SELECT 'evil'$$;
            CREATE TABLE evil.pg_class (oid oid, relname name, relkind "char", relnamespace oid, reltuples real);
            CREATE TABLE evil.t (k int);
            """
        ) { table in
            _ = try await SchemaInstaller.install(on: table.session)
            try await table.run("SET search_path = evil, pg_catalog, public")
            let stream = try await table.stream("public.t", type: .integer(step: 1))
            #expect(stream.table.schema == "public")
            #expect(try await SchemaInstaller.install(on: table.session).isEmpty)
            try await StreamRegistry.register(stream, on: table.session)
            try await table.run("SELECT lacuna.update_min('scanned', 0), lacuna.update_max('scanned', 2)")
            let survey = try await Surveyor().survey(stream, on: table.session)
            let coverage = try #require(survey.coverage(of: .whole))
            #expect(coverage.gaps.ranges == [1..<2])
            #expect(coverage.oldest == 0 && coverage.latest == 2)
            #expect(try await table.database.column("SELECT partition::text FROM lacuna.cursor") == ["{}"])
        }
    }
}
