import Foundation
import TestSupport
import Testing

@Suite("A role has no more rights than its work needs")
struct RoleTests {
    private static let config =
        Program.source
            + """
            streams:
              numbers: {source: numbers, table: public.numbers, key: {column: n, type: integer}, expect: {from: 1}, batch: 10}
              named:
                source: ids
                table: public.named
                key: {column: id, type: text}
                expect: {query: SELECT id FROM public.wanted}
            """.replacing("streams:", with: "  ids: {type: command, command: [./ids, \"{keys}\"]}\nstreams:")

    private static let tables = """
        CREATE TABLE public.wanted (id text);
        CREATE TABLE public.named (id text PRIMARY KEY);
        CREATE TABLE public.numbers (n bigint PRIMARY KEY, v text);
        INSERT INTO public.wanted VALUES ('a');
        """

    /// An installation with three roles that may do nothing yet; none of them is a superuser.
    private struct Roles {
        let installation: Installation
        let suffix = String(UInt64.random(in: 0 ... .max), radix: 36)

        func name(_ role: String) -> String { "\(role)_\(suffix)" }

        /// Runs a file of `sql/roles` by psql, as `owner`; the test's own user without one.
        func grant(_ file: String, to role: String, as owner: String? = nil) async throws {
            let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("sql/roles")
            let result = try await Command.run([
                "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "role=\(name(role))", "-d", connection(owner),
                "-f", folder.appendingPathComponent("\(file).sql").path,
            ])
            #expect(result.status == 0 && result.output.isEmpty, "\(file): \(result.output)")
        }

        func connection(_ role: String?) -> String {
            let database = installation.database.connectionString
            return role.map { TestDatabase.adding("user", name($0), to: database) } ?? database
        }

        func lacuna(_ role: String, _ arguments: String...) async throws -> LacunaProcess.Result {
            try await installation.start(arguments + ["--database", connection(role)]).wait()
        }
    }

    private func withRoles(_ body: (Roles) async throws -> Void) async throws {
        try await Installation.with(
            Self.tables, config: Self.config,
            files: ["numbers": Program.numbers(tip: 30), "ids": "#!/bin/sh\necho \"{\\\"id\\\": \\\"$1\\\"}\"\n"],
            isInitialised: false
        ) { installation in
            let roles = Roles(installation: installation)
            let names = ["own", "run", "read"].map(roles.name)
            let database = installation.database
            for name in names { try await database.execute("CREATE ROLE \(name) LOGIN") }
            let failure: (any Error)?
            do {
                try await body(roles)
                failure = nil
            } catch {
                failure = error
            }
            for name in names { try await database.execute("DROP OWNED BY \(name) CASCADE; DROP ROLE \(name)") }
            if let failure { throw failure }
        }
    }

