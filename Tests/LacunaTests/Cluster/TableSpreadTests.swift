import LacunaModel
import Postgres
import TestSupport
import Testing

@testable import Lacuna

@Suite("How a table lies on the nodes of a cluster")
struct TableSpreadTests {
    private func spread(_ entry: String, partitions: [String] = []) async throws -> ResolvedStream {
        var found: ResolvedStream?
        try await ScannedTable.with(
            "CREATE TABLE t (k bigint, region text, PRIMARY KEY (region, k)); \(ClusterCatalogue.script) \(entry)"
        ) { table in
            found = try await table.stream(type: .integer(step: 1), partitions: partitions)
        }
        return try #require(found)
    }

    @Test(
        "is told by the catalogue",
        arguments: [
            ("", TableSpread.Kind.local),
            (ClusterCatalogue.spread("t", method: "n", colocation: 0), .managed),
            (ClusterCatalogue.spread("t", method: "n", model: "t"), .copies),
            (ClusterCatalogue.spread("t", method: "n"), .oneShard),
            (ClusterCatalogue.spread("t", method: "h", column: "region"), .shards(column: "region")),
            (ClusterCatalogue.spread("t", method: "r", column: "k"), .shards(column: "k")),
            (ClusterCatalogue.spread("t", method: "a", column: "k"), .appended),
        ])
    func kinds(entry: String, kind: TableSpread.Kind) async throws {
        #expect(try await spread(entry).table.spread.kind == kind)
    }

    @Test("decides what a catchup commits at once")
    func atomicity() async throws {
        let byRegion = ClusterCatalogue.spread("t", method: "h", column: "region")
        let parted = try await spread(byRegion, partitions: ["region"])
        #expect(parted.atomicity == .partition && parted.spreadWarning == nil)
        let whole = try await spread(byRegion)
        #expect(whole.atomicity == .stream)
        #expect(whole.spreadWarning?.contains("a reader may see a part of a catchup") == true)
        let byKey = try await spread(
            ClusterCatalogue.spread("t", method: "h", column: "k"), partitions: ["region"])
        #expect(byKey.atomicity == .stream && byKey.spreadWarning != nil)
        for entry in [
            "", ClusterCatalogue.spread("t", method: "n", model: "t"), ClusterCatalogue.spread("t", method: "n"),
        ] {
            let single = try await spread(entry, partitions: ["region"])
            #expect(single.atomicity == .stream && single.spreadWarning == nil)
        }
    }

    @Test("decides which shards are told of a write before they are read")
    func announced() async throws {
        let byRegion = try await spread(
            ClusterCatalogue.spread("t", method: "h", column: "region"), partitions: ["region"])
        let one = try byRegion.announcingWrites(to: [Partition(["gb"])])
        #expect(one.map(\.name) == ["set_parameter", "announce_write", "set_parameter"])
        #expect(one[1].sql.contains("\"region\" OPERATOR(pg_catalog.=) 'gb'"))
        let many = try byRegion.announcingWrites(to: Set((0..<9).map { Partition([String($0)]) }))
        #expect(many.count == 3 && !many[1].sql.contains("region"))
        #expect(try await spread("").announcingWrites(to: [.whole]).isEmpty)
        #expect(
            try await spread(ClusterCatalogue.spread("t", method: "n", colocation: 0)).announcingWrites(to: [.whole])
                .isEmpty)
        #expect(
            try await spread(ClusterCatalogue.spread("t", method: "n", model: "t")).announcingWrites(to: [.whole]).count
                == 3)
    }

    @Test("decides which transactions set limits on other nodes")
    func limits() throws {
        #expect(try TableSpread.local.limits(lockTimeout: "30s").isEmpty)
        let limits = try TableSpread(kind: .shards(column: "k")).limits(lockTimeout: "30s").map(\.sql)
        #expect(
            limits.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } == [
                "SET LOCAL citus.propagate_set_commands = 'local'", "SET LOCAL lock_timeout = '30s'",
                "SET LOCAL idle_in_transaction_session_timeout = '600s'",
            ])
    }

    @Test("keeps changes from being tracked, with the reason")
    func tracking() async throws {
        let stream = try await spread(ClusterCatalogue.spread("t", method: "h", column: "k"))
        #expect(ChangeTracking.problem(with: stream)?.contains("distributed by k") == true)
        #expect(ChangeTracking.problem(with: try await spread("")) == nil)
    }

    @Test("has no stream worked on from a worker, but any table looked at")
    func worker() async throws {
        try await ScannedTable.with(
            "CREATE TABLE t (k bigint); INSERT INTO t VALUES (1), (3); \(ClusterCatalogue.script) \(ClusterCatalogue.onWorker)"
        ) { table in
            let error = await #expect(throws: StreamError.self) { try await table.stream(type: .integer(step: 1)) }
            let told = try #require(error?.description)
            #expect(told.contains("worker of a Citus cluster") && told.contains("first:5432"))
            let refused = await #expect(throws: StreamError.self) {
                try await SchemaInstaller.install(on: table.session)
            }
            #expect(refused?.description == told)
            let findings = try await Diagnosis.database(on: table.session)
            #expect(findings.contains { $0.level == .bad && $0.text == told })
            #expect(!findings.contains { $0.text.contains("lacuna init") })
            let survey = try await Surveyor(Database(connectionString: table.database.connectionString)).survey(
                AnyTable("t", column: "k"))
            #expect(survey.missingCount == 1)
        }
    }

    @Test("leaves the schema's own tables alone")
    func ownTables() async throws {
        try await ScannedTable.with(ClusterCatalogue.script) { table in
            _ = try await SchemaInstaller.install(on: table.session)
            #expect(try await Diagnosis.database(on: table.session).allSatisfy { $0.level == .good })
        }
    }

    @Test("names the nodes that do not answer")
    func silentNodes() async throws {
        try await ScannedTable.with(ClusterCatalogue.script) { table in
            try await table.run(
                """
                CREATE OR REPLACE FUNCTION pg_catalog.run_command_on_all_nodes(command text)
                RETURNS TABLE (nodeid integer, success boolean, result text) LANGUAGE sql
                AS 'SELECT * FROM (VALUES (1, true, ''1''), (2, false, ''no route'')) AS answer'
                """)
            let findings = try await Diagnosis.database(on: table.session)
            #expect(
                findings.contains {
                    $0.level == .bad && $0.text.contains("second:5433") && $0.text.contains("no route")
                })
        }
    }
}
