import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("A scan of what has changed in a partitioned table")
struct TrackedPartitionTests {
    typealias Change = TrackedScanTests.Change

    static let ranges = """
        CREATE TABLE t (k bigint, v text) PARTITION BY RANGE (k);
        CREATE TABLE p0 (v text, gone int, k bigint);
        ALTER TABLE p0 DROP gone;
        ALTER TABLE t ATTACH PARTITION p0 FOR VALUES FROM (0) TO (500);
        CREATE TABLE p1 PARTITION OF t FOR VALUES FROM (500) TO (1000) PARTITION BY RANGE (k);
        CREATE TABLE p1a PARTITION OF p1 FOR VALUES FROM (500) TO (700);
        CREATE TABLE p1b PARTITION OF p1 DEFAULT;
        CREATE INDEX ON t (k);
        INSERT INTO t SELECT i, 'v' FROM generate_series(0, 899) AS i WHERE i % 100 <> 7;
        """

    static let changes: [Change] = [
        Change("DELETE FROM t WHERE k = 50", again: 1...1),
        Change("DELETE FROM p0 WHERE k = 50", again: 1...1),
        Change("DELETE FROM p1 WHERE k IN (600, 800)", again: 2...2),
        Change("DELETE FROM p1a WHERE k = 600; DELETE FROM p1b WHERE k = 800", again: 2...2),
        Change("INSERT INTO t VALUES (7), (950)", again: 2...2),
        Change("INSERT INTO p1b VALUES (950)", again: 1...1),
        Change("UPDATE t SET k = k + 500 WHERE k < 10", again: 18...18),
        Change("UPDATE p1 SET k = k + 200 WHERE k IN (600, 601)", again: 4...4),
        Change("UPDATE t SET v = 'w'", again: 0...0),
        Change(
            "SET session_replication_role = replica; DELETE FROM p0 WHERE k < 3; UPDATE t SET k = 950 WHERE k = 600",
            again: 5...5),
        Change("TRUNCATE p0", again: nil),
        Change("TRUNCATE t", again: nil),
        Change("CREATE TABLE p2 PARTITION OF t FOR VALUES FROM (1000) TO (2000)", again: nil),
        Change("ALTER TABLE t DETACH PARTITION p0", again: nil),
        Change(
            """
            ALTER TABLE t DETACH PARTITION p0;
            DELETE FROM p0 WHERE k < 9;
            ALTER TABLE t ATTACH PARTITION p0 FOR VALUES FROM (0) TO (500)
            """, again: nil),
        Change(
            """
            CREATE TABLE other (LIKE p0);
            INSERT INTO other (k) VALUES (3);
            ALTER TABLE t DETACH PARTITION p0;
            ALTER TABLE t ATTACH PARTITION other FOR VALUES FROM (0) TO (500)
            """, again: nil),
        Change("DROP TABLE p1a", again: nil),
        Change("ALTER TABLE p1 DISABLE TRIGGER USER; DELETE FROM p1 WHERE k < 600", again: nil),
        Change("ALTER TABLE p1a SET UNLOGGED", again: nil),
        Change(
            """
            CREATE TABLE above (k bigint, v text) PARTITION BY RANGE (k);
            ALTER TABLE above ATTACH PARTITION t FOR VALUES FROM (0) TO (2000);
            DELETE FROM above WHERE k = 3
            """, again: nil),
    ]

    @Test("finds what a whole scan finds, through whichever table it was made", arguments: changes)
    func changed(change: Change) async throws {
        try await TrackedTable.with(TrackedPartitionTests.ranges) { (table: TrackedTable) async throws -> Void in
            try await table.keep()
            #expect(try await table.check()?.isAgain(0...0) == true)
            try await table.run(change.sql)
            let account = try #require(try await table.check())
            if let again = change.again {
                #expect(account.isAgain(again), "\(account)")
            } else {
                #expect(account.wholeBecause != nil, "\(account)")
            }
        }
    }

    static let regions = """
        CREATE TABLE t (region text, sub int, k bigint, v text);
        CREATE INDEX ON t (region, sub, k);
        INSERT INTO t SELECT l, s, i, 'v' FROM unnest('{a,b," ",é%s}'::text[]) AS l, generate_series(1, 2) AS s,
            generate_series(0, 200) AS i WHERE i % 50 <> s;
        """

    @Test(
        "reads only the partitions that changed again",
        arguments: [
            Change("DELETE FROM t WHERE region = 'a' AND sub = 1 AND k = 3", again: 1...1),
            Change("DELETE FROM t WHERE k = 3", again: 8...8),
            Change("DELETE FROM t WHERE region = 'é%s'", again: 394...394),
            Change("UPDATE t SET sub = 2 WHERE region = 'a' AND sub = 1 AND k < 4", again: 6...6),
            Change("UPDATE t SET region = 'new' WHERE region = ' ' AND sub = 1", again: 394...394),
            Change("UPDATE t SET region = NULL WHERE k = 3", again: 8...8),
            Change("INSERT INTO t VALUES (NULL, 1, 1), ('a', NULL, 1), ('a', 1, NULL), ('a', 1, 999)", again: 1...1),
            Change("INSERT INTO t VALUES ('{\"x\",\\', 1, 1), ('NULL', 1, 2), ('', 1, 3)", again: 3...3),
            Change("INSERT INTO t SELECT 'big', 1, i FROM generate_series(0, 9999) AS i", again: 1000...1000),
            Change("DELETE FROM t; INSERT INTO t VALUES ('a', 1, 5)", again: 1...2000),
        ])
    func regions(change: Change) async throws {
        try await TrackedTable.with(TrackedPartitionTests.regions, partitions: ["region", "sub"]) {
            (table: TrackedTable) async throws -> Void in
            try await table.keep()
            #expect(try await table.check()?.isAgain(0...0) == true)
            try await table.run(change.sql)
            let account = try #require(try await table.check())
            #expect(account.isAgain(change.again ?? 0...0), "\(account)")
            for region in [["a", "1"], ["a", "2"], [" ", "1"], ["new", "2"], ["é%s", "1"]] {
                try await table.check(partition: Partition(region), "\(region)")
            }
            try await table.keep()
            try await table.check()
        }
    }

    @Test(
        "is a whole one if a partition cannot be told by its text",
        arguments: ["date", "char(3)", "numeric", "boolean"])
    func otherPartitions(type: String) async throws {
        try await ScannedTable.with("CREATE TABLE t (region \(type), k bigint)") {
            (table: ScannedTable) async throws -> Void in
            _ = try await SchemaInstaller.install(on: table.session)
            let tracked = try await TrackedTable(table, partitions: ["region"])
            let outcome = try await ChangeTracking.install(tracked.stream, on: table.session)
            let problem = "partition column region is not of type text, integer or uuid"
            #expect(outcome == .impossible(problem))
            #expect(
                try await tracked.check()?.wholeBecause == problem)
            #expect(
                try await table.database.number(
                    "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 't'::regclass") == 0)
        }
    }
}
