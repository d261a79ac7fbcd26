import Lacuna
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("The plans of the statements that scan")
struct ScanPlanTests {
    /// A type of key with its units.
    struct Key: Sendable, CustomTestStringConvertible {
        let column: String
        let type: KeyType
        /// Of the number `n`.
        let value: String

        var testDescription: String { column }

        /// Whether all ways to scan take it.
        var isOneKeyPerUnit: Bool {
            switch type {
            case .integer(let step): step == 1
            case .date: column.hasSuffix("date")
            default: false
            }
        }
    }

    static let keys: [Key] = [
        Key(column: "smallint", type: .integer(step: 1), value: "n"),
        Key(column: "integer", type: .integer(step: 1), value: "n"),
        Key(column: "bigint", type: .integer(step: 1), value: "n"),
        Key(column: "integer_of_ours", type: .integer(step: 1), value: "n"),
        Key(column: "domain_of_ours", type: .integer(step: 1), value: "n"),
        Key(column: "integer", type: .integer(step: 3), value: "n"),
        Key(column: "date", type: .date(timezone: .utc), value: "date '1970-01-01' + n"),
        Key(column: "our_date", type: .date(timezone: .utc), value: "date '1970-01-01' + n"),
        Key(column: "timestamp", type: .date(timezone: .utc), value: "timestamp '1970-01-01' + n * interval '1 day'"),
        Key(
            column: "timestamptz", type: .date(timezone: .utc),
            value: "timestamptz '1970-01-01 00:00+00' + n * interval '24 hours'"),
        Key(
            column: "timestamp", type: .timestamp(step: 60, timezone: .utc),
            value: "timestamp '1970-01-01' + n * interval '1 minute'"),
        Key(
            column: "timestamptz", type: .timestamp(step: 60, timezone: .utc),
            value: "timestamptz '1970-01-01 00:00+00' + n * interval '1 minute'"),
    ]

    private static let domains = """
        CREATE DOMAIN integer_of_ours AS integer; CREATE DOMAIN bigint_of_ours AS bigint;
        CREATE DOMAIN domain_of_ours AS bigint_of_ours CHECK (VALUE <> 7); CREATE DOMAIN our_date AS date;
        """

    /// Has the server say the plan of each statement, and returns what `body` makes it say of the table `t`.
    private func plans(
        _ setup: String, of definition: StreamDefinition,
        _ body: (ResolvedStream, Session) async throws -> Void
    ) async throws -> [String] {
        let said = Mutex<[String]>([])
        try await TestDatabase.with { database in
            try await database.execute(setup)
            try await database.execute("VACUUM ANALYZE t")
            var options = SessionOptions(connectionString: database.connectionString, applicationName: "test")
            options.onNotice = { notice in said.withLock { $0.append(notice.message) } }
            let session = try await Session.connect(options)
            let stream = try await ResolvedStream.resolve(definition, on: session)
            _ = try await session.script(
                """
                LOAD 'auto_explain';
                SET auto_explain.log_min_duration = 0; SET auto_explain.log_level = 'notice';
                SET client_min_messages = 'notice'; SET max_parallel_workers_per_gather = 0
                """, name: "test")
            try await body(stream, session)
            await session.close()
        }
        return said.withLock { $0 }.filter { $0.contains(" on t ") }
    }

    private func expectIndexOrder(_ plans: [String], sorts: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(!plans.isEmpty, sourceLocation: sourceLocation)
        for plan in plans {
            let scans = plan.matches(of: /([A-Z][A-Za-z ]*Scan[A-Za-z ]*)(?: using \S+)? on t\b/).map(\.output.1)
            #expect(scans.allSatisfy { $0.contains("Index") }, "\(plan)", sourceLocation: sourceLocation)
            #expect(plan.contains("Index Cond:"), "\(plan)", sourceLocation: sourceLocation)
            if !sorts {
                #expect(!plan.contains(/Sort Key: .*\bk\b/), "\(plan)", sourceLocation: sourceLocation)
            }
        }
    }

    private func table(_ key: Key, partitions: [String]) -> String {
        """
        \(Self.domains)
        CREATE TABLE t (region text NOT NULL, k \(key.column) NOT NULL, PRIMARY KEY (\((partitions + ["k"]).joined(separator: ", "))));
        INSERT INTO t SELECT 'gb', \(key.value) FROM generate_series(1, 20000) AS n WHERE n % 6000 <> 7
        """
    }

    @Test(
        "walk the index, whatever type the key has", arguments: keys, [[], ["region"]])
    func index(key: Key, partitions: [String]) async throws {
        var definition = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: key.type)
        if !partitions.isEmpty { definition.partitions = .query("", columns: partitions) }
        for strategy in [ScanStrategy.segments, .probe, .skip] {
            guard key.isOneKeyPerUnit || strategy != .segments else { continue }
            let plans = try await plans(table(key, partitions: partitions), of: definition) { stream, session in
                try await session.withTransaction(.snapshot) { session in
                    _ = try await ChosenGapScan(strategy).scan(
                        stream, range: 1..<20_001, partition: nil, on: session)
                }
            }
            #expect(plans.count > 1, "\(strategy)")
            expectIndexOrder(plans, sorts: false)
        }
    }

    @Test(
        "drop duplicates and look for neighbours in the order of the index, whatever type the key has",
        arguments: keys, [[], ["region"]])
    func window(key: Key, partitions: [String]) async throws {
        var definition = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: key.type)
        if !partitions.isEmpty { definition.partitions = .query("", columns: partitions) }
        let plans = try await plans(table(key, partitions: partitions), of: definition) { stream, session in
            // What cannot be done otherwise is done all the same.
            _ = try await session.script(
                "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET enable_hashagg = off",
                name: "test")
            for looksFirst in [false, true] {
                // Only a batch looks for the first row of its window, and a batch is of one partition.
                let partition = looksFirst && !partitions.isEmpty ? Partition(["gb"]) : nil
                _ = try await WindowGapScan(unitsAreUnique: looksFirst && key.isOneKeyPerUnit, looksFirst: looksFirst)
                    .scan(stream, range: 1..<20_001, partition: partition, on: session)
            }
        }
        // Several keys of a unit are told apart by the unit, which no index has.
        expectIndexOrder(plans, sorts: !key.isOneKeyPerUnit)
    }

    @Test("look up numbers of any size, as ids, in the index")
    func numerics() async throws {
        let definition = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: .text(TextKeys.none))
        let setup = "CREATE TABLE t (k numeric PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 20000)"
        let plans = try await plans(setup, of: definition) { stream, session in
            _ = try await SchemaInstaller.install(on: session)
            _ = try await session.script(
                """
                INSERT INTO lacuna.key (stream, key) SELECT 's', n::text FROM generate_series(1, 100) AS n;
                SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
                """, name: "test")
            _ = try await WindowGapScan().scan(stream, range: 1..<101, partition: nil, on: session)
        }
        expectIndexOrder(plans, sorts: true)
    }
}
