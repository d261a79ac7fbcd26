import Foundation
import TestSupport
import Testing

@Suite("Tracked changes")
struct ChangeTrackingTests {
    static let table = """
        CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
        INSERT INTO numbers SELECT i, 'v' || i FROM generate_series(0, 20) AS i;
        """

    private static func with(
        track: Bool = true, _ body: (Installation) async throws -> Void
    ) async throws {
        try await Installation.with(
            Self.table, config: Program.source + Program.stream(batch: 10, more: ", track_changes: \(track)"),
            files: ["numbers": Program.numbers()], body)
    }

    @Test("are what a repeated scan reads again, and a run that finds nothing to do writes nothing")
    func readAgain() async throws {
        try await Self.with { (installation: Installation) async throws -> Void in
            let database = installation.database
            let first = try await installation.lacuna("gaps", "--explain")
            #expect(first.output.hasSuffix("; whole, as there is no summary yet\n"), "\(first.output)")
            #expect(try await database.number("SELECT count(*) FROM lacuna.summary") == 0)
            #expect(try await installation.lacuna("reconcile").status == 0)
            let before = try await installation.image()
            let second = try await installation.lacuna("gaps", "--explain")
            #expect(second.output.contains(": 0 units read again; "), "\(second.output)")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(
                try await installation.lacuna("gaps", "--format", "json", "--explain").output.contains("changes_since"))
            #expect(try await installation.image() == before)

            try await database.execute("DELETE FROM numbers WHERE n IN (3, 4, 9)")
            let third = try await installation.lacuna("gaps", "--explain", "--exit-code")
            #expect(
                third.output.hasPrefix("numbers  3–4  2 units\nnumbers  9  1 unit\nchanges since "), "\(third.output)")
            #expect(third.output.contains(": 3 units read again; "))
            #expect(third.status == 2)
            #expect(
                try await installation.lacuna("gaps", "--scan", "window", "--explain").output.contains("scan by window")
            )
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await database.number("SELECT count(*) FROM numbers") == 21)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("are recorded for writers who may do nothing in the lacuna schema, and used for readers who may read it")
    func roles() async throws {
        try await Self.with { (installation: Installation) async throws -> Void in
            let database = installation.database
            let role = database.name + "_role"
            #expect(try await installation.lacuna("reconcile").status == 0)
            try await database.execute(
                """
                CREATE ROLE \(role) LOGIN;
                GRANT SELECT, INSERT, DELETE ON numbers TO \(role);
                SET ROLE \(role);
                DELETE FROM numbers WHERE n IN (5, 6);
                INSERT INTO numbers VALUES (6, 'v6');
                """)
            let address = TestDatabase.adding("user", role, to: database.connectionString)
            try await database.execute(
                "GRANT USAGE ON SCHEMA lacuna TO \(role); GRANT SELECT ON ALL TABLES IN SCHEMA lacuna TO \(role)")
            let reader = try await installation.lacuna("gaps", "--explain", database: address)
            #expect(reader.output.hasPrefix("numbers  5  1 unit\nchanges since "), "\(reader.output)\(reader.errors)")
            try await database.execute("DROP OWNED BY \(role); DROP ROLE \(role)")
        }
    }

    @Test("need triggers that lacuna init puts there, holds against what should be there, and takes away")
    func installation() async throws {
        let triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'numbers'::regclass AND tgname LIKE 'lacuna%'"
        try await Self.with(track: false) { (installation: Installation) async throws -> Void in
            let database = installation.database
            #expect(try await database.number(triggers) == 0)
            try installation.configure(Program.source + Program.stream(batch: 10, more: ", track_changes: true"))
            let without = try await installation.lacuna("gaps", "--explain")
            #expect(without.output.contains("whole, as its triggers are not installed: run `lacuna init`"))
            #expect(try await installation.lacuna("doctor").output.contains("changes are not tracked"))
            let created = try await installation.lacuna("init")
            #expect(created.output.hasSuffix("stream numbers is registered\nchanges of stream numbers are tracked\n"))
            #expect(try await database.number(triggers) == 5)
            #expect(try await installation.lacuna("doctor").output.contains("changes are tracked"))
            let before = try await installation.image()
            #expect(try await installation.lacuna("init").status == 0)
            #expect(try await installation.image() == before)

            try await database.execute("DROP TRIGGER lacuna_change_1_delete ON numbers")
            #expect(
                try await installation.lacuna("doctor").output.contains("does not have its triggers as they should be"))
            #expect(try await installation.lacuna("init").status == 0)
            #expect(try await database.number(triggers) == 5)

            try installation.configure(Program.source + Program.stream(batch: 10))
            #expect(try await installation.lacuna("doctor").output.contains("still has triggers"))
            let removed = try await installation.lacuna("init")
            #expect(removed.output.hasSuffix("changes of stream numbers are not tracked any more\n"))
            #expect(try await database.number(triggers) == 0)
            #expect(try await database.number("SELECT count(*) FROM lacuna.tracking") == 0)

            try installation.configure(Program.source + Program.stream(batch: 10, more: ", track_changes: true"))
            #expect(try await installation.lacuna("init").status == 0)
            try await database.execute("DROP SCHEMA lacuna CASCADE; DELETE FROM numbers WHERE n = 2")
            #expect(try await database.number(triggers) == 0)
            #expect(try await installation.lacuna("gaps").output == "numbers  2  1 unit\n")
        }
    }
}
