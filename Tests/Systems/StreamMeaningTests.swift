import Foundation
import TestSupport
import Testing

@Suite("A stream is held to what it was registered for")
struct StreamMeaningTests {
    private static let schema = """
        CREATE TABLE games (day date, league text, venue text, made date, PRIMARY KEY (day, league, venue));
        CREATE TABLE others (LIKE games INCLUDING ALL);
        INSERT INTO games VALUES ('2024-01-05', 'a', 'x', '2024-01-05'), ('2024-01-05', 'b', 'x', '2024-01-05');
        INSERT INTO others SELECT * FROM games;
        """

    private static let program = #"""
        #!/bin/sh
        echo "$1 $2 $3" >> requests
        [ "$1" = 2024-01-03 ] || echo "{\"day\": \"$1\", \"league\": \"$2\", \"venue\": \"${3:-x}\", \"made\": \"$1\"}"
        """#

    private static func config(
        table: String = "games", key: String = "day", partitions: String = "{league: [a, b], venue: [x]}",
        type: String = "date"
    ) -> String {
        """
        sources: {api: {type: command, command: [./fetch, "{window.first}", a, x]}}
        streams:
          games: {source: api, table: \(table), key: {column: \(key), type: \(type)}, partitions: \(partitions), batch: 1,
            expect: {from: 2024-01-01, to: 2024-01-05}}

