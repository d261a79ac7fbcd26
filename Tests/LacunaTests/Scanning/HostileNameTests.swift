import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("Hostile names and values")
struct HostileNameTests {
    static let names =
        hostileTexts.filter { !$0.isEmpty } + [
            String(repeating: "x", count: 63), "unit", "partition_values", "lower", "upper", "previous", "next",
            "present", "gap",
            "true",
            "table", "lacuna",
        ]

    @Test("A column of any name can be the key or part a table into partitions")
    func columns() async throws {
        try await ScannedTable.with("CREATE SCHEMA s") { table in
            for name in HostileNameTests.names {
                let quoted = try SQLFragment(identifier: name)
                for (key, region) in [("\(quoted)", "\"other column\""), ("\"other column\"", "\(quoted)")] {
                    try await table.run(
                        """
                        DROP TABLE IF EXISTS s.t; CREATE TABLE s.t (\(key) int, \(region) int);
                        INSERT INTO s.t (\(key), \(region)) VALUES (0, 7), (3, 7), (1, 8)
                        """)
                    let isKey = key == "\(quoted)"
                    let stream = try await table.stream(
                        "s.t", key: isKey ? name : "other column", type: .integer(step: 1),
                        partitions: [isKey ? "other column" : name])
                    let result = try await table.scanAllWays(stream, range: 0..<4)
                    let expected = [Partition(["7"]): UnitSet(1..<3), Partition(["8"]): UnitSet([0..<1, 2..<4])]
                    #expect(result.missing == expected, "\(name.debugDescription) \(isKey ? "key" : "region")")
                }
            }
        }
    }

    @Test("A table and a schema of any name are found and scanned")
    func tables() async throws {
        try await ScannedTable.with("CREATE TABLE victim (n int)") { table in
            for name in HostileNameTests.names {
                let quoted = try SQLFragment(identifier: name)
                try await table.run(
                    "CREATE SCHEMA \(quoted); CREATE TABLE \(quoted).\(quoted) (k int); INSERT INTO \(quoted).\(quoted) VALUES (1)"
                )
                let stream = try await table.stream("\(quoted).\(quoted)", type: .integer(step: 1))
                #expect(stream.table.name == name)
                let result = try await table.scanAllWays(stream, range: 0..<3)
                #expect(result.missing(in: .whole).ranges == [0..<1, 2..<3], "\(name.debugDescription)")
            }
            #expect(try await table.database.number("SELECT count(*) FROM victim") == 0)
        }
    }

    @Test("A partition of any value is told from all others")
    func values() async throws {
        try await ScannedTable.with("CREATE TABLE victim (n int); CREATE TABLE t (region text COLLATE \"C\", k bigint)")
        {
            table in
            for (index, value) in hostileTexts.enumerated() {
                try await table.session.query(
                    BoundStatement(name: "fill", sql: "INSERT INTO t VALUES ($1, $2)", values: [value, String(index)]))
            }
            let range = Int64(0)..<Int64(hostileTexts.count)
            let stream = try await table.stream(type: .integer(step: 1), partitions: ["region"])
            let all = try await table.scanAllWays(stream, range: range)
            for (index, value) in hostileTexts.enumerated() {
                let expected = UnitSet(range).subtracting(Int64(index)..<Int64(index) + 1)
                #expect(all.missing(in: Partition([value])) == expected, "\(value.debugDescription)")
                let one = try await table.scanAllWays(stream, range: range, partition: Partition([value]))
                #expect(one.missing == [Partition([value]): expected], "\(value.debugDescription)")
            }
            #expect(try await table.database.number("SELECT count(*) FROM victim") == 0)
        }
    }
}