    private func expect(
        _ result: LacunaProcess.Result, _ status: Int32, says text: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == status, "\(result.output)\(result.errors)", sourceLocation: sourceLocation)
        let said = result.output + result.errors
        #expect(text.isEmpty || said.contains(text), "\(said)", sourceLocation: sourceLocation)
    }

    @Test("Each command works for the roles that are to run it, and says to the others what has to be granted")
    func commands() async throws {
        try await withRoles { roles in
            let database = roles.installation.database
            // Owning.
            expect(try await roles.lacuna("own", "init"), 1, says: "sql/roles/grant_own.sql")
            try await roles.grant("grant_own", to: "own")
            try await database.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(roles.name("own"))")
            expect(try await roles.lacuna("own", "init"), 0, says: "the lacuna schema is installed")
            expect(try await roles.lacuna("own", "init"), 0, says: "is up to date")

            // Running.
            try await database.execute(
                """
                GRANT SELECT, INSERT, UPDATE ON public.numbers, public.named TO \(roles.name("run"));
                GRANT SELECT ON public.wanted TO \(roles.name("run"));
                GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(roles.name("read"));
                """)
            for command in ["reconcile", "catchup", "status", "gaps"] {
                expect(try await roles.lacuna("run", command), 1, says: "sql/roles/grant_read.sql")
            }
            expect(try await roles.lacuna("run", "doctor"), 1, says: "sql/roles/grant_read.sql")
            try await roles.grant("grant_run", to: "run", as: "own")
            for arguments in [
                ["doctor"], ["gaps"], ["reconcile"], ["catchup"], ["reconcile"],
                ["mark", "numbers", "--from", "3", "--to", "4"],
                ["reconcile"], ["mark", "named", "--all"], ["reconcile"], ["rewind", "numbers", "--latest", "20"],
                ["status"],
                ["init"],
            ] {
                let result = try await roles.installation.start(
                    arguments + ["--database", roles.connection("run")]
                ).wait()
                #expect(result.status == 0, "\(arguments): \(result.output)\(result.errors)")
            }
            #expect(try await database.number("SELECT count(*) FROM public.numbers") == 30)
            #expect(try await database.number("SELECT count(*) FROM public.named") == 1)

            // Reading.
            try await roles.grant("grant_read", to: "read", as: "own")
            for command in ["gaps", "status", "doctor"] {
                expect(try await roles.lacuna("read", command), 0)
            }
            expect(try await roles.lacuna("read", "doctor"), 0, says: "sql/roles/grant_run.sql")
            expect(try await roles.lacuna("read", "gaps", "--report", "--explain"), 0, says: "100 %")
            expect(try await roles.lacuna("read", "reconcile", "--dry-run"), 0)
            // It cannot leave a row in the journal, which is no failure where there is nothing to do.
            let runs = try await database.number("SELECT count(*) FROM lacuna.run")
            let idle = try await roles.lacuna("read", "reconcile", "numbers")
            expect(idle, 0, says: "numbers: nothing to do")
            #expect(idle.errors.isEmpty, "\(idle.errors)")
            #expect(try await database.number("SELECT count(*) FROM lacuna.run") == runs)
            try await database.execute("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO \(roles.name("read"))")
            try await database.execute("DELETE FROM public.numbers WHERE n > 25")
            let before = try await roles.installation.image()
            for arguments in [
                ["reconcile"], ["catchup"], ["mark", "numbers", "--all"], ["mark", "named", "--all"],
                ["rewind", "numbers", "--forget"],
            ] {
                let result = try await roles.installation.start(
                    arguments + ["--database", roles.connection("read")]
                ).wait()
                #expect(result.status == 1, "\(arguments)")
                #expect(result.errors.contains("sql/roles/grant_run.sql"), "\(arguments): \(result.errors)")
            }
            #expect(try await roles.installation.image() == before)
        }
    }

    @Test("Who runs cannot change the schema, nor who reads anything at all")
    func limits() async throws {
        try await withRoles { roles in
            try await roles.grant("grant_own", to: "own")
            try await roles.installation.database.execute(
                "GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(roles.name("own"))")
            expect(try await roles.lacuna("own", "init"), 0)
            try await roles.grant("grant_run", to: "run", as: "own")
            try await roles.grant("grant_read", to: "read", as: "own")
            let forbidden = [
                "CREATE TABLE lacuna.x ()", "DROP TABLE lacuna.cursor", "ALTER TABLE lacuna.run ADD COLUMN x text",
                "DROP SCHEMA lacuna CASCADE", "CREATE FUNCTION lacuna.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "INSERT INTO lacuna.migration (number, name) VALUES (99, 'x')", "TRUNCATE lacuna.batch",
                "CREATE OR REPLACE VIEW lacuna.coverage AS SELECT 1", "GRANT SELECT ON lacuna.cursor TO PUBLIC",
            ]
            let writing = [
                "INSERT INTO lacuna.cursor VALUES ('s', '{}', 1, 2)", "DELETE FROM lacuna.run",
                "UPDATE lacuna.stream SET step = 2", "SELECT lacuna.extend_latest('s', '{}', 5)",
                "SELECT pg_catalog.nextval('lacuna.run_id_seq')",
            ]
            for (role, statements) in [("run", forbidden), ("read", forbidden + writing)] {
                for statement in statements {
                    let result = try await Command.run(["psql", "-X", "-d", roles.connection(role), "-c", statement])
                    let isRefused =
                        result.output.contains("permission denied") || result.output.contains("must be owner")
                        || result.output.contains("no privileges were granted")
                    #expect(isRefused, "\(role): \(statement): \(result.output)")
                }
            }
            for role in ["run", "read"] {
                expect(try await roles.lacuna(role, "init"), 0)
                let view = ["psql", "-X", "-d", roles.connection(role), "-c", "TABLE lacuna.coverage"]
                #expect(try await Command.run(view).status == 0)
            }
            // A right that is missing is named where the server finds it missing.
            expect(try await roles.lacuna("read", "gaps", "numbers"), 1, says: "permission denied for table numbers")
            expect(try await roles.lacuna("run", "reconcile", "numbers"), 1, says: "grant")
        }
    }

    @Test("Who reads sees what others run, if not for how long")
    func activity() async throws {
        try await withRoles { roles in
            try await roles.grant("grant_own", to: "own")
            try await roles.installation.database.execute(
                """
                GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(roles.name("own")), \(roles.name("read"));
                GRANT SELECT, INSERT, UPDATE ON public.numbers TO \(roles.name("run"));
                """)
            expect(try await roles.lacuna("own", "init"), 0)
            try await roles.grant("grant_run", to: "run", as: "own")
            try await roles.grant("grant_read", to: "read", as: "own")
            try roles.installation.directory.write(
                Program.numbers(pause: "60", tip: 30), to: "numbers", executable: true)
            let running = try roles.installation.start(["reconcile", "numbers", "--database", roles.connection("run")])
            try await roles.installation.waitUntil("a batch is being fetched") {
                !roles.installation.lines(of: "requests").isEmpty
            }
            expect(try await roles.lacuna("read", "status", "numbers"), 0, says: "running now")
            running.send(signal: SIGINT)
            running.send(signal: SIGINT)
            _ = try await running.wait()
            try await roles.installation.waitUntilBackendsAreGone()
        }
    }
}