        """.replacing(
            "a, x]}}",
            with: partitions.contains("venue")
                ? #""{partition.league}", "{partition.venue}"]}}"# : #""{partition.league}"]}}"#)
    }

    private static let known =
        "SELECT relation || ' ' || key_column || ' ' || partition_columns::text FROM lacuna.stream"
    private static let evidence = """
        SELECT stream || partition || oldest || ' ' || latest FROM lacuna.cursor UNION ALL
        SELECT stream || partition || lower || ' ' || upper FROM lacuna.verified_empty ORDER BY 1
        """

    @Test(
        "Another table, key or partition column under the same name is refused by every command, and forgotten on demand",
        arguments: [
            (
                config(table: "others"),
                "was registered with table public.games, but the config now declares table public.others"
            ),
            (
                config(key: "made"),
                "was registered with the key column day, but the config now declares the key column made"
            ),
            (
                config(partitions: "{league: [a, b]}"),
                "was registered with the partition columns league, venue, but the config now declares the partition columns league:"
            ),
            (
                config(partitions: "{venue: [x], league: [a, b]}"),
                "but the config now declares the partition columns venue, league"
            ),
        ])
    func changed(config: String, says: String) async throws {
        try await Installation.with(
            Self.schema, config: Self.config(), files: ["fetch": Self.program]
        ) { installation in
            let database = installation.database
            let first = try await installation.lacuna("reconcile")
            #expect(first.status == 0, "\(first.output)\(first.errors)")
            #expect(try await database.number("SELECT count(*) FROM games") == 8)
            #expect(try await database.column(Self.evidence).count == 4)
            let known = try await database.column(Self.known)
            let before = try await installation.image()

            try installation.configure(config)
            for arguments in [
                ["reconcile"], ["catchup"], ["gaps"], ["gaps", "--report"], ["status"], ["doctor"], ["init"],
                ["mark", "games", "--all"], ["rewind", "games", "--forget"], ["reconcile", "--dry-run"],
            ] {
                let result = try await installation.start(arguments).wait()
                #expect(result.status == 1, "\(arguments)")
                #expect(
                    (result.output + result.errors).contains(says), "\(arguments): \(result.output)\(result.errors)")
                #expect((result.output + result.errors).contains("lacuna forget games"), "\(arguments)")
            }
            #expect(try await database.column(Self.known) == known)
            #expect(try await installation.image() == before)

            let forgotten = try await installation.lacuna("forget", "games")
            #expect(forgotten.status == 0, "\(forgotten.errors)")
            #expect(
                forgotten.output
                    == "games: forgotten are the registration, the extents of 2 partitions, 2 verified-empty ranges; the rows stay\n"
            )
            #expect(try await database.column(Self.evidence).isEmpty)
            #expect(try await database.column(Self.known).isEmpty)
            #expect(try await database.number("SELECT count(*) FROM games") == 8)
            #expect(
                try await database.column("SELECT state || ' ' || note FROM lacuna.run WHERE mode = 'forget'")
                    == ["done the registration, the extents of 2 partitions, 2 verified-empty ranges"])
            #expect(try await installation.lacuna("init").status == 0)
            #expect(try await database.column(Self.known) != known)
            let status = try await installation.lacuna("status")
            #expect(status.status == 0 && status.output.contains("forget"), "\(status.output)\(status.errors)")
        }
    }

    @Test("A table that was renamed carries its extents and evidence over, and writes them under no other table's name")
    func renamed() async throws {
        try await Installation.with(
            Self.schema, config: Self.config(), files: ["fetch": Self.program]
        ) { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile").status == 0)
            let evidence = try await database.column(Self.evidence)
            try await database.execute(
                "CREATE SCHEMA archive; ALTER TABLE games SET SCHEMA archive; ALTER TABLE archive.games RENAME TO old")
            try installation.configure(Self.config(table: "archive.old"))
            let gaps = try await installation.lacuna("gaps", "--exit-code")
            #expect(gaps.status == 0, "\(gaps.output)\(gaps.errors)")
            #expect(try await installation.lacuna("reconcile").output == "games: nothing to do\n")
            #expect(try await installation.lacuna("init").status == 0)
            #expect(try await database.column(Self.known) == ["archive.old day {league,venue}"])
            #expect(try await database.column(Self.evidence) == evidence)
            // A number alone proves nothing where a table of the old name is there.
            try await database.execute("ALTER TABLE archive.old SET SCHEMA public; CREATE TABLE archive.old (day date)")
            try installation.configure(Self.config(table: "public.old"))
            #expect(try await installation.lacuna("reconcile").status == 1)
        }
    }

    @Test(
        "A registration without the table's number gets it with the next run, and a table that was made anew is known")
    func upgraded() async throws {
        try await Installation.with(
            Self.schema, config: Self.config(), files: ["fetch": Self.program]
        ) { installation in
            let database = installation.database
            let number = "SELECT (relation_oid = 'games'::regclass)::text FROM lacuna.stream"
            #expect(try await database.column(number) == ["true"])
            try await database.execute("UPDATE lacuna.stream SET relation_oid = NULL")
            #expect(try await installation.lacuna("gaps").status == 0)
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await database.column(number) == ["true"])
            try await database.execute(
                "CREATE TABLE new (LIKE games INCLUDING ALL); DROP TABLE games; ALTER TABLE new RENAME TO games")
            let again = try await installation.lacuna("reconcile")
            #expect(again.status == 0, "\(again.output)\(again.errors)")
            #expect(try await database.column(number) == ["true"])
        }
    }

    @Test("A stream that gets another name takes all that was learned of it and its journal along")
    func renamedStream() async throws {
        try await Installation.with(
            Self.schema, config: Self.config(), files: ["fetch": Self.program]
        ) { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.lacuna("mark", "games", "--all", "--reason", "x").status == 0)
            let evidence = try await database.column(Self.evidence)
            #expect(evidence.count == 4)
            let renamed = try await installation.lacuna("rename", "games", "matches")
            #expect(
                renamed.status == 0 && renamed.output == "games is matches from now on; the rows stay\n", "\(renamed)")
            #expect(
                try await database.column(Self.evidence) == evidence.map { $0.replacing("games{", with: "matches{") })
            for table in try await Self.streamTables(database) {
                #expect(
                    try await database.number("SELECT count(*) FROM lacuna.\(table) WHERE stream = 'games'") == 0,
                    "\(table)")
            }
            #expect(
                try await database.column("SELECT mode || ' ' || note FROM lacuna.run ORDER BY id DESC LIMIT 1")
                    == ["rename its name was games"])
            #expect(try await database.number("SELECT count(*) FROM lacuna.run WHERE stream = 'matches'") == 3)

            try installation.configure(Self.config().replacing("  games: {source", with: "  matches: {source"))
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 2)
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            // The four rows that others have stand for a history of their own.
            try await database.execute("INSERT INTO lacuna.cursor (stream, oldest, latest) VALUES ('games', 1, 2)")
            let refused = try await installation.lacuna("rename", "matches", "games")
            #expect(
                refused.status == 1 && refused.errors.contains("something is known of a stream games already"),
                "\(refused)")
            #expect(try await database.column("SELECT name FROM lacuna.stream") == ["matches"])
            let unknown = try await installation.lacuna("rename", "nothing", "more")
            #expect(unknown.status == 64 && unknown.errors.contains("registered are matches"), "\(unknown)")
            #expect(try await installation.lacuna("rename", "matches", "matches").status == 64)
        }
    }

    /// The tables that know of streams by name.
    private static func streamTables(_ database: TestDatabase) async throws -> [String] {
        try await database.column(
            """
            SELECT c.table_name FROM information_schema.columns AS c
            JOIN information_schema.tables AS t USING (table_schema, table_name)
            WHERE c.table_schema = 'lacuna' AND c.column_name = 'stream' AND t.table_type = 'BASE TABLE' ORDER BY 1
            """)
    }

    @Test("A schema of an older program is read by commands that look, and refused by those that write")
    func olderSchema() async throws {
        try await Installation.with(
            Self.schema, config: Self.config(), files: ["fetch": Self.program]
        ) { installation in
            let database = installation.database
            for undo in [
                "DELETE FROM lacuna.migration WHERE number = 14",
                """
                DROP TABLE lacuna.shared_turn, lacuna.shared_turn_taker;
                DELETE FROM lacuna.migration WHERE number = 13
                """,
                "DROP TABLE lacuna.verification; DELETE FROM lacuna.migration WHERE number = 12",
                """
                DROP VIEW lacuna.missing, lacuna.complete_through; DROP TABLE lacuna.gap, lacuna.survey_partition, lacuna.survey;
                ALTER TABLE lacuna.stream DROP COLUMN first_run; ALTER TABLE lacuna.refetch DROP COLUMN marked_by;
                ALTER TABLE lacuna.change DROP COLUMN changed_at; DELETE FROM lacuna.migration WHERE number = 11
                """,
                """
                ALTER TABLE lacuna.batch DROP COLUMN rows_deleted; ALTER TABLE lacuna.refetch DROP COLUMN replaces;
                DELETE FROM lacuna.migration WHERE number = 10
                """,
                "DROP TABLE lacuna.settled; DELETE FROM lacuna.migration WHERE number = 9",
                "DROP TABLE lacuna.accepted; DELETE FROM lacuna.migration WHERE number = 8",
                "ALTER TABLE lacuna.stream DROP COLUMN relation_oid; DELETE FROM lacuna.migration WHERE number = 7",
                "DROP TABLE lacuna.provisional; DELETE FROM lacuna.migration WHERE number = 6",
            ] {
                try await database.execute(undo)
                for look in [["gaps"], ["status"], ["why", "games", "2024-01-05"]] {
                    let looked = try await installation.start(look).wait()
                    #expect(looked.status == 0, "\(looked.errors)")
                }
                for write in [["reconcile"], ["accept", "games", "--all", "--reason", "x"]] {
                    let run = try await installation.start(write).wait()
                    #expect(run.status == 1)
                    #expect(run.errors.contains("older than this program: run `lacuna init`"), "\(write) \(run.errors)")
                }
            }
        }
    }

    @Test("Nothing is forgotten of a stream that nobody knows, nor while a run is at work")
    func refusals() async throws {
        try await Installation.with(
            Self.schema, config: Self.config(),
            files: ["fetch": "#!/bin/sh\necho x >> requests\nwhile [ -e held ]; do sleep 0.1; done\n", "held": ""]
        ) { installation in
            let unknown = try await installation.lacuna("forget", "gamse")
            #expect(unknown.status == 64)
            #expect(
                unknown.errors.contains("nothing is known of a stream 'gamse'; registered are games"),
                "\(unknown.errors)")
            let run = try installation.start(["reconcile"])
            try await installation.waitUntil("the source is asked") { !installation.lines(of: "requests").isEmpty }
            let refused = try await installation.lacuna("forget", "games")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("a run of stream games is at work"), "\(refused.errors)")
            try installation.remove("held")
            _ = try await run.wait()
            try await installation.waitUntilBackendsAreGone()
            // The config may have lost the stream.
            try installation.configure(Self.config().replacing("  games: {", with: "  matches: {"))
            #expect(try await installation.lacuna("forget", "games").status == 0)
        }
    }
}
