import Foundation
import TestSupport
import Testing

@Suite("A table is held against another database")
struct VerifyDatabaseTests {
    /// A config of a table `ledgers` that comes from a table `upstream`.
    private static func config(_ upstream: String, query: String? = nil, batch: Int = 100, stream: String = "")
        -> String
    {
        let query = query ?? "SELECT * FROM upstream WHERE n BETWEEN {window.first} AND {window.last}"
        return """
            sources:
              up:
                type: postgres
                database: "\(upstream)"
                query: "\(query)"
                retry: {attempts: 1}
            streams:
              ledgers:
                source: up
                table: ledgers
                key: {column: n, type: integer}
                expect: {from: 0, to: tip}
                batch: \(batch)
                \(stream)

            """
    }

    /// What JSON says differs: unit and kind.
    private struct Found: Decodable {
        struct Difference: Decodable, Hashable {
            let first: String
            let last: String
            let missing_here: Int?
            let missing_there: Int?
            let different: Int?
            let columns: [String]?
        }

        let differences: [Difference]
        let verified_windows: Int
        let proof: String
        let notes: [String]

        init(_ output: String) throws {
            self = try JSONDecoder().decode(Found.self, from: Data(output.utf8))
        }
    }

    @Test("Of 1,000 windows with 300 differences it finds all and no other, for less than 5 % of the bytes of all rows")
    func planted() async throws {
        let schema = """
            CREATE TABLE upstream (n bigint PRIMARY KEY, price numeric, body text, seen timestamptz);
            INSERT INTO upstream SELECT n, n / 7.0, repeat(md5(n::text), 16), timestamptz '2024-01-01' + n * interval '1 s'
                FROM generate_series(0, 99999) AS n;
            CREATE TABLE ledgers (n bigint PRIMARY KEY, price numeric, body text, seen timestamptz);
            INSERT INTO ledgers SELECT * FROM upstream;
            ANALYZE;
            CREATE TABLE planted AS
                SELECT n, CASE number % 3 WHEN 0 THEN 'here' WHEN 1 THEN 'there' ELSE 'different' END AS kind
                FROM (
                    SELECT n, row_number() OVER (ORDER BY n) AS number
                    FROM (SELECT n FROM upstream ORDER BY md5(n::text || 'seed') LIMIT 300) AS chosen
                ) AS numbered;
            DELETE FROM ledgers WHERE n IN (SELECT n FROM planted WHERE kind = 'here');
            DELETE FROM upstream WHERE n IN (SELECT n FROM planted WHERE kind = 'there');
            UPDATE ledgers SET price = price + 1 WHERE n IN (SELECT n FROM planted WHERE kind = 'different');
            """
        try await Installation.with(schema) { plain in
            try await plain.database.withProxy { proxy, address in
                try plain.configure(Self.config(address))
                #expect(try await plain.lacuna("init").status == 0)
                // The rows that are missing here are no gaps: their units are verified empty.
                try await plain.database.execute(
                    """
                    INSERT INTO lacuna.verified_empty (stream, lower, upper)
                    SELECT 'ledgers', n, n + 1 FROM planted WHERE kind = 'here'
                    """)
                let verify = try await plain.lacuna("verify", "ledgers", "--format", "json")
                let spent = proxy.byteCount
                #expect(verify.status == 2, "\(verify.errors)")
                let found = try Found(verify.output)
                #expect(found.proof == "digest")
                #expect(found.verified_windows == 1000)
                var told: Set<String> = []
                for difference in found.differences {
                    let first = try #require(Int(difference.first))
                    let last = try #require(Int(difference.last))
                    for unit in first...last {
                        if difference.missing_here ?? 0 > 0 { told.insert("\(unit) here") }
                        if difference.missing_there ?? 0 > 0 { told.insert("\(unit) there") }
                        if difference.different ?? 0 > 0 {
                            told.insert("\(unit) different")
                            #expect(difference.columns == ["price"])
                        }
                    }
                }
                let planted = Set(try await plain.database.column("SELECT n || ' ' || kind FROM planted"))
                #expect(planted.count == 300)
                #expect(told == planted, "\(told.symmetricDifference(planted).sorted().prefix(10))")

                let whole = try await plain.lacuna("verify", "ledgers", "--proof", "rows", "--format", "json")
                #expect(whole.status == 2, "\(whole.errors)")
                #expect(Set(try Found(whole.output).differences) == Set(found.differences))
                let all = proxy.byteCount - spent
                print("verify: \(spent) bytes by digests, \(all) by rows, \(Double(spent) * 100 / Double(all)) %")
                #expect(spent * 20 < all, "\(spent) of \(all)")
                // Nothing was loaded.
                #expect(try await plain.database.number("SELECT count(*) FROM ledgers") == 99_900)
            }
        }
    }

