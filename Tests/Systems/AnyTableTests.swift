import Foundation
import Postgres
import Testing
import TestSupport

@Suite("gaps --table looks at anybody's table with nothing but SELECT")
struct AnyTableTests {
    /// What `--format json` prints, as far as these tests read it.
    private struct Document: Decodable {
        struct Stream: Decodable {
            struct Partition: Decodable {
                struct Gap: Decodable {
                    let first: String
                    let last: String
                    let units: Int
                }

                let partition: [String: String]
                let gaps: [Gap]
            }

            let stream: String
            let missing_units: Int
            let clean: Bool
            let partitions: [Partition]
        }

        let streams: [Stream]
    }

    private static let table = #""so""me'one"."ta ""ble'; DROP TABLE kept; -- 🐘$$""#
    private static let key = #"ke"y 'of' $1"#
    private static let region = #"re"gion;--"#

    private static func quoted(_ identifier: String) -> String {
        "\"\(identifier.replacing("\"", with: "\"\""))\""
    }

    /// Runs `body` with a table of someone else's and a role that may only read it.
    private func withTable(
        key type: String, rows: String, _ body: (Installation, _ reader: String) async throws -> Void
    ) async throws {
        let role = "reader_\(String(UInt64.random(in: 0 ... .max), radix: 36))"
        try await Installation.with(
            """
            CREATE SCHEMA "so""me'one";
            CREATE TABLE kept ();
            CREATE TABLE \(Self.table) (\(Self.quoted(Self.key)) \(type), \(Self.quoted(Self.region)) text);
            INSERT INTO \(Self.table) \(rows);
            CREATE ROLE \(role) LOGIN;
            GRANT USAGE ON SCHEMA "so""me'one" TO \(role);
            GRANT SELECT ON \(Self.table) TO \(role);
            REVOKE CREATE ON SCHEMA public FROM PUBLIC;
            """
        ) { installation in
            let database = installation.database
            try await database.execute("REVOKE ALL ON DATABASE \(database.name) FROM PUBLIC")
            try await database.execute("GRANT CONNECT ON DATABASE \(database.name) TO \(role)")
            let failed: (any Error)?
            do {
                try await body(installation, TestDatabase.adding("user", role, to: database.connectionString))
                failed = nil
            } catch {
                failed = error
            }
            try await database.execute("DROP OWNED BY \(role); DROP ROLE \(role)")
            if let failed { throw failed }
        }
    }

    private func gaps(
        _ installation: Installation, _ reader: String, _ options: [String]
    ) async throws -> LacunaProcess.Result {
        try await installation.start(
            ["gaps", "--database", reader, "--table", Self.table, "--column", Self.key] + options
        ).wait()
    }

    @Test(
        "Gaps of whole numbers are exact, up to the largest",
        arguments: [("bigint", Int64.max - 1), ("integer", Int64(Int32.max))])
    func numbers(type: String, largest: Int64) async throws {
        let rows = """
            SELECT n, NULL FROM generate_series(-3, 10) AS n WHERE n NOT IN (0, 5, 6)
            UNION ALL SELECT n, 'again' FROM (VALUES (\(largest)), (\(largest - 2)), (9)) AS v (n)
            """
        try await withTable(key: type, rows: rows) { installation, reader in
            let before = try await installation.image()
            let result = try await gaps(installation, reader, ["--format", "json", "--exit-code"])
            #expect(result.status == 2, "\(result.errors)")
            let stream = try #require(
                try JSONDecoder().decode(Document.self, from: Data(result.output.utf8)).streams.first)
            #expect(
                stream.partitions.first?.gaps.map { "\($0.first) \($0.last) \($0.units)" } == [
                    "0 0 1", "5 6 2", "11 \(largest - 3) \(largest - 13)", "\(largest - 1) \(largest - 1) 1",
                ])
            #expect(stream.missing_units == Int(largest) - 13 + 4)
            #expect(!stream.clean)

            let inner = try await gaps(installation, reader, ["--from", "-5", "--to", "6", "--format", "csv"])
            #expect(inner.status == 0, "\(inner.errors)")
            let lines = inner.output.split(separator: "\n")
            #expect(lines.first == "stream,first,last,units")
            #expect(
                lines.dropFirst().map { $0.split(separator: ",").suffix(3).joined(separator: " ") } == [
                    "-5 -4 2", "0 0 1", "5 6 2",
                ])
            #expect(try await installation.image() == before)
            #expect(try await installation.database.value("SELECT to_regnamespace('lacuna')::text") == "NULL")
        }
    }

    @Test("Days are counted for each partition, whatever it is called")
    func days() async throws {
        let rows = """
            SELECT d::date, region FROM generate_series('2024-02-26'::date, '2024-03-02', '1 day') AS d,
                (VALUES ('a,"b'';--'), ('x')) AS l (region)
            WHERE NOT (region = 'x' AND d IN ('2024-02-29', '2024-03-02'))
                AND NOT (region <> 'x' AND d BETWEEN '2024-02-28' AND '2024-03-01')
            """
        try await withTable(key: "date", rows: rows) { installation, reader in
            let json = try await gaps(installation, reader, ["--by", Self.region, "--format", "json"])
            let stream = try #require(
                try JSONDecoder().decode(Document.self, from: Data(json.output.utf8)).streams.first, "\(json.errors)")
            var found: [String: [String]] = [:]
            for partition in stream.partitions {
                found[partition.partition[Self.region] ?? "?"] = partition.gaps.map { "\($0.first) \($0.last)" }
            }
            #expect(found == ["a,\"b';--": ["2024-02-28 2024-03-01"], "x": ["2024-02-29 2024-02-29"]])
            let csv = try await gaps(installation, reader, ["--by", Self.region, "--format", "csv"])
            #expect(csv.output.hasPrefix(#"stream,"re""gion;--",first,last,units"# + "\n"))
            #expect(csv.output.contains(#","a,""b';--",2024-02-28,2024-03-01,3"# + "\n"))
            #expect(csv.output.contains(",x,2024-02-29,2024-02-29,1\n"))
            let report = try await gaps(installation, reader, ["--by", Self.region, "--report"])
            #expect(report.status == 0)
            #expect(report.output.contains("2 gaps, 4 units missing"))
        }
    }

    @Test("Hours of a timestamp are counted through the change to summer time")
    func hours() async throws {
        let rows = """
            SELECT t + '7 min', NULL FROM generate_series('2024-03-30 22:00+00'::timestamptz, '2024-03-31 04:00+00', '1 h')
                AS t WHERE t NOT IN ('2024-03-31 00:00+00', '2024-03-31 02:00+00')
            """
        try await withTable(key: "timestamptz", rows: rows) { installation, reader in
            let result = try await gaps(
                installation, reader, ["--step", "1h", "--timezone", "Europe/Berlin", "--format", "json"])
            let stream = try #require(
                try JSONDecoder().decode(Document.self, from: Data(result.output.utf8)).streams.first,
                "\(result.errors)")
            #expect(stream.partitions.first?.gaps.map(\.units) == [1, 1])
            #expect(stream.missing_units == 2)
            let whole = try await gaps(installation, reader, ["--exit-code"])
            #expect(whole.status == 0, "in days nothing is missing: \(whole.output)")
        }
    }

    @Test("The reading role has nothing it could write with, and a wrong column or type is named")
    func privileges() async throws {
        try await withTable(key: "bigint", rows: "VALUES (1, 'a'), (3, 'a')") { installation, reader in
            let session = try await Session.connect(SessionOptions(connectionString: reader, applicationName: "test"))
            for sql in ["CREATE SCHEMA mine", "CREATE TABLE public.mine ()", "CREATE TEMPORARY TABLE mine ()"] {
                await #expect(throws: PostgresError.self) { _ = try await session.script(sql, name: "test") }
            }
            await session.close()
            let found = try await gaps(installation, reader, [])
            #expect(found.output.contains("2  1 unit"))
            #expect(found.status == 0)

            let none = try await installation.lacuna(
                "gaps", "--database", reader, "--table", Self.table, "--column", "nix")
            #expect(none.status == 1)
            #expect(none.errors.contains("has no column 'nix'; it has \(Self.key), \(Self.region)"))
            let text = try await installation.lacuna(
                "gaps", "--database", reader, "--table", Self.table, "--column", Self.region)
            #expect(text.status == 1)
            #expect(text.errors.contains("is of type text"))
            let table = try await installation.lacuna(
                "gaps", "--database", reader, "--table", "kept; DROP TABLE kept", "--column", "n")
            #expect(table.status == 1)
            #expect(try await installation.database.value("SELECT to_regclass('public.kept')::text") == "kept")
        }
    }
}
