import LacunaModel
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Lacuna

@Suite("A second look at a table whose rows are on other nodes")
struct SecondLookTests {
    private static let setup = """
        CREATE TABLE t (k bigint PRIMARY KEY, v text); INSERT INTO t VALUES (1), (2), (5), (9);
        \(ClusterCatalogue.script) \(ClusterCatalogue.spread("t", method: "h", column: "k"))
        """

    /// A scan that says of the first look what it is told to, and of later ones what is there.
    private final class HalfSeen: GapScan {
        let hidden: UnitSet
        private let looked = Mutex(0)

        init(_ hidden: UnitSet) {
            self.hidden = hidden
        }

        var looks: Int { looked.withLock { $0 } }

        func scan(
            _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
        ) async throws -> GapScanResult {
            let result = try await WindowGapScan().scan(stream, range: range, partition: partition, on: session)
            let isFirst = looked.withLock { count in
                count += 1
                return count == 1
            }
            guard isFirst else { return result }
            let present = result.present.mapValues { PresentUnits(range, missing: $0.missing(in: range).union(hidden)) }
            return GapScanResult(range: range, present: present)
        }
    }

    private func survey(_ table: ScannedTable, hidden: UnitSet) async throws -> (Survey, looks: Int) {
        let scan = HalfSeen(hidden)
        var surveyor = Surveyor(Database(connectionString: nil), for: .anyTable)
        surveyor.scan = scan
        let survey = try await surveyor.survey(try await table.stream(type: .integer(step: 1)), on: table.session)
        return (survey, scan.looks)
    }

    @Test("clears the gaps that it does not confirm")
    func confirmed() async throws {
        try await ScannedTable.with(SecondLookTests.setup) { table in
            let (survey, looks) = try await survey(table, hidden: UnitSet([2..<3, 5..<6]))
            #expect(looks == 2)
            #expect(survey.partitions[0].gaps == UnitSet([3..<5, 6..<9]))
            #expect(survey.partitions[0].latest == 9)
        }
    }

    @Test("adds no gaps beyond the newest unit that the first saw")
    func beyond() async throws {
        try await ScannedTable.with(SecondLookTests.setup) { table in
            // A row that comes between the looks, with a gap before it that may be half of a commit.
            let (survey, _) = try await survey(table, hidden: UnitSet([9..<10]))
            #expect(survey.partitions[0].gaps == UnitSet([3..<5]))
            #expect(survey.partitions[0].latest == 5)
        }
    }

    @Test("is not taken if the rows are here, or if nothing is missing")
    func once() async throws {
        try await ScannedTable.with(SecondLookTests.setup) { table in
            try await table.run("UPDATE pg_catalog.pg_dist_partition SET partmethod = 'n', colocationid = 0")
            #expect(try await survey(table, hidden: UnitSet([2..<3])).looks == 1)
            try await table.run(
                "UPDATE pg_catalog.pg_dist_partition SET partmethod = 'h', colocationid = 1; DELETE FROM t WHERE k > 2")
            #expect(try await survey(table, hidden: UnitSet()).looks == 1)
        }
    }

    @Test("begins when what was prepared before has ended")
    func waits() {
        let before = CommitsUnderWay(["1": "10 11|citus_0_a citus_0_b", "2": "|", "3": "7|"])
        #expect(!before.isEmpty && !before.arePreparedDone)
        // What began later is nobody's concern.
        let later = before.stillUnderWay(
            CommitsUnderWay(["1": "11 12|citus_0_b citus_0_c", "2": "9|citus_1_a", "3": "|"]))
        #expect(later.writing == ["1": ["11"], "2": [], "3": []])
        #expect(later.prepared == ["1": ["citus_0_b"], "2": [], "3": []])
        #expect(!later.isEmpty && !later.arePreparedDone)
        let writers = later.stillUnderWay(CommitsUnderWay(["1": "11|", "2": "|", "3": "|"]))
        #expect(!writers.isEmpty && writers.arePreparedDone)
        #expect(writers.stillUnderWay(CommitsUnderWay(["1": "|", "2": "|", "3": "|"])).isEmpty)
        #expect(CommitsUnderWay([:]).isEmpty && CommitsUnderWay(["1": "|"]).isEmpty)
    }

    @Test("knows which transactions write, and waits no more than a moment for those that are not prepared")
    func writers() async throws {
        try await ScannedTable.with(SecondLookTests.setup) { table in
            let writer = try await table.database.connect()
            _ = try await writer.script("BEGIN; INSERT INTO t VALUES (3)", name: "writer")
            let number: String = try await writer.query(
                BoundStatement(name: "number", sql: "SELECT pg_current_xact_id()::text AS number")
            ).only().get("number")
            let open = try await CommitsUnderWay.load(on: table.session)
            #expect(open.writing.keys.sorted() == ["1", "2"])
            #expect(open.writing.values.allSatisfy { $0.contains(number) } && open.arePreparedDone)
            try await CommitsUnderWay.waitUntilEnded(on: table.session)
            _ = try await writer.script("COMMIT", name: "writer")
            let later = open.stillUnderWay(try await CommitsUnderWay.load(on: table.session))
            #expect(later.writing.values.allSatisfy { !$0.contains(number) })
            await writer.close()
        }
    }
}
