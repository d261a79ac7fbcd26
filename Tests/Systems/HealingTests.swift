import Foundation
import Testing
import TestSupport

@Suite("A history is healed from its source")
struct HealingTests {
    @Test("Gaps are found, reconciled and caught up, and a second run writes nothing")
    func heals() async throws {
        try await TestDatabase.with { database in
            try await TestDirectory.with { directory in
                try await database.execute(
                    """
                    CREATE TABLE blocks (height bigint PRIMARY KEY, hash text);
                    INSERT INTO blocks SELECT n, 'h' || n FROM generate_series(1, 1000) AS n
                    WHERE n NOT BETWEEN 200 AND 299 AND n <> 500;
                    """)
                try directory.write(
                    "height,hash\n" + (1...1200).map { "\($0),h\($0)\n" }.joined(), to: "blocks.csv")
                try directory.write(
                    """
                    version: 1
                    database: ${env:TEST_DATABASE}
                    sources: {archive: {type: file, path: blocks.csv}}
                    streams:
                      blocks: {source: archive, table: blocks, key: {column: height, type: integer}, batch: 64}
                    """, to: "lacuna.yaml")
                let environment = ["TEST_DATABASE": database.connectionString]
                func lacuna(_ arguments: String...) async throws -> LacunaProcess.Result {
                    try await LacunaProcess(arguments, in: directory.url, environment: environment).wait()
                }

                #expect(try await lacuna("init").status == 0)
                let gaps = try await lacuna("gaps", "--exit-code")
                #expect(gaps.output == "blocks  200–299  100 units\nblocks  500  1 unit\n")
                #expect(gaps.status == 2)
                #expect(try await lacuna("reconcile").status == 0)
                #expect(try await database.number("SELECT count(*) FROM blocks") == 1000)
                #expect(try await lacuna("catchup").status == 0)
                #expect(try await database.number("SELECT count(*) FROM blocks WHERE hash = 'h' || height") == 1200)
                #expect(try await lacuna("gaps", "--exit-code").status == 0)

                let versions = """
                    SELECT xmin::text FROM blocks UNION ALL SELECT xmin::text FROM lacuna.cursor
                    UNION ALL SELECT xmin::text FROM lacuna.batch UNION ALL SELECT xmin::text FROM lacuna.verified_empty
                    """
                let before = try await database.column(versions)
                let again = try await lacuna("reconcile")
                #expect(again.output == "blocks: nothing to do\n")
                #expect(try await lacuna("catchup").output == "blocks: nothing to catch up\n")
                #expect(try await database.column(versions) == before)
                #expect(
                    try await database.column(
                        "SELECT concat_ws(' ', mode, state, planned, committed) FROM lacuna.run ORDER BY id")
                        == ["reconcile done 3 3", "catchup done 4 4", "reconcile done 0 0", "catchup done 0 0"])
            }
        }
    }

    @Test("A table's own triggers find their tables, in a window without rows and in one with some")
    func triggers() async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
            CREATE TABLE audit (n bigint);
            CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO audit VALUES (NEW.n); RETURN NULL; END';
            INSERT INTO numbers VALUES (5, 'v5'), (20, 'v20');
            CREATE TRIGGER audit AFTER INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION audit();
            """, config: Program.source + Program.stream(batch: 10, more: ", coalesce: 9"),
            files: ["numbers": Program.numbers()]
        ) { installation in
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 0, "\(result.errors)")
            #expect(try await installation.database.number("SELECT count(DISTINCT n) FROM audit") == 19)
        }
    }
}
