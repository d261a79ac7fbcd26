import Foundation
import Lacuna
import Postgres
import TestSupport
import Testing

/// A kind of key column, and how the key of unit `n` beyond a first one is made in SQL; `j` moves it inside its unit.
struct KeyColumn: Sendable, CustomTestStringConvertible {
    let sqlType: String
    let type: KeyType
    let first: String
    let key: String
    var testDescription: String { "\(sqlType) \(type.name) \(type.timezone.identifier)" }

    static let all: [KeyColumn] = [
        KeyColumn(sqlType: "bigint", type: .integer(step: 1), first: "-5", key: "n - 5"),
        KeyColumn(sqlType: "integer", type: .integer(step: 1), first: "2147483600", key: "n + 2147483600"),
        KeyColumn(sqlType: "smallint", type: .integer(step: 5), first: "-50", key: "n * 5 - 50 + j % 5"),
        KeyColumn(sqlType: "date", type: .date(timezone: .utc), first: "2024-02-20", key: "date '2024-02-20' + n"),
        KeyColumn(
            sqlType: "timestamptz", type: .timestamp(step: 3600, timezone: .london), first: "2024-03-30T20:00:00Z",
            key: "timestamptz '2024-03-30 20:00Z' + n * interval '1 hour' + j * interval '1 second'"),
        KeyColumn(
            sqlType: "timestamptz", type: .timestamp(step: 900, timezone: .kolkata), first: "2024-02-28T18:30:00Z",
            key: "timestamptz '2024-02-28 18:30Z' + n * interval '15 minutes' + j * interval '0.5 seconds'"),
        KeyColumn(
            sqlType: "timestamp", type: .timestamp(step: 3600, timezone: .kolkata), first: "2024-02-28T20:00:00+05:30",
            key: "timestamp '2024-02-28 20:00' + n * interval '1 hour' + j * interval '1 second'"),
        KeyColumn(
            sqlType: "timestamptz", type: .date(timezone: .london), first: "2024-03-20",
            key:
                "(timestamp '2024-03-20' + n * interval '1 day' + j * interval '23 seconds') AT TIME ZONE 'Europe/London'"
        ),
        KeyColumn(
            sqlType: "timestamptz", type: .date(timezone: .saoPaulo), first: "2018-10-25",
            key:
                "(timestamp '2018-10-25' + n * interval '1 day' + j * interval '23 seconds') AT TIME ZONE 'America/Sao_Paulo'"
        ),
        KeyColumn(
            sqlType: "timestamp", type: .date(timezone: .london), first: "2024-03-20",
            key: "timestamp '2024-03-20' + n * interval '1 day' + j * interval '23 seconds'"),
    ]
}

@Suite("Every gap scan")
struct GapScanPropertyTests {
    @Test(
        "finds what a set difference finds, in 2,000 partitions of each kind of key at once",
        arguments: KeyColumn.all, [false, true])
    func manyPartitions(column: KeyColumn, isUnique: Bool) async throws {
        try await ScannedTable.with(
            "CREATE TABLE raw (region int, n int, j int); CREATE TABLE t (region int, k \(column.sqlType))"
        ) { table in
            var random = SeededGenerator(seed: 20)
            var present: [Int: Set<Int64>] = [:]
            var rows = ""
            for region in 0..<2000 {
                await Task.yield()
                let density = Double.random(in: 0...1.2, using: &random)
                // Some outside the range that is asked for, some twice, some without a key.
                for n in 0..<28 where Double.random(in: 0..<1, using: &random) < density {
                    for _ in 0..<Int.random(in: 1...2, using: &random) {
                        rows += "\(region),\(n),\(Int.random(in: 0..<1800, using: &random))\n"
                    }
                    present[region, default: []].insert(Int64(n))
                }
                if region % 7 == 0 { rows += "\(region),,0\n" }
            }
            let text = rows
            _ = try await table.session.copyIn(BoundStatement(name: "raw", sql: "COPY raw FROM STDIN (FORMAT csv)")) {
                put in
                try Array(text.utf8).withUnsafeBytes { try put($0) }
            }
            try await table.run("INSERT INTO t SELECT \(isUnique ? "DISTINCT" : "") region, \(column.key) FROM raw")
            try await table.run("CREATE \(isUnique ? "UNIQUE" : "") INDEX ON t (region, k)")
            let first = try column.type.ordinal(of: column.first)
            let stream = try await table.stream(type: column.type, partitions: ["region"])
            for range in [Int64(3)..<24, 0..<28, 10..<11, 27..<30] {
                let moved = first + range.lowerBound..<first + range.upperBound
                let result = try await table.scanAllWays(stream, range: moved)
                for region in 0..<2000 {
                    await Task.yield()
                    let units = Set((present[region] ?? []).map { $0 + first })
                    let missing = result.missing(in: Partition(["\(region)"]))
                    guard missing == bruteForceMissing(moved, units) else {
                        Issue.record("region \(region) of \(range): \(missing.ranges), present \(units.sorted())")
                        return
                    }
                }
            }
        }
    }