    @Test(
        "Values that a load would store alike are no difference, whatever types and settings the source has; others are"
    )
    func types() async throws {
        let schema = """
            CREATE TYPE mood AS ENUM ('sad', 'ok');
            CREATE DOMAIN amount AS numeric;
            CREATE TABLE ledgers (
                n bigint PRIMARY KEY, i bigint, d numeric(10, 2), f double precision, r real, t text, c char(5), v varchar(5),
                at timestamptz, local timestamp, day date, b boolean, bt text, j jsonb, a integer[], raw bytea, m mood, am amount,
                len interval, mac macaddr, g bigint GENERATED ALWAYS AS (n * 2) STORED, ghost text DEFAULT 'kept');
            CREATE TABLE upstream (
                n integer, i smallint, d numeric, f numeric, r double precision, t varchar, c text, v text,
                at text, local timestamptz, day timestamp, b text, bt boolean, j text, a bigint[], raw text, m text, am text,
                len text, mac text);
            INSERT INTO upstream
            SELECT
                n, n, 1.0, 0.1, 0.1, 'é' || n, 'ab', 'abc', '2024-01-0' || n % 9 + 1 || ' 12:00:00+02',
                timestamptz '2024-07-01 12:00:00+00', '2024-01-01', 'yes', true, '{"b": 1,  "a": 2}', ARRAY[1, 2],
                '\\x00ff', 'ok', '1.0', '1 day 02:00', '08:00:2b:01:02:03'
            FROM generate_series(0, 49) AS n;
            """
        try await Installation.with(schema) { plain in
            let address = plain.database.connectionString
            try plain.configure(Self.config(address, batch: 10))
            #expect(try await plain.lacuna("init").status == 0)
            let name = plain.database.name
            try await plain.database.execute(
                """
                ALTER DATABASE \(name) SET DateStyle = 'German, DMY'; ALTER DATABASE \(name) SET TimeZone = 'Asia/Kolkata';
                ALTER DATABASE \(name) SET IntervalStyle = 'iso_8601'; ALTER DATABASE \(name) SET bytea_output = 'escape';
                ALTER DATABASE \(name) SET extra_float_digits = -3;
                """)
            // Filled as a reconcile fills it.
            try plain.configure(Self.config(address, batch: 10).replacing("to: tip", with: "to: 49"))
            let run = try await plain.lacuna("reconcile")
            #expect(run.status == 0, "\(run.errors)")
            #expect(try await plain.database.number("SELECT count(*) FROM ledgers") == 50)
            let equal = try await plain.lacuna("verify", "ledgers")
            #expect(equal.status == 0, "\(equal.output)\(equal.errors)")
            #expect(equal.errors.isEmpty, "\(equal.errors)")
            // Digests alone tell: no window had to be read.
            #expect(
                try await plain.database.column("SELECT lower || ' ' || upper || ' ' || proof FROM lacuna.verification")
                    == ["0 50 digest"])
            for column in [
                "i", "d", "f", "r", "t", "c", "v", "day", "b", "bt", "j", "a", "raw", "m", "am", "len", "mac",
            ] {
                let old = try await plain.database.value("SELECT \(column)::text FROM ledgers WHERE n = 7")
                let other = [
                    "i": "8", "d": "1.01", "f": "0.10000000000000002", "r": "0.10000001", "t": "e\u{301}7", "c": "abc",
                    "v": "abd", "day": "2024-01-02", "b": "no", "bt": "true", "j": #"{"a": 2, "b": 1.0}"#,
                    "a": "{1,2,3}",
                    "raw": #"\x00fe"#, "m": "sad", "am": "1.01", "len": "26 hours", "mac": "08:00:2b:01:02:04",
                ]
                try await plain.database.execute(
                    "SET DateStyle = ISO; UPDATE ledgers SET \(column) = $x$\(other[column] ?? "")$x$ WHERE n = 7")
                let differs = try await plain.lacuna("verify", "ledgers", "--format", "json")
                #expect(differs.status == 2, "\(column) \(differs.errors)")
                let found = try Found(differs.output).differences
                #expect(found.map(\.first) == ["7"] && found.first?.columns == [column], "\(column) \(found)")
                try await plain.database.execute(
                    "SET DateStyle = 'German, DMY'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'escape'; "
                        + "UPDATE ledgers SET (\(column)) = (SELECT \(column) FROM ledgers WHERE n = 6) WHERE n = 7")
                if ["i", "t"].contains(column) {
                    try await plain.database.execute("UPDATE ledgers SET \(column) = $x$\(old)$x$ WHERE n = 7")
                }
            }
            #expect(try await plain.lacuna("verify", "ledgers").status == 0)
        }
    }

    @Test("A query that may leave rows out, or that digests cannot be computed over, is compared row by row")
    func fallbacks() async throws {
        let schema = """
            CREATE TABLE upstream (n bigint, v text);
            INSERT INTO upstream SELECT n, 'v' || n FROM generate_series(0, 99) AS n;
            CREATE TABLE ledgers (n bigint PRIMARY KEY, v text);
            INSERT INTO ledgers SELECT * FROM upstream;
            UPDATE ledgers SET v = 'x' WHERE n = 42;
            """
        try await Installation.with(schema) { plain in
            let address = plain.database.connectionString
            let limited = "SELECT * FROM upstream WHERE n BETWEEN {window.first} AND {window.last} LIMIT 1000"
            try plain.configure(Self.config(address, query: limited, batch: 50))
            #expect(try await plain.lacuna("init").status == 0)
            let rows = try await plain.lacuna("verify", "ledgers", "--format", "json")
            #expect(rows.status == 2, "\(rows.errors)")
            #expect(try Found(rows.output).proof == "rows")
            #expect(try Found(rows.output).differences.map(\.first) == ["42"])
            let refused = try await plain.lacuna("verify", "ledgers", "--proof", "digest")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("--proof rows"), "\(refused.errors)")

            // The source's database cannot read a value as the column's type; nor can a load.
            try await plain.database.execute("ALTER TABLE ledgers ALTER v TYPE integer USING n")
            try plain.configure(Self.config(address, batch: 50))
            let bad = try await plain.lacuna("verify", "ledgers", "--format", "json")
            #expect(bad.status == 1, "\(bad.output)")
            #expect(try Found(bad.output).notes.contains { $0.contains("refuses to compute digests") }, "\(bad.output)")
            #expect(bad.output.contains("invalid input syntax"), "\(bad.output)")
        }
    }

    @Test("By count alone only numbers of rows tell, and a window whose number differs is searched")
    func counts() async throws {
        let schema = """
            CREATE TABLE upstream (n bigint, v text);
            INSERT INTO upstream SELECT n, 'v' || n FROM generate_series(0, 999) AS n;
            CREATE TABLE ledgers (n bigint PRIMARY KEY, v text);
            INSERT INTO ledgers SELECT * FROM upstream;
            UPDATE ledgers SET v = 'x' WHERE n = 42;
            DELETE FROM upstream WHERE n = 777;
            """
        try await Installation.with(schema) { plain in
            try plain.configure(Self.config(plain.database.connectionString, batch: 100))
            #expect(try await plain.lacuna("init").status == 0)
            let verify = try await plain.lacuna("verify", "ledgers", "--proof", "count", "--format", "json")
            #expect(verify.status == 2, "\(verify.errors)")
            let found = try Found(verify.output).differences
            #expect(found.map(\.first) == ["777"])
            #expect(found.map(\.missing_there) == [1])
            #expect(
                try await plain.database.column(
                    "SELECT lower || ' ' || upper || ' ' || proof || ' ' || is_equal FROM lacuna.verification ORDER BY lower"
                )
                    == ["0 700 count true", "700 800 rows false", "800 1000 count true"])

            // Rows that scripts make have no others to be compared with.
            try plain.directory.write("SELECT 1", to: "load.sql")
            try plain.configure(
                Self.config(plain.database.connectionString, batch: 100, stream: "load: load.sql"))
            #expect(try await plain.lacuna("verify", "ledgers").status == 1)
            let scripts = try await plain.lacuna("verify", "ledgers", "--proof", "count")
            #expect(scripts.status == 2)
            #expect(scripts.output.contains("\n  700–799  100 rows here, 99 at the source\n"), "\(scripts.output)")
        }
    }

    @Test("Days of a zone, partitions and columns of other names are digested as they are loaded")
    func days() async throws {
        let schema = """
            CREATE TABLE upstream (zone text, at timestamptz, "Amount" text);
            INSERT INTO upstream SELECT zone, timestamptz '2024-03-25 00:30:00+00' + n * interval '6 hours', n::text
                FROM generate_series(0, 39) AS n, (VALUES ('x'), ('y')) AS zones (zone);
            CREATE TABLE ledgers (region text, at timestamptz, amount numeric(8, 3), PRIMARY KEY (region, at));
            """
        try await Installation.with(schema) { plain in
            try plain.configure(
                """
                sources:
                  up:
                    type: postgres
                    database: "\(plain.database.connectionString)"
                    query: >-
                      SELECT at, "Amount" FROM upstream WHERE zone = {partition.region}
                      AND (at AT TIME ZONE 'Europe/Berlin')::date BETWEEN {window.first} AND {window.last} -- to the end
                streams:
                  ledgers:
                    source: up
                    table: ledgers
                    key: {column: at, type: date, timezone: Europe/Berlin}
                    partitions: {region: [x, y]}
                    columns: {amount: Amount}
                    expect: {from: 2024-03-25, to: 2024-04-03}
                    batch: 3
                """)
            #expect(try await plain.lacuna("init").status == 0)
            let run = try await plain.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            let equal = try await plain.lacuna("verify", "ledgers")
            #expect(equal.status == 0, "\(equal.output)\(equal.errors)")
            #expect(
                try await plain.database.column("SELECT DISTINCT proof FROM lacuna.verification") == ["digest"])
            try await plain.database.execute(
                "UPDATE upstream SET \"Amount\" = '0.5' WHERE zone = 'y' AND at = '2024-03-31 00:30:00+00'")
            let verify = try await plain.lacuna("verify", "ledgers")
            #expect(verify.status == 2)
            #expect(verify.output.hasSuffix("\n  region=y  2024-03-31  1 different (amount)\n"), "\(verify.output)")
        }
    }
}
