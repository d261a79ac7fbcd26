import Foundation
import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("Every gap scan at the edges")
struct GapScanEdgeTests {
    @Test(
        "reports gaps at both edges, of one unit, and none",
        arguments: [
            ("", 0..<5, [0..<5]), ("0,1,2,3,4", 0..<5, []), ("1,2,3,4", 0..<5, [0..<1]), ("0,1,2,3", 0..<5, [4..<5]),
            ("0,1,3,4", 0..<5, [2..<3]), ("2", 0..<5, [0..<2, 3..<5]), ("0", 0..<1, []), ("7", 0..<5, [0..<5]),
            ("-1,5", 0..<5, [0..<5]), ("-1,0,4,5", 0..<5, [1..<4]), ("1", 0..<0, []),
        ] as [(String, Range<Int64>, [Range<Int64>])], ["", "UNIQUE"])
    func edges(case: (keys: String, range: Range<Int64>, gaps: [Range<Int64>]), unique: String) async throws {
        let (keys, range, gaps) = `case`
        try await ScannedTable.with(
            "CREATE TABLE t (k bigint \(unique)); INSERT INTO t SELECT unnest('{\(keys)}'::bigint[])"
        ) {
            (table: ScannedTable) async throws in
            #expect(try await table.missing(.integer(step: 1), range) == gaps)
        }
    }