    @Test(
        "finds what a set difference finds in long tables that lack little, a few units here and whole segments there")
    func longTables() async throws {
        try await ScannedTable.with("CREATE TABLE t (region int, k bigint, UNIQUE (region, k))") { table in
            let stream = try await table.stream(type: .integer(step: 1), partitions: ["region"])
            var random = SeededGenerator(seed: 9)
            for _ in 0..<20 {
                try await table.run("TRUNCATE t")
                var present: [Int: UnitSet] = [:]
                for region in 0..<Int.random(in: 1...3, using: &random) {
                    let lower = Int64.random(in: -9000..<9000, using: &random)
                    var units = UnitSet(lower..<lower + Int64.random(in: 1..<9000, using: &random))
                    for _ in 0..<Int.random(in: 0...9, using: &random) {
                        let hole = Int64.random(in: -9000..<18_000, using: &random)
                        units = units.subtracting(hole..<hole + Int64(1 << Int.random(in: 0...10, using: &random)))
                    }
                    present[region] = units
                    for units in units.ranges {
                        try await table.run(
                            "INSERT INTO t SELECT \(region), generate_series(\(units.lowerBound), \(units.upperBound - 1))"
                        )
                    }
                }
                let lower = Int64.random(in: -9500..<0, using: &random)
                let range = lower..<Int64.random(in: 1..<18_500, using: &random)
                let result = try await table.scanAllWays(stream, range: range)
                for (region, units) in present {
                    let missing = result.missing(in: Partition(["\(region)"]))
                    guard missing == UnitSet(range).subtracting(units) else {
                        Issue.record("region \(region), \(units.ranges) in \(range): \(missing.ranges)")
                        return
                    }
                    let partition = Partition(["\(region)"])
                    let alone = try await table.scanAllWays(stream, range: range, partition: partition)
                    #expect(alone.missing(in: partition) == missing)
                }
            }
        }
    }

    @Test("finds what a set difference finds in 300 tables without partitions", arguments: [false, true])
    func singleTables(isUnique: Bool) async throws {
        try await ScannedTable.with("CREATE TABLE t (k bigint \(isUnique ? "UNIQUE" : ""))") { table in
            let stream = try await table.stream(type: .integer(step: 1))
            var random = SeededGenerator(seed: 4)
            for _ in 0..<300 {
                let count = Int.random(in: 0...12, using: &random)
                var keys = (0..<count).map { _ in Int64.random(in: -8..<8, using: &random) }
                if isUnique { keys = Set(keys).sorted() }
                let range = Int64.random(in: -9...0, using: &random)..<Int64.random(in: 0...9, using: &random)
                try await table.run("DELETE FROM t")
                try await table.session.query(
                    BoundStatement(
                        name: "fill",
                        sql: "INSERT INTO t SELECT pg_catalog.unnest($1::bigint[])",
                        values: ["{\((keys.map(String.init) + ["NULL"]).joined(separator: ","))}"]))
                let result = try await table.scanAllWays(stream, range: range)
                guard result.missing(in: .whole) == bruteForceMissing(range, Set(keys)),
                    result.present(in: .whole) == UnitSet(Set(keys).map { $0..<$0 + 1 }).intersection(range)
                else {
                    Issue.record("\(keys) in \(range): \(result.missing(in: .whole).ranges)")
                    return
                }
            }
        }
    }
}
