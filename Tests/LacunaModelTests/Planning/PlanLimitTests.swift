import Testing

@testable import LacunaModel

@Suite("A plan")
struct PlanLimitTests {
    @Test("holds a bounded number of batches of a history without bounds, newest first", arguments: [1, 3])
    func bounded(partitions: Int) {
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
        stream.batch = .units(1)
        let history: Range<Int64> = 0..<Int64.max - 1
        let demands = (0..<partitions).map { partition in
            Planner.Demand(
                partition: Partition(["\(partition)"]), units: UnitSet(history), reason: .gap, bounds: history)
        }
        let batches = Planner(stream).batches(for: demands, limit: 3000)
        #expect(batches.count == 3000)
        #expect(batches.first?.window == Int64.max - 2..<Int64.max - 1)
        #expect(batches.last?.window.lowerBound == Int64.max - 1 - Int64(3000 / partitions))
    }

    @Test("gives the same windows from either end")
    func bothEnds() {
        let grid = BatchGrid(type: .integer(step: 1), batch: .units(7))
        #expect(grid.windows(of: -20..<33, order: .newest).reversed() == grid.windows(of: -20..<33, order: .oldest))
        let months = BatchGrid(type: .date(timezone: .utc), batch: .months(1))
        #expect(months.windows(of: 0..<400, order: .newest).reversed() == months.windows(of: 0..<400, order: .oldest))
    }
}
