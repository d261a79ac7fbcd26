import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("Changes by many writers")
struct TrackedWritersTests {
    /// A table of each shape that changes are tracked in.
    enum Shape: String, CaseIterable {
        case unique, regions, partitioned

        var setup: String {
            switch self {
            case .unique: "CREATE TABLE t (region text DEFAULT 'a', k bigint PRIMARY KEY)"
            case .regions: "CREATE TABLE t (region text, k bigint); CREATE INDEX ON t (region, k)"
            case .partitioned:
                """
                CREATE TABLE t (region text, k bigint) PARTITION BY LIST (region);
                CREATE TABLE pa PARTITION OF t FOR VALUES IN ('a') PARTITION BY RANGE (k);
                CREATE TABLE pa1 PARTITION OF pa FOR VALUES FROM (MINVALUE) TO (20);
                CREATE TABLE pa2 PARTITION OF pa DEFAULT;
                CREATE TABLE pb PARTITION OF t DEFAULT;
                CREATE INDEX ON t (region, k)
                """
            }
        }

        var partitions: [String] { self == .unique ? [] : ["region"] }
    }

    /// A statement drawn at random.
    private static func statement(_ shape: Shape, _ random: inout SeededGenerator) -> String {
        let region = ["a", "b", "c"].randomElement(using: &random) ?? "a"
        let k = Int.random(in: -3..<43, using: &random)
        let width = Int.random(in: 0..<6, using: &random)
        let table =
            shape == .partitioned ? ["t", "t", "pa", "pa1", "pa2", "pb"].randomElement(using: &random) ?? "t" : "t"
        let inside = table == "pb" ? "region <> 'a'" : "true"
        switch Int.random(in: 0..<14, using: &random) {
        case 0, 1, 2: return "INSERT INTO t SELECT '\(region)', i FROM generate_series(\(k), \(k + width)) AS i"
        case 3: return "INSERT INTO t VALUES ('\(region)', \(k)), ('b', \(k + 7)) ON CONFLICT DO NOTHING"
        case 4:
            return
                "INSERT INTO t SELECT '\(region)', i FROM generate_series(0, 39, \(width + 3)) AS i ON CONFLICT DO NOTHING"
        case 5, 6, 7: return "DELETE FROM \(table) WHERE \(inside) AND k BETWEEN \(k) AND \(k + width)"
        case 8: return "DELETE FROM \(table) WHERE k % 7 = \(width)"
        case 9: return "UPDATE t SET k = k + \(width - 3) WHERE k BETWEEN \(k) AND \(k + 4)"
        case 10: return "UPDATE t SET region = '\(region)' WHERE k BETWEEN \(k) AND \(k + width)"
        case 11: return "UPDATE \(table) SET k = k WHERE k > \(k)"
        case 12: return "SAVEPOINT s; DELETE FROM t WHERE k = \(k); ROLLBACK TO s; DELETE FROM t WHERE k = \(k + 1)"
        default:
            return width == 0 ? "TRUNCATE \(table)" : "DELETE FROM t WHERE k = \(k); INSERT INTO t VALUES ('b', \(k))"
        }
    }

    @Test(
        "are all noticed, in every order of transactions that begin, commit, roll back and scan",
        arguments: Shape.allCases, [UInt64(1), 2, 3])
    func orders(shape: Shape, seed: UInt64) async throws {
        try await TrackedTable.with(shape.setup, partitions: shape.partitions, range: 0..<40) {
            (table: TrackedTable) async throws -> Void in
            var random = SeededGenerator(seed: seed)
            var writers: [Session] = []
            for _ in 0..<4 {
                let writer = try await table.database.connect()
                // Who meets another's lock gives up: all of this is one task.
                _ = try await writer.script("SET lock_timeout = '5ms'", name: "test")
                writers.append(writer)
            }
            var open: Set<Int> = []
            var again = 0
            var steps: [String] = []
            try await table.run("INSERT INTO t SELECT 'a', i FROM generate_series(0, 30) AS i; ANALYZE t")
            for _ in 0..<220 {
                let writer = Int.random(in: 0..<writers.count, using: &random)
                var step: String
                switch Int.random(in: 0..<10, using: &random) {
                case 0 where !open.contains(writer): step = "BEGIN"
                case 1, 2: step = open.contains(writer) ? "COMMIT" : "SELECT"
                case 3: step = open.contains(writer) ? "ROLLBACK" : "SELECT"
                case 4:
                    try await table.keep()
                    step = "SELECT"
                default: step = TrackedWritersTests.statement(shape, &random)
                }
                // A table that is truncated and not committed keeps every scan waiting, this one too.
                if open.contains(writer) ? step.hasPrefix("TRUNCATE") : step.hasPrefix("SAVEPOINT") { step = "SELECT" }
                do {
                    _ = try await writers[writer].script(step, name: "test")
                    if step == "BEGIN" { open.insert(writer) }
                    if step == "COMMIT" || step == "ROLLBACK" { open.remove(writer) }
                } catch {
                    _ = try await writers[writer].script("ROLLBACK", name: "test")
                    open.remove(writer)
                    step += " (failed)"
                }
                steps.append("\(writer): \(step)")
                guard Int.random(in: 0..<2, using: &random) == 0 else { continue }
                let account = try await table.check("\(steps.suffix(30))")
                if account?.isAgain(0...UInt64.max) == true { again += 1 }
            }
            // The scan would be right all the time if it never took the short way.
            #expect(again > 40)
            for writer in writers { await writer.close() }
        }
    }

