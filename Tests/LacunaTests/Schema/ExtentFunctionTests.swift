import Foundation
import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("The functions for other ingesters")
struct ExtentFunctionTests {
    /// Registers stream `s` over a table with one column of a type.
    private func withStream(
        _ columnType: String, _ type: KeyType, _ body: (ScannedTable) async throws -> Void
    ) async throws {
        try await ScannedTable.with("CREATE TABLE t (k \(columnType))") { table in
            _ = try await SchemaInstaller.install(on: table.session)
            var definition = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: type)
            definition.partitions = .whole
            try await StreamRegistry.register(
                try await ResolvedStream.resolve(definition, on: table.session), on: table.session)
            try await body(table)
        }
    }

    private func extents(_ table: ScannedTable) async throws -> [String] {
        try await table.database.column("SELECT oldest || ' ' || latest FROM lacuna.cursor ORDER BY partition")
    }

    static let kinds: [(String, KeyType, [String])] = [
        ("bigint", .integer(step: 1), ["7", "-3", "9223372036854775806", "-9223372036854775808", "0"]),
        ("integer", .integer(step: 5), ["7", "-3", "-5", "-6", "14"]),
        ("date", .date(timezone: .utc), ["2024-02-29", "1969-12-31", "2024-03-01"]),
        (
            "timestamptz", .date(timezone: .saoPaulo),
            ["2018-11-04T02:59:59Z", "2018-11-04T03:00:00Z", "2018-11-05T01:59:59Z", "2018-11-05T02:00:00Z"]
        ),
        (
            "timestamptz", .timestamp(step: 3600, timezone: .kolkata),
            ["2024-02-29T04:29:59Z", "2024-02-29T04:30:00Z", "1969-12-31T23:59:59Z"]
        ),
        (
            "timestamptz", .timestamp(step: 900, timezone: .london),
            ["2024-03-31T00:59:59Z", "2024-10-27T01:00:00+01:00"]
        ),
    ]

    @Test("map keys to the units that Lacuna maps them to, and only ever widen the extents", arguments: kinds)
    func widen(columnType: String, type: KeyType, keys: [String]) async throws {
        try await withStream(columnType, type) { table in
            var seen: [Int64] = []
            for key in keys {
                let argument = "'\(key)'::\(columnType)"
                try await table.run("SELECT lacuna.update_min('s', \(argument)), lacuna.update_max('s', \(argument))")
                seen.append(try type.ordinal(of: key))
                let expected = "\(seen.min() ?? 0) \(seen.max() ?? 0)"
                let found = try await extents(table)
                #expect(found == [expected], "\(key)")
            }
            // update_min alone never lowers latest, update_max alone never raises oldest.
            let before = try await extents(table)
            try await table.run("SELECT lacuna.update_min('s', '\(keys[0])'::\(columnType))")
            try await table.run("SELECT lacuna.update_max('s', '\(keys[0])'::\(columnType))")
            let after = try await extents(table)
            #expect(after == before)
        }
    }

    @Test("keep partitions apart")
    func partitions() async throws {
        try await withStream("bigint", .integer(step: 1)) { table in
            try await table.run("UPDATE lacuna.stream SET partition_columns = '{region}'")
            try await table.run(
                """
                SELECT lacuna.update_min('s', 5, '{"region": "gb"}'), lacuna.update_max('s', 9, '{"region": "gb"}'),
                    lacuna.update_max('s', 2, '{"region": 7}'), lacuna.update_max('s', 3, '{"region": "7"}')
                """)
            let found = try await table.database.column(
                "SELECT partition ->> 'region' || ' ' || oldest || ' ' || latest FROM lacuna.coverage ORDER BY 1")
            #expect(found == ["7 2 3", "gb 5 9"])
            for wrong in ["{}", #"{"regoin": "gb"}"#, #"{"region": "gb", "more": 1}"#] {
                let error = await #expect(throws: PostgresError.self) {
                    try await table.run("SELECT lacuna.update_max('s', 9, '\(wrong)')")
                }
                #expect(error?.serverError?.message.contains("partition columns") == true)
            }
        }
    }

    @Test("refuse values that no partition can have, and take the others as they are")
    func impossiblePartitions() async throws {
        let columns = [
            "word": "text", "n": "integer", "day": "date", "id": "uuid", "flag": "boolean", "small": "short",
        ]
        try await ScannedTable.with(
            """
            CREATE DOMAIN short AS smallint;
            CREATE TABLE t (k bigint, word text, n integer, day date, id uuid, flag boolean, small short)
            """
        ) { table in
            _ = try await SchemaInstaller.install(on: table.session)
            for column in columns.keys.sorted() {
                let stream = try await table.stream("t", name: column, type: .integer(step: 1), partitions: [column])
                try await StreamRegistry.register(stream, on: table.session)
            }
            try await table.run("SET DateStyle = 'SQL, DMY'")
            func extend(_ column: String, _ value: String) async throws {
                try await table.run(
                    """
                    SELECT lacuna.update_max('\(column)', 1, '{"\(column)": \(value)}'),
                        lacuna.update_min('\(column)', 1, '{"\(column)": \(value)}')
                    """)
            }
            for (column, value) in [
                ("word", "null"), ("word", "[\"a\"]"), ("word", "{}"), ("n", "null"), ("n", "\"1.0\""), ("n", "1.0"),
                ("n", "\"01\""), ("n", "\" 1\""), ("n", "\"x\""), ("n", "true"), ("small", "\"1.0\""), ("small", "[]"),
                ("day", "\"2024-1-1\""), ("day", "\"01/02/2024\""), ("day", "20240101"), ("id", "\"A\""),
                ("id", "\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\""), ("flag", "\"t\""), ("flag", "1"),
            ] {
                await #expect(throws: PostgresError.self, "\(column) \(value)") { try await extend(column, value) }
            }
            #expect(try await extents(table).isEmpty)
            let possible = [
                ("word", "\"\""), ("word", "7"), ("word", "\"null\""), ("n", "1"), ("n", "\"-1\""), ("small", "3"),
                ("day", "\"2024-01-01\""), ("id", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""), ("flag", "true"),
                ("flag", "\"false\""),
            ]
            for (column, value) in possible { try await extend(column, value) }
            #expect(try await extents(table).count == possible.count)
            let error = await #expect(throws: PostgresError.self) { try await extend("n", "\"01\"") }
            #expect(
                error?.serverError?.message
                    == "no partition of stream \"n\" can have '01' as \"n\", which is of type integer")
            #expect(error?.serverError?.hint == "The column writes it as '1'.")
        }
    }

    @Test("name a stream that nobody registered, and what to do", arguments: ["1::bigint", "current_date", "now()"])
    func unknown(key: String) async throws {
        try await withStream("bigint", .integer(step: 1)) { table in
            let error = await #expect(throws: PostgresError.self) {
                try await table.run("SELECT lacuna.update_min('nobody''s', \(key))")
            }
            #expect(error?.serverError?.message.contains("nobody's") == true)
            #expect(error?.serverError?.hint?.contains("lacuna init") == true)
            let found = try await extents(table)
            #expect(found.isEmpty)
        }
    }

    @Test("refuse a key of another type", arguments: ["current_date", "now()"])
    func mismatch(key: String) async throws {
        try await withStream("bigint", .integer(step: 1)) { table in
            let error = await #expect(throws: PostgresError.self) {
                try await table.run("SELECT lacuna.update_max('s', \(key))")
            }
            #expect(error?.serverError?.message.contains("integer") == true)
        }
    }

    @Test("A transaction that is rolled back moves nothing")
    func rolledBack() async throws {
        try await withStream("bigint", .integer(step: 1)) { table in
            try await table.run("SELECT lacuna.update_max('s', 3)")
            try await table.run("BEGIN; SELECT lacuna.update_max('s', 30), lacuna.update_min('s', -30); ROLLBACK")
            let found = try await extents(table)
            #expect(found == ["3 3"])
        }
    }

    @Test("Extents are exact after commits of many sessions in any order", arguments: [1, 2, 3] as [UInt64])
    func concurrent(seed: UInt64) async throws {
        try await withStream("bigint", .integer(step: 1)) { table in
            try await withThrowingTaskGroup { group in
                for worker in 0..<6 {
                    let session = try await table.database.connect()
                    group.addTask {
                        var random = SeededGenerator(seed: seed &* 100 &+ UInt64(worker))
                        for _ in 0..<40 {
                            let low = Int64.random(in: -100_000..<100_000, using: &random)
                            let high = low + Int64.random(in: 0..<500, using: &random)
                            let isRolledBack = Int.random(in: 0..<4, using: &random) == 0
                            _ = try await session.script(
                                """
                                BEGIN; INSERT INTO t VALUES (\(low)), (\(high));
                                SELECT lacuna.update_min('s', \(low)), lacuna.update_max('s', \(high));
                                \(isRolledBack ? "ROLLBACK" : "COMMIT")
                                """, name: "ingest")
                        }
                        await session.close()
                    }
                }
                try await group.waitForAll()
            }
            let found = try await extents(table)
            let truth = try await table.database.column("SELECT min(k) || ' ' || max(k) FROM t")
            #expect(found == truth)
        }
    }
}
