import Foundation
import TestSupport
import Testing

@Suite("gaps --table of some rows, and its lists")
struct TableListTests {
    private func with(_ setup: String, _ body: (Looker) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await database.execute(setup)
            try await TestDirectory.with { directory in
                try await body(Looker(database: database, directory: directory))
            }
        }
    }

    /// Looks at tables of a database.
    struct Looker {
        let database: TestDatabase
        let directory: TestDirectory

        func result(_ arguments: String...) async throws -> LacunaProcess.Result {
            try await LacunaProcess(
                ["gaps", "--database", database.connectionString] + arguments, in: directory.url
            ).wait()
        }

        func lines(_ arguments: String...) async throws -> [String] {
            let result = try await LacunaProcess(
                ["gaps", "--database", database.connectionString] + arguments, in: directory.url
            ).wait()
            #expect(result.status == 0, "\(result.errors)")
            return result.output.split(separator: "\n").map { String($0) }
        }
    }

    private static let numbers = """
        CREATE TABLE numbers (n bigint, kind text, "Odd, name" integer);
        INSERT INTO numbers SELECT n, CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END, n / 100
        FROM generate_series(1, 300) AS n WHERE n NOT IN (7, 8, 9, 20, 150, 151) AND n NOT BETWEEN 200 AND 220;
        """

    @Test("counts the rows alone for which --where is true, with the user's own search path")
    func condition() async throws {
        try await with(
            Self.numbers + """
                CREATE SCHEMA own;
                CREATE FUNCTION own.is_even(n bigint) RETURNS boolean LANGUAGE sql AS 'SELECT n % 2 = 0';
                DO 'BEGIN EXECUTE format(''ALTER DATABASE %I SET search_path = public, own'', current_database()); END';
                """
        ) { looker in
            let even = try await looker.lines(
                "--table", "numbers", "--column", "n", "--step", "2", "--where", "is_even(n) -- only these")
            #expect(
                even == [
                    "public.numbers  8  1 unit", "public.numbers  20  1 unit", "public.numbers  150  1 unit",
                    "public.numbers  200–220  11 units",
                ])
            let byKind = try await looker.lines(
                "--table", "numbers", "--column", "n", "--by", "kind", "--step", "2", "--where", "n > 150 OR false")
            #expect(
                byKind == [
                    "public.numbers  kind=even  200–220  11 units", "public.numbers  kind=odd  200–218  10 units",
                ])
            #expect(
                try await looker.lines(
                    "--table", "numbers", "--column", "n", "--by", "kind", "--step", "2", "--where", "kind = 'even'",
                    "--min-rows", "2", "--longest", "--limit", "1") == [
                        "public.numbers  kind=even  22–148  64 units  thin",
                        "public.numbers  kind=odd  nothing ingested yet",
                    ])
            let wrong = try await looker.result("--table", "numbers", "--column", "n", "--where", "m = 1")
            #expect(wrong.status == 1)
            #expect(wrong.errors.contains("--where failed"), "\(wrong.errors)")
            let two = try await looker.result(
                "--table", "numbers", "--column", "n", "--where", "true); DROP TABLE numbers; --")
            #expect(two.status == 1)
            #expect(try await looker.database.value("SELECT count(*) FROM numbers") == "273")
        }
    }

    @Test("lists each unit, the longest gaps first, those of a length, and no more than asked for")
    func lists() async throws {
        try await with(Self.numbers) { looker in
            let table = ["--table", "numbers", "--column", "n"]
            func lines(_ arguments: String...) async throws -> [String] {
                let result = try await LacunaProcess(
                    ["gaps", "--database", looker.database.connectionString, "--format", "csv"] + table + arguments,
                    in: looker.directory.url
                ).wait()
                #expect(result.status == 0, "\(result.errors)")
                return result.output.split(separator: "\n").dropFirst().map {
                    String($0).replacing("public.numbers,", with: "")
                }
            }
            let all = ["7,9,3", "20,20,1", "150,151,2", "200,220,21"]
            #expect(try await lines() == all)
            #expect(try await lines("--longest") == ["200,220,21", "7,9,3", "150,151,2", "20,20,1"])
            #expect(try await lines("--at-least", "3") == ["7,9,3", "200,220,21"])
            #expect(try await lines("--limit", "2") == Array(all.prefix(2)))
            #expect(try await lines("--each", "--limit", "5") == ["7,7,1", "8,8,1", "9,9,1", "20,20,1", "150,150,1"])
            #expect(try await lines("--each").count == 27)
            #expect(try await lines("--each", "--longest", "--limit", "1") == ["200,200,1"])

            let cut = try await looker.result("--table", "numbers", "--column", "n", "--each", "--limit", "20")
            #expect(cut.errors == "… and 7 units more; --limit leaves them out\n", "\(cut.errors)")
            #expect(cut.output.hasPrefix("public.numbers  7\npublic.numbers  8\n"))
            let none = try await looker.lines("--table", "numbers", "--column", "n", "--at-least", "22")
            #expect(none == ["public.numbers  no gaps of at least 22 units"])
            for arguments in [["--report"], ["--format", "json"], ["--format", "html"]] {
                let wrong = try await LacunaProcess(
                    ["gaps", "--database", looker.database.connectionString, "--each"] + table + arguments,
                    in: looker.directory.url
                ).wait()
                #expect(wrong.status == 64)
            }
        }
    }

    @Test(
        "counts more missing units than a number holds as the largest number",
        arguments: ["text", "csv", "json", "html"])
    func manyUnits(format: String) async throws {
        try await with(
            """
            CREATE TABLE t (p integer, n bigint);
            INSERT INTO t SELECT p, n FROM generate_series(1, 3) p, (VALUES (-9223372036854775800), (9223372036854775800)) v (n);
            """
        ) { looker in
            for list in [[], ["--each", "--limit", "1"], ["--report"]] where list.isEmpty || format == "text" {
                let result = try await LacunaProcess(
                    [
                        "gaps", "--database", looker.database.connectionString, "--table", "t", "--column", "n", "--by",
                        "p",
                        "--format", format, "--exit-code",
                    ] + list, in: looker.directory.url
                ).wait()
                #expect(result.status == 2, "\(list): \(result.errors)")
                if format == "json" { #expect(result.output.contains("18446744073709551615"), "\(result.output)") }
            }
        }
    }

    @Test("takes column names as SQL does, and orders partitions by number")
    func names() async throws {
        try await with(Self.numbers + "ALTER TABLE numbers RENAME n TO \"N\"") { looker in
            let lines = try await looker.lines(
                "--table", "numbers", "--column", "\"N\"", "--by", " kind , \"Odd, name\"", "--step", "2", "--format",
                "csv")
            #expect(lines.first == "stream,kind,\"Odd, name\",first,last,units")
            #expect(lines.dropFirst().first == "public.numbers,even,0,8,8,1")
            #expect(try await looker.lines("--table", "NUMBERS", "--column", "N", "--to", "100").count == 2)
            try await looker.database.execute(
                "CREATE TABLE t AS SELECT p, n FROM generate_series(1, 12) p, generate_series(1, 3) n WHERE n <> 2")
            let order = try await looker.lines("--table", "t", "--column", "n", "--by", "P")
            #expect(order == (1...12).map { "public.t  p=\($0)  2  1 unit" })
        }
    }

    @Test(
        "takes a date as --to of hours for the whole day, and 24h for a day of dates; other steps are refused with 64")
    func steps() async throws {
        try await with(
            """
            CREATE TABLE hours AS SELECT timestamptz '2024-03-30 00:00Z' + n * interval '1 hour' AS at
            FROM generate_series(0, 40) n WHERE n NOT IN (20);
            CREATE TABLE days AS SELECT date '2024-03-01' + n AS day FROM generate_series(0, 9) n WHERE n <> 4;
            """
        ) { looker in
            #expect(
                try await looker.lines("--table", "hours", "--column", "at", "--step", "1h", "--to", "2024-03-31") == [
                    "public.hours  2024-03-30T20:00:00Z  1 unit",
                    "public.hours  2024-03-31T17:00:00Z–2024-03-31T23:00:00Z  7 units",
                ])
            #expect(
                try await looker.lines("--table", "days", "--column", "day", "--step", "24h") == [
                    "public.days  2024-03-05  1 unit"
                ])
            for (table, column, step) in [
                ("days", "day", "12h"), ("hours", "at", "3"), ("hours", "at", "2d"), ("days", "day", "0"),
            ] {
                let wrong = try await looker.result("--table", table, "--column", column, "--step", step)
                #expect(wrong.status == 64, "\(step): \(wrong.errors)")
                #expect(wrong.errors.contains("--step"), "\(wrong.errors)")
            }
        }
    }
}
