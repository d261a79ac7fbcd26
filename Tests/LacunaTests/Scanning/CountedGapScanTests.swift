import Foundation
import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("The scan that counts rows")
struct CountedGapScanTests {
    /// What a unit has in the table: how many rows, and how many of them are good.
    private struct Unit {
        var rows: Int64
        var good: Int64

        func shortfall(_ complete: Completeness, wanted: Int64?) -> Int64 {
            switch complete {
            case .rows(let least): max(least - rows, 0)
            case .everyRow: rows - good
            case .anyRow: good > 0 ? 0 : rows
            case .query: max((wanted ?? 0) - rows, 0)
            }
        }
    }

    private static let completeness: [Completeness] = [
        .rows(2), .everyRow("v > 0 -- not NULL"), .anyRow("v > 0"),
        .query("SELECT wanted, k, region FROM lists.asked WHERE wanted IS NOT NULL;"),
    ]

    @Test("finds the units that fall short, in 300 partitions of each kind of key", arguments: KeyColumn.all)
    func manyPartitions(column: KeyColumn) async throws {
        try await ScannedTable.with(
            """
            CREATE TABLE raw (region int, n int, j int, v int);
            CREATE TABLE t (region int, k \(column.sqlType), v int);
            CREATE SCHEMA lists;
            CREATE TABLE raw_asked (region int, n int, j int, wanted int);
            CREATE TABLE lists.asked (region int, k \(column.sqlType), wanted int);
            """
        ) { table in
            var random = SeededGenerator("units that fall short")
            var units: [Int: [Int64: Unit]] = [:]
            var wanted: [Int: [Int64: Int64]] = [:]
            var rows = ""
            var asked = ""
            for region in 0..<300 {
                await Task.yield()
                let density = Double.random(in: 0...1.2, using: &random)
                for n in 0..<28 {
                    if Double.random(in: 0..<1, using: &random) < density {
                        let good = Int64.random(in: 0...3, using: &random)
                        let bad = Int64.random(in: good == 0 ? 1...3 : 0...2, using: &random)
                        units[region, default: [:]][Int64(n)] = Unit(rows: good + bad, good: good)
                        for index in 0..<good + bad {
                            let v = index < good ? "1" : index % 2 == 0 ? "" : "-1"
                            rows += "\(region),\(n),\(Int.random(in: 0..<900, using: &random)),\(v)\n"
                        }
                    }
                    if Bool.random(using: &random) {
                        let number = Int64.random(in: 0...5, using: &random)
                        wanted[region, default: [:]][Int64(n)] = number
                        asked += "\(region),\(n),7,\(number)\n"
                    }
                }
            }
            for (name, text) in [("raw", rows), ("raw_asked", asked)] {
                _ = try await table.session.copyIn(
                    BoundStatement(name: name, sql: "COPY \(name) FROM STDIN (FORMAT csv)")
                ) { put in try Array(text.utf8).withUnsafeBytes { try put($0) } }
            }
            try await table.run("INSERT INTO t SELECT region, \(column.key), v FROM raw")
            try await table.run("INSERT INTO lists.asked SELECT region, \(column.key), wanted FROM raw_asked")
            let first = try column.type.ordinal(of: column.first)
            let stream = try await table.stream(type: column.type, partitions: ["region"])
            for complete in Self.completeness {
                for range in [Int64(0)..<28, 5..<20] {
                    let moved = first + range.lowerBound..<first + range.upperBound
                    let result = try await table.countedScan(stream, complete, range: moved)
                    for region in 0..<300 {
                        await Task.yield()
                        let partition = Partition(["\(region)"])
                        let here = units[region] ?? [:]
                        let present = Set(here.keys.map { $0 + first })
                        var short: [Int64: Int64] = [:]
                        for (unit, rows) in here where range.contains(unit) {
                            let lacks = rows.shortfall(complete, wanted: wanted[region]?[unit])
                            if lacks > 0 { short[unit + first] = lacks }
                        }
                        let thin = result.thin[partition] ?? ThinUnits()
                        guard result.missing(in: partition) == bruteForceMissing(moved, present),
                            thin == ThinUnits(short.map { ($0.key, $0.value) })
                        else {
                            Issue.record("\(complete), region \(region), \(range): \(thin), not \(short)")
                            return
                        }
                    }
                }
            }
        }
    }

    @Test("says what a query has to return, and what in the user's SQL the server rejects")
    func messages() async throws {
        try await ScannedTable.with("CREATE TABLE t (region int, k bigint, v int); INSERT INTO t VALUES (1, 1, 1)") {
            table in
            let stream = try await table.stream(type: .integer(step: 1), partitions: ["region"])
            for (complete, text) in [
                (Completeness.query("SELECT k, 1 AS n FROM t"), "it has to return region, k and one column more"),
                (.query("SELECT region, k, 1 AS n, 2 AS m FROM t"), "it has to return region, k and one column more"),
                (.query("SELECT region, k FROM t"), "it has to return region, k and one column more"),
                (.query("SELECT region, k, 'x' AS n FROM t"), "complete.query failed"),
                (.everyRow("w > 1"), "complete.where failed"), (.anyRow("v / 0 = 1"), "complete.where failed"),
            ] {
                let error = await #expect(throws: StreamError.self) {
                    try await table.countedScan(stream, complete, range: 0..<10)
                }
                #expect("\(error.map { "\($0)" } ?? "")".contains(text))
            }
        }
    }
}
