import Foundation
import TestSupport
import Testing

@Suite("Deferred triggers and constraints of the user's")
struct DeferredTriggerTests {
    /// Each row is noted by a trigger that waits for the end of the transaction and names its table without a schema.
    private static let schema = """
        CREATE TABLE numbers (n bigint PRIMARY KEY, v text, next bigint);
        INSERT INTO numbers VALUES (9, 'v9');
        CREATE TABLE noted (n bigint, path text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO noted VALUES (NEW.n, current_setting('search_path'));
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER note AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TABLE finished (n bigint);
        CREATE CONSTRAINT TRIGGER note AFTER INSERT ON finished DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION note();
        """

    private static func config(_ more: String = "") -> String {
        """
        sources: {numbers: {type: command, command: [./numbers, "{window.first}", "{window.last}"], tip: [./numbers, tip]}}
        streams:
          numbers: {source: numbers, table: numbers, key: {column: n, type: integer}, expect: {from: 0}, batch: 5\(more)}

        """
    }

    private static let files = [
        "numbers": #"""
        #!/bin/sh
        [ "$1" = tip ] && { echo 19; exit; }
        awk -v first="$1" -v last="$2" 'BEGIN { for (n = first; n <= last; n++)
            printf "{\"n\": %d, \"v\": \"v%d\", \"next\": %d}\n", n, n, (n < 19 ? n + 1 : 0) }'
        """#,
        "load.sql": "INSERT INTO numbers SELECT (doc ->> 'n')::bigint, doc ->> 'v' FROM batch ON CONFLICT DO NOTHING",
        "after.sql": "INSERT INTO finished VALUES (-1)",
    ]

    @Test(
        "run with the user's search path, in a reconcile and in a catchup, whatever loads the rows",
        arguments: ["", ", load: [load.sql], after: [after.sql]", ", leases: false"])
    func searchPath(more: String) async throws {
        try await Installation.with(Self.schema, config: Self.config(more), files: Self.files) { installation in
            let database = installation.database
            for command in ["reconcile", "catchup"] {
                let result = try await installation.lacuna(command)
                #expect(result.status == 0, "\(command): \(result.output)\(result.errors)")
            }
            #expect(try await database.number("SELECT count(*) FROM numbers") == 20)
            // The row that was there before is older than the trigger.
            #expect(
                try await database.column("SELECT n::text FROM noted WHERE n >= 0 ORDER BY n::int")
                    == (0..<20).filter { $0 != 9 }.map(String.init))
            #expect(
                try await database.number("SELECT count(*) FROM noted WHERE n = -1") == (more.contains("after") ? 2 : 0)
            )
            #expect(try await database.column("SELECT DISTINCT path FROM noted") == ["\"$user\", public"])
            #expect(try await database.column("SELECT oldest || ' ' || latest FROM lacuna.cursor") == ["0 19"])
        }
    }

    @Test("A catchup may break a deferred constraint between its batches, and not at its end")
    func betweenBatches() async throws {
        let key = """
            ALTER TABLE numbers ADD FOREIGN KEY (next) REFERENCES numbers DEFERRABLE INITIALLY DEFERRED;
            INSERT INTO numbers SELECT n, 'v', NULL FROM generate_series(0, 8) AS n;
            """
        try await Installation.with(Self.schema + key, config: Self.config(), files: Self.files) { installation in
            let database = installation.database
            // The last number of each batch refers to the first of the one after it.
            let result = try await installation.lacuna("catchup")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(try await database.number("SELECT count(*) FROM numbers") == 20)

            // Without the row that 18 and the rest lead to.
            try await database.execute(
                "UPDATE numbers SET next = NULL WHERE n = 9; DELETE FROM numbers WHERE n > 9; DELETE FROM lacuna.cursor"
            )
            try await database.execute(
                """
                CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RETURN CASE WHEN NEW.n = 15 THEN NULL ELSE NEW END; END';
                CREATE TRIGGER leave_out BEFORE INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION leave_out()
                """)
            let broken = try await installation.lacuna("catchup")
            #expect(broken.status == 1, "\(broken.output)\(broken.errors)")
            #expect(broken.errors.contains("violates foreign key constraint"), "\(broken.errors)")
            #expect(try await database.number("SELECT count(*) FROM numbers") == 10)
            #expect(try await database.number("SELECT count(*) FROM lacuna.cursor") == 0)
        }
    }

    @Test("that refuse a batch leave nothing of it, and say why")
    func refusal() async throws {
        let refusing = """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM noted WHERE n = 3) THEN RAISE EXCEPTION 'three is too many'; END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION refuse();
            """
        try await Installation.with(Self.schema + refusing, config: Self.config(), files: Self.files) { installation in
            let database = installation.database
            let result = try await installation.lacuna("reconcile")
            #expect(result.status == 1)
            #expect(result.errors.contains("three is too many"), "\(result.errors)")
            #expect(
                try await database.column("SELECT n::text FROM numbers WHERE n IN (3, 5, 6, 7, 8) ORDER BY n") == [
                    "5", "6", "7", "8",
                ])
            #expect(try await installation.leftovers() == [])
        }
    }
}
