import Foundation
import TestSupport
import Testing

@Suite("A search path that traps")
struct SearchPathTests {
    private static let tables = """
        CREATE TABLE public.t (n bigint PRIMARY KEY, v text, day date, j jsonb, at timestamptz, u uuid);
        CREATE TABLE public.parted (region text, day date, v text, PRIMARY KEY (region, day));
        CREATE TABLE public.wanted (id text);
        CREATE TABLE public.named (id text PRIMARY KEY, v text);
        CREATE TABLE public.seen (n bigint, path text);
        INSERT INTO public.wanted VALUES ('a'), ('b');
        INSERT INTO public.parted VALUES ('x', '2024-01-03', 'here');
        """

    private static func config(leases: Bool) -> String {
        """
        defaults: {leases: \(leases)}
        sources:
          numbers: {type: command, command: [./fetch, "{window.first}", "{window.last}"], tip: [./fetch, tip]}
          days: {type: command, command: [./days, "{window.first}", "{window.last}"], tip: [./days, tip]}
          ids: {type: command, command: [./ids, "{keys}"]}
        streams:
          t: {source: numbers, table: t, key: {column: n, type: integer}, expect: {from: 1}, batch: 4}
          scripted:
            source: numbers
            table: public.seen
            key: {column: n, type: integer}
            expect: {from: 1, to: 3}
            load: [seen.sql]
            after: [after.sql]
          parted:
            source: days
            table: public.parted
            key: {column: day, type: date}
            partitions: {region: [x]}
            expect: {from: 2024-01-01}
            batch: 1
          named: {source: ids, table: public.named, key: {column: id, type: text}, expect: {query: SELECT id FROM public.wanted}}
        """
    }

    private static let files = [
        "fetch": #"""
        #!/bin/sh
        [ "$1" = tip ] && { echo 12; exit; }
        n=$1; while [ $n -le $2 ]; do
            echo "{\"n\": $n, \"v\": \"v$n\", \"day\": \"2024-01-01\", \"j\": [1], \"at\": \"2024-01-01\", \"u\": null}"
            n=$((n+1))
        done
        """#,
        "days": #"""
        #!/bin/sh
        [ "$1" = tip ] && { echo 2024-01-05; exit; }
        echo "{\"region\": \"x\", \"day\": \"$1\", \"v\": \"new\"}"
        """#,
        "ids": #"""
        #!/bin/sh
        echo "{\"id\": \"$1\", \"v\": \"v\"}"
        """#,
        "seen.sql": """
        INSERT INTO public.seen
        SELECT (doc OPERATOR(pg_catalog.->>) 'n')::pg_catalog.int8, pg_catalog.current_setting('search_path') FROM batch
        """,
        "after.sql": """
        INSERT INTO public.seen VALUES (0, pg_catalog.current_setting('search_path'))
        """,
    ]

    @Test(
        "of the database or the role catches no statement, and the user's own scripts keep it",
        .timeLimit(.minutes(30)),
        arguments: ["ALTER DATABASE %", "ALTER ROLE CURRENT_USER IN DATABASE %"], [true, false])
    func trapped(alter: String, leases: Bool) async throws {
        try await Installation.with(
            Self.tables + HostileSchema.script, config: Self.config(leases: leases), files: Self.files,
            isInitialised: false
        ) { installation in
            let database = installation.database
            let path = "evil, pg_catalog, public"
            try await database.execute("\(alter.replacing("%", with: database.name)) SET search_path = \(path)")
            // The trap is set: whoever resolves by this path is caught.
            await #expect(throws: (any Error).self) { try await database.execute("SELECT 1 = 1") }
            for arguments in [
                ["init"], ["doctor"], ["gaps", "--report"], ["gaps", "--explain", "--scan", "window"],
                [
                    "gaps", "--database", database.connectionString, "--table", "public.parted", "--column", "day",
                    "--by", "region",
                ], ["reconcile", "--dry-run"],
                ["reconcile"], ["catchup"], ["mark", "t", "--from", "2", "--to", "3"], ["reconcile"],
                ["mark", "named", "--all"],
                ["reconcile"], ["mark", "parted", "--all"], ["mark", "parted", "--all", "--clear"],
                ["rewind", "t", "--latest", "6"], ["status"], ["init"],
            ] {
                let result = try await installation.start(arguments).wait()
                #expect(result.status == 0, "\(arguments): \(result.output)\(result.errors)")
                #expect(!result.errors.contains("trapped") && !result.output.contains("trapped"))
            }
            #expect(try await database.value("SELECT pg_catalog.count(*)::pg_catalog.text FROM public.t") == "12")
            #expect(
                try await database.column("SELECT v FROM public.parted ORDER BY day") == [
                    "new", "new", "here", "new", "new",
                ])
            #expect(try await database.column("SELECT id FROM public.named ORDER BY id") == ["a", "b"])
            #expect(try await database.column("SELECT DISTINCT path FROM public.seen") == [path])
            #expect(
                try await database.column("SELECT n::pg_catalog.text FROM public.seen ORDER BY n") == [
                    "0", "1", "2", "3",
                ])
        }
    }
}