    @Test("are noticed by a snapshot that is older than the summary, and by one that is younger")
    func oldSnapshots() async throws {
        try await TrackedTable.with(Shape.unique.setup) { (table: TrackedTable) async throws -> Void in
            try await table.run("INSERT INTO t SELECT 'a', i FROM generate_series(0, 900) AS i")
            try await table.keep()
            let old = try await table.database.connect()
            let other = try await table.database.connect()
            let stream = table.stream
            let range = table.range
            try await old.withTransaction(.snapshot) { session in
                _ = try await session.script("SELECT count(*) FROM t", name: "test")
                _ = try await other.script("DELETE FROM t WHERE k < 100", name: "test")
                try await table.keep(on: other)
                _ = try await other.script(
                    "INSERT INTO t SELECT 'a', i FROM generate_series(901, 2500) AS i", name: "test")
                for k in 200..<400 { _ = try await other.script("DELETE FROM t WHERE k = \(k)", name: "test") }
                try await table.keep(on: other)
                let tracked = try await TrackedGapScan().scan(stream, range: range, partition: nil, on: session)
                let whole = try await WindowGapScan().scan(stream, range: range, partition: nil, on: session)
                #expect(tracked.missing == whole.missing)
                #expect(tracked.missing(in: .whole) == UnitSet(901..<1000))
            }
            #expect(try await table.check()?.isAgain(0...1000) == true)
            await old.close()
            await other.close()
        }
    }

    @Test("that are prepared are noticed when they are committed")
    func prepared() async throws {
        let settings = ["max_prepared_transactions=5"]
        try await PrivateServer.with(settings: settings) { server in
            let session = try await Session.connect(
                SessionOptions(connectionString: server.connectionString(database: "postgres"), applicationName: "test")
            )
            _ = try await session.script(
                "CREATE TABLE t (k bigint PRIMARY KEY); INSERT INTO t SELECT generate_series(0, 900)", name: "test")
            _ = try await SchemaInstaller.install(on: session)
            var definition = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: .integer(step: 1))
            definition.tracksChanges = true
            definition.expect.from = .unit(0)
            let stream = try await ResolvedStream.resolve(definition, on: session)
            #expect(try await ChangeTracking.install(stream, on: session) == .installed)
            func missing() async throws -> (UInt64, ScanAccount.Changes?) {
                let survey = try await Surveyor(keepsFrom: 1).survey(stream, on: session)
                return (survey.missingCount, survey.scan.changes)
            }
            _ = try await session.script("BEGIN; DELETE FROM t WHERE k IN (1, 3, 5)", name: "test")
            _ = try await session.script("PREPARE TRANSACTION 'x'", name: "test")
            #expect(try await missing().0 == 0)
            #expect(try await missing().1?.isAgain(0...0) == true)
            try await server.stop(.immediate)
            try await server.start()
            let fresh = try await Session.connect(
                SessionOptions(connectionString: server.connectionString(database: "postgres"), applicationName: "test")
            )
            _ = try await fresh.script("COMMIT PREPARED 'x'", name: "test")
            let survey = try await Surveyor(keepsFrom: 1).survey(stream, on: fresh)
            #expect(survey.missingCount == 3)
            #expect(survey.scan.changes?.isAgain(3...3) == true)
            await fresh.close()
            await session.close()
        }
    }

    @Test("are noticed while writers, scans and scans that are kept go on at once")
    func concurrent() async throws {
        try await TrackedTable.with(Shape.regions.setup, partitions: ["region"], range: 0..<400) {
            (table: TrackedTable) async throws -> Void in
            try await table.run("INSERT INTO t SELECT 'a', i FROM generate_series(0, 300) AS i; ANALYZE t")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<3 {
                    group.addTask {
                        let session = try await table.database.connect()
                        for step in 0..<150 {
                            let k = (step * 37 + writer * 101) % 390
                            _ = try await session.script(
                                step % 3 == 0
                                    ? "DELETE FROM t WHERE k BETWEEN \(k) AND \(k + 5)"
                                    : "INSERT INTO t SELECT 'b', i FROM generate_series(\(k), \(k + 3)) AS i",
                                name: "test")
                        }
                        await session.close()
                    }
                }
                for _ in 0..<2 {
                    group.addTask {
                        let session = try await table.database.connect()
                        for _ in 0..<25 {
                            _ = try await session.script(
                                "DO $$ BEGIN FOR i IN 1..50 LOOP INSERT INTO t VALUES ('c', i % 400); END LOOP; END $$",
                                name: "test")
                            try await table.keep(on: session)
                        }
                        await session.close()
                    }
                    group.addTask {
                        let session = try await table.database.connect()
                        for _ in 0..<60 { try await table.check(on: session) }
                        await session.close()
                    }
                }
                try await group.waitForAll()
            }
            try await table.check()
            #expect(try await table.database.number("SELECT generation FROM lacuna.tracking") > 1)
        }
    }
}