    @Test("reaches from the smallest key to the largest that a range can hold", arguments: ["", "UNIQUE"])
    func limits(unique: String) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint \(unique));
            INSERT INTO t VALUES (-9223372036854775808), (0), (9223372036854775806), (9223372036854775807), (NULL)
            """
        ) { (table: ScannedTable) async throws in
            let type = KeyType.integer(step: 1)
            #expect(try await table.missing(type, type.limits) == [Int64.min + 1..<0, 1..<Int64.max - 1])
            let fives = KeyType.integer(step: 5)
            #expect(
                try await table.missing(fives, fives.limits) == [
                    fives.limits.lowerBound..<0, 1..<fives.limits.upperBound,
                ])
        }
    }

    @Test("finds nothing missing where all is there up to the largest key", arguments: ["", "UNIQUE"])
    func completeToLargest(unique: String) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint \(unique));
            INSERT INTO t VALUES (9223372036854775805), (9223372036854775806), (9223372036854775807)
            """
        ) { (table: ScannedTable) async throws in
            #expect(try await table.missing(.integer(step: 1), Int64.max - 2..<Int64.max) == [])
        }
    }

    @Test("scans narrow integer columns over the whole range of ordinals", arguments: ["smallint", "integer"])
    func narrow(type: String) async throws {
        try await ScannedTable.with(
            "CREATE DOMAIN narrow AS \(type); CREATE TABLE t (k narrow); INSERT INTO t VALUES (-32768), (32767)"
        ) { (table: ScannedTable) async throws in
            let limits = KeyType.integer(step: 1).limits
            #expect(
                try await table.missing(.integer(step: 1), limits)
                    == [limits.lowerBound..<(-32768), -32767..<32767, 32768..<limits.upperBound])
            #expect(try await table.missing(.integer(step: 1000), -40..<40) == [-40..<(-33), -32..<32, 33..<40])
        }
    }

    @Test(
        "leaves infinite keys aside",
        arguments: [
            ("date", KeyType.date(timezone: .utc)), ("timestamptz", .date(timezone: .london)),
            ("timestamp", .date(timezone: .london)), ("timestamptz", .timestamp(step: 86_400, timezone: .utc)),
            ("timestamp", .timestamp(step: 86_400, timezone: .utc)),
        ], [false, true])
    func infinite(column: (String, KeyType), isIndexed: Bool) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k \(column.0));
            INSERT INTO t VALUES ('infinity'), ('-infinity'), (NULL), ('2024-02-29'), ('2024-03-02');
            \(isIndexed ? "CREATE INDEX ON t (k); SET enable_seqscan = off" : "")
            """
        ) { (table: ScannedTable) async throws in
            let first = try column.1.ordinal(of: "2024-02-28T12:00:00Z")
            #expect(try await table.missing(column.1, first..<first + 4) == [first..<first + 1, first + 2..<first + 3])
            let limits = column.1.limits
            let missing = try await table.missing(column.1, limits)
            #expect(missing.first?.lowerBound == limits.lowerBound)
            #expect(missing.last?.upperBound == limits.upperBound)
            #expect(missing.count == 3)
        }
    }

    @Test(
        "counts the hours and days of a year in which the clock changes",
        arguments: ["Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata"])
    func changingClocks(name: String) async throws {
        let timezone = try #require(TimeZone(identifier: name))
        // Rows at the first and the last microsecond of every hour but some; the server's calendar says which.
        try await ScannedTable.with(
            """
            CREATE TABLE hours AS
            SELECT h, (h AT TIME ZONE '\(name)')::date AS day, row_number() OVER (ORDER BY h) % 41 = 7 AS is_missing
            FROM generate_series(timestamptz '2018-01-01 00:30Z', '2018-12-31 00:30Z', '1 hour') AS h;
            UPDATE hours SET is_missing = true WHERE day - date '2018-01-01' IN (83, 48, 306, 307, 45);
            CREATE TABLE t AS
            SELECT h + edge AS k FROM hours, (VALUES (interval '0'), ('59 minutes 59.999999 seconds')) AS e (edge)
            WHERE NOT is_missing;
            CREATE INDEX ON t (k);
            """
        ) { table in
            // An hour of a half-hour zone begins at half past in UTC; of the others, the rows lie across two.
            let halfHour = ["Australia/Lord_Howe", "Asia/Kolkata"].contains(name)
            let hourType = KeyType.timestamp(step: 3600, timezone: timezone)
            if halfHour {
                let wanted = try await table.database.column(
                    "SELECT (extract(epoch FROM h)::bigint + 1800) / 3600 FROM hours WHERE is_missing ORDER BY h")
                let from = try hourType.ordinal(of: "2018-01-01T00:30:00Z")
                let to = try hourType.ordinal(of: "2018-12-31T00:30:00Z")
                let missing = UnitSet(try await table.missing(hourType, from..<to + 1))
                #expect(missing == UnitSet(wanted.compactMap(Int64.init).map { $0..<$0 + 1 }))
            } else {
                let wanted = try await table.database.column(
                    """
                    SELECT extract(epoch FROM h)::bigint / 3600 FROM hours AS a
                    WHERE is_missing AND (SELECT is_missing FROM hours AS b WHERE b.h = a.h - interval '1 hour') ORDER BY h
                    """)
                let from = try hourType.ordinal(of: "2018-01-01T01:30:00Z")
                let to = try hourType.ordinal(of: "2018-12-31T00:30:00Z")
                let missing = UnitSet(try await table.missing(hourType, from..<to + 1))
                #expect(missing == UnitSet(wanted.compactMap(Int64.init).map { $0..<$0 + 1 }))
            }
            let days = KeyType.date(timezone: timezone)
            let wanted = try await table.database.column(
                """
                SELECT d::date - date '1970-01-01' FROM generate_series(timestamp '2018-01-03', '2018-12-29', '1 day') AS d
                WHERE NOT EXISTS (SELECT FROM t WHERE (k AT TIME ZONE '\(name)')::date = d::date) ORDER BY 1
                """)
            let range = try days.ordinal(of: "2018-01-03")..<(try days.ordinal(of: "2018-12-30"))
            let missing = UnitSet(try await table.missing(days, range))
            #expect(missing == UnitSet(wanted.compactMap(Int64.init).map { $0..<$0 + 1 }))
            #expect(!missing.isEmpty)
        }
    }

    @Test("A scan of one partition sees no other")
    func onePartition() async throws {
        try await ScannedTable.with(
            "CREATE TABLE t (a text, b int, k int); INSERT INTO t VALUES ('x', 1, 0), ('x', 2, 1), ('y', 1, 2), (NULL, 1, 3)"
        ) { table in
            let stream = try await table.stream(type: .integer(step: 1), partitions: ["a", "b"])
            let all = try await table.scanAllWays(stream, range: 0..<3)
            #expect(
                all.missing.keys.sorted() == [Partition(["x", "1"]), Partition(["x", "2"]), Partition(["y", "1"])])
            let one = try await table.scanAllWays(stream, range: 0..<3, partition: Partition(["x", "2"]))
            #expect(one.missing == [Partition(["x", "2"]): UnitSet([0..<1, 2..<3])])
            #expect(one.missing(in: Partition(["z", "9"])) == UnitSet(0..<3))
        }
    }

    @Test("A range without rows costs a step down the index, whatever part of the table the planner takes it for")
    func emptyRange() async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE t (k bigint PRIMARY KEY, v text) WITH (autovacuum_enabled = false);
            INSERT INTO t SELECT n, repeat('x', 50) FROM generate_series(1, 100000) AS n;
            ANALYZE t;
            TRUNCATE t;
            INSERT INTO t SELECT n, repeat('x', 50) FROM generate_series(1, 50000) AS n
            """
        ) { table in
            let stream = try await table.stream(type: .integer(step: 1))
            let range: Range<Int64> = 50_001..<90_000
            func readsTable(looksFirst: Bool) async throws -> Bool {
                let scan = WindowGapScan(looksFirst: looksFirst)
                let statement = try scan.statement(stream, range: range, partition: .whole)
                let plan = try await table.session.query(
                    BoundStatement(
                        name: "plan", sql: "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) \(statement.sql)",
                        values: statement.values))
                let lines = try plan.map { try $0.get("QUERY PLAN", as: String.self) }
                return lines.contains { $0.contains("Seq Scan") && !$0.contains("never executed") }
            }
            #expect(try await readsTable(looksFirst: false))
            #expect(try await !readsTable(looksFirst: true))
            let found = try await WindowGapScan(looksFirst: true).scan(
                stream, range: range, partition: .whole, on: table.session)
            #expect(found.missing(in: .whole) == UnitSet(range))
        }
    }
}
