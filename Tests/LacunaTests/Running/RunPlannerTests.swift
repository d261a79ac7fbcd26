import Testing

@testable import Lacuna
@testable import LacunaModel

@Suite("The batches of a reconcile")
struct RunPlannerTests {
    /// Numbers from 0, of which the table has some; batches of 10.
    private func plan(
        present: [Range<Int64>], hull: Range<Int64>, to: LacunaModel.Expectation.Bound = .tip,
        earlier: [EarlierFailure] = [],
        flagged: UnitSet = UnitSet(), change: (inout StreamDefinition, inout RunOptions) -> Void = { _, _ in }
    ) throws -> RunPlan {
        var definition = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: .integer(step: 1))
        definition.expect.from = .unit(0)
        definition.expect.to = to
        definition.batch = .units(10)
        definition.order = .oldest
        var options = RunOptions()
        change(&definition, &options)
        let table = TableDescription(
            schema: "public", name: "t",
            columns: [
                TableDescription.Column(
                    name: "k", type: "bigint", baseType: "bigint", isNotNull: true, isGenerated: false,
                    hasDefault: false)
            ], primaryKey: ["k"], rowEstimate: 0,
            privileges: TableDescription.Privileges(canSelect: true, canInsert: true, canUpdate: true))
        let stream = try ResolvedStream(definition, table: table)
        let rows = UnitSet(present)
        let evidence = PartitionEvidence(
            partition: .whole, present: PresentUnits(hull: hull, holes: UnitSet(hull).subtracting(rows)),
            refetch: flagged)
        let survey = Survey(
            stream: stream, now: 0, partitions: [PartitionCoverage(evidence, of: definition, now: 0)],
            flagged: [.whole: flagged], scan: ScanAccount(strategy: .window, reason: "it is a test"))
        return RunPlanner(survey: survey, options: options, earlier: earlier).plan(failures: [], notes: [], tips: [:])
    }

    private func windows(_ plan: RunPlan) -> [Range<Int64>] { plan.batches.map(\.window) }

    @Test("are the gaps up to the newest unit, cut at the lines of the grid")
    func gaps() throws {
        let plan = try plan(present: [0..<5, 25..<40], hull: 0..<40)
        #expect(windows(plan) == [5..<10, 10..<20, 20..<25])
        for batch in plan.batches {
            #expect(batch.cell.lowerBound % 10 == 0 && batch.cell.count == 10)
            #expect(batch.cell.contains(batch.window.lowerBound))
            #expect(batch.expected == UnitSet(batch.window))
            #expect(batch.standing.latest == 39)
        }
    }

    @Test("lie inside the range that was asked for")
    func range() throws {
        let plan = try plan(present: [0..<5, 25..<40], hull: 0..<40) { _, options in
            options.from = 8
            options.to = 11
        }
        #expect(windows(plan) == [8..<10, 10..<12])
    }

    @Test("leave out what failed a moment ago, and take it again when its wait is over")
    func waiting() throws {
        let recent = EarlierFailure(partition: .whole, window: 10..<20, failures: 1, secondsAgo: 59)
        let waiting = try plan(present: [0..<5, 25..<40], hull: 0..<40, earlier: [recent])
        #expect(windows(waiting) == [5..<10, 20..<25])
        #expect(waiting.waiting == [.whole: UnitSet(10..<20)])
        let old = EarlierFailure(partition: .whole, window: 10..<20, failures: 1, secondsAgo: 60)
        #expect(try windows(plan(present: [0..<5, 25..<40], hull: 0..<40, earlier: [old])).count == 3)
    }

    @Test("read again what lies within lookback of the newest unit, as batches of their own")
    func lookback() throws {
        let plan = try plan(present: [0..<40], hull: 0..<40) { definition, _ in definition.lookback = .units(5) }
        #expect(windows(plan) == [35..<40])
        #expect(plan.batches.allSatisfy { $0.reason == .lookback })
    }

    @Test("name the units that a check flagged")
    func flagged() throws {
        let plan = try plan(present: [0..<40], hull: 0..<40, flagged: UnitSet(12..<14))
        #expect(windows(plan) == [12..<14])
        #expect(plan.batches.allSatisfy { $0.flagged == UnitSet(12..<14) })
    }

    @Test("are none if a new partition has no end that is known")
    func noEnd() throws {
        #expect(try plan(present: [], hull: 0..<0).batches.isEmpty)
        #expect(try windows(plan(present: [], hull: 0..<0, to: .unit(14))) == [14..<15, 0..<10, 10..<14])
    }
}
