import Foundation
import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("Changes of every kind of key")
struct TrackedKeyTests {
    @Test("are tracked, but for units that depend on a zone's rules", arguments: KeyColumn.all)
    func kinds(column: KeyColumn) async throws {
        try await ScannedTable.with(
            "CREATE TABLE t (k \(column.sqlType)); CREATE INDEX ON t (k); CREATE TABLE raw (n int, j int)"
        ) { (table: ScannedTable) async throws -> Void in
            _ = try await SchemaInstaller.install(on: table.session)
            let first = try column.type.ordinal(of: column.first)
            let tracked = try await TrackedTable(table, type: column.type, range: first..<first + 28)
            let dependsOnZone =
                column.type.timezone != .utc && !["bigint", "integer", "smallint", "date"].contains(column.sqlType)
            let isExact =
                !dependsOnZone
                || (column.sqlType == "timestamptz" && column.type.name == "timestamp")
                || (column.sqlType == "timestamp" && column.type.name == "date")
            let outcome = try await ChangeTracking.install(tracked.stream, on: table.session)
            guard isExact else {
                guard case .impossible(let problem) = outcome else { return #expect(Bool(false), "\(outcome)") }
                #expect(problem.contains("time zone"))
                #expect(try await tracked.check()?.wholeBecause == problem)
                return
            }
            #expect(outcome == .installed)
            var random = SeededGenerator(seed: 8)
            var again = 0
            for step in 0..<40 {
                let n = Int.random(in: -3..<30, using: &random)
                let rows = (0..<Int.random(in: 1...4, using: &random)).map {
                    "(\(n + $0), \(Int.random(in: 0..<1800, using: &random)))"
                }
                try await table.run(
                    """
                    TRUNCATE raw; INSERT INTO raw VALUES \(rows.joined(separator: ", "));
                    \([
                        "INSERT INTO t SELECT \(column.key) FROM raw",
                        "DELETE FROM t WHERE k >= (SELECT min(\(column.key)) FROM raw) AND k <= (SELECT max(\(column.key)) FROM raw)",
                        "UPDATE t SET k = (SELECT min(\(column.key)) FROM raw) WHERE k > (SELECT max(\(column.key)) FROM raw)",
                    ][step % 3])
                    """)
                if step % 7 == 0 { try await tracked.keep() }
                if try await tracked.check("step \(step)")?.isAgain(0...100) == true { again += 1 }
            }
            #expect(again > 30)
        }
    }

    @Test(
        "are recorded without an error for keys that no scan asks for",
        arguments: [
            ("date", "'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31'"),
            ("timestamptz", "'infinity', '-infinity', '4714-11-24 BC', '294276-12-31 23:59:59.999999+00'"),
            ("timestamp", "'infinity', '-infinity', '4714-11-24 BC', '294276-12-31 23:59:59.999999'"),
        ])
    func extremes(type: String, values: String) async throws {
        try await TrackedTable.with(
            "CREATE TABLE t (k \(type)); CREATE INDEX ON t (k)", type: .date(timezone: .utc), range: 0..<100
        ) { (table: TrackedTable) async throws -> Void in
            try await table.run("INSERT INTO t VALUES ('1970-01-05')")
            try await table.keep()
            let list = values.components(separatedBy: ", ").map { "(\($0))" }.joined(separator: ", ")
            try await table.run("INSERT INTO t VALUES (NULL), \(list); UPDATE t SET k = k; DELETE FROM t")
            #expect(try await table.check()?.wholeBecause == nil)
        }
    }

    @Test("are noticed at both ends of bigint, the key that no range holds included")
    func limits() async throws {
        let type = KeyType.integer(step: 1)
        try await TrackedTable.with("CREATE TABLE t (k bigint PRIMARY KEY)", range: type.limits) {
            (table: TrackedTable) async throws -> Void in
            try await table.run("INSERT INTO t VALUES (0)")
            try await table.keep()
            try await table.run("INSERT INTO t VALUES (-9223372036854775808), (9223372036854775806), (5)")
            #expect(try await table.check()?.isAgain(3...3) == true)
            try await table.run("INSERT INTO t VALUES (9223372036854775807)")
            #expect(try await table.check()?.wholeBecause != nil)
            try await table.keep()
            #expect(try await table.check()?.isAgain(0...0) == true)
            try await table.run("DELETE FROM t WHERE k = 9223372036854775807")
            #expect(try await table.check()?.wholeBecause != nil)
            try await table.run(
                "INSERT INTO t SELECT (random() * 1e18)::bigint * (1 - 2 * (i % 2)) FROM generate_series(1, 9000) AS i ON CONFLICT DO NOTHING"
            )
            try await table.keep()
            try await table.run("DELETE FROM t WHERE k % 2 = 0")
            try await table.check()
        }
    }

    @Test("of text are compared with the table each time")
    func text() async throws {
        try await ScannedTable.with("CREATE TABLE t (k text)") { (table: ScannedTable) async throws -> Void in
            _ = try await SchemaInstaller.install(on: table.session)
            var definition = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: .text(TextKeys([:])))
            definition.expect.query = "SELECT 'a' AS k"
            definition.tracksChanges = true
            let stream = try await ResolvedStream.resolve(definition, on: table.session)
            #expect(
                try await ChangeTracking.install(stream, on: table.session)
                    == .impossible("text keys are compared with the table each time"))
            #expect(try await Surveyor(keepsFrom: 1).survey(stream, on: table.session).missingCount == 1)
        }
    }

    @Test("that come by COPY, a million at a time or a few, are noticed", arguments: [0..<20_000, 5..<8])
    func copied(keys: Range<Int>) async throws {
        try await TrackedTable.with("CREATE TABLE t (k bigint PRIMARY KEY, v text)", range: 0..<30_000) {
            (table: TrackedTable) async throws -> Void in
            try await table.run("INSERT INTO t SELECT generate_series(25000, 29000); ANALYZE t")
            try await table.keep()
            let rows = Array(keys.map { "\($0)\tx\n" }.joined().utf8)
            _ = try await table.table.session.copyIn(BoundStatement(name: "copy", sql: "COPY t FROM STDIN")) { put in
                try rows.withUnsafeBytes { try put($0) }
            }
            #expect(try await table.changeCount() == 1)
            try await table.check()
            // Far apart and too many to be kept one by one.
            try await table.run("DELETE FROM t WHERE k % 3 = 0; UPDATE t SET v = 'y'")
            try await table.check()
            #expect(try await table.changeCount() <= 1 + 4097)
        }
    }

    @Test("are recorded under hostile names", arguments: HostileNameTests.names)
    func hostile(name: String) async throws {
        let quoted = try SQLFragment(identifier: name)
        try await ScannedTable.with("") { (table: ScannedTable) async throws -> Void in
            _ = try await SchemaInstaller.install(on: table.session)
            let region = try SQLFragment(identifier: String(name.prefix(20)) + "2")
            try await table.run("CREATE TABLE \(quoted) (\(quoted) bigint PRIMARY KEY, \(region) text)")
            var definition = StreamDefinition(
                name: name, table: quoted.description, keyColumn: name, keyType: .integer(step: 1))
            definition.partitions = .product([PartitionColumn(name: String(name.prefix(20)) + "2", values: [name])])
            definition.expect.from = .unit(0)
            definition.expect.to = .unit(9)
            definition.tracksChanges = true
            let stream = try await ResolvedStream.resolve(definition, on: table.session)
            #expect(try await ChangeTracking.install(stream, on: table.session) == .installed)
            let value = try SQLFragment(literal: name)
            try await table.run("INSERT INTO \(quoted) SELECT i, \(value) FROM generate_series(0, 9) AS i")
            #expect(try await Surveyor(keepsFrom: 1).survey(stream, on: table.session).missingCount == 0)
            try await table.run("DELETE FROM \(quoted) WHERE \(quoted) IN (3, 5)")
            let survey = try await Surveyor(keepsFrom: 1).survey(stream, on: table.session)
            #expect(survey.missingCount == 2 && survey.scan.changes?.isAgain(2...2) == true)
            #expect(try await ChangeTracking.install(stream, on: table.session) == .inPlace)
        }
    }
}
