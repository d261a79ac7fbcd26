import Foundation
import TestSupport
import Testing

@testable import LacunaModel

/// A stream to plan for; nothing of it is in a database.
func plannedStream(
    _ type: KeyType = .integer(step: 1), _ change: (inout StreamDefinition) -> Void = { _ in }
) -> StreamDefinition {
    var stream = StreamDefinition(name: "planned", table: "t", keyColumn: "k", keyType: type)
    change(&stream)
    return stream
}

private func days(_ text: String) throws -> Int64 {
    try KeyType.date(timezone: .utc).ordinal(of: text)
}

@Suite("A plan")
struct PlannerTests {
    @Test(
        "covers exactly its demand in disjoint windows of the grid, in order",
        arguments: [FetchOrder.newest, .oldest], [Int64(0), 3])
    func brute(order: FetchOrder, coalesce: Int64) async {
        var random = SeededGenerator(seed: UInt64(coalesce) + 1)
        for _ in 0..<3000 {
            await Task.yield()
            let size = Int64.random(in: 1...9, using: &random)
            let overlap = Int64.random(in: 0...4, using: &random)
            let stream = plannedStream {
                $0.batch = .units(size)
                $0.order = order
                $0.coalesce = coalesce
                $0.overlap = overlap == 0 ? nil : .units(overlap)
            }
            let universe = Int64(-20)..<40
            let demands = (0..<2).map { partition in
                Planner.Demand(
                    partition: Partition(["\(partition)"]),
                    units: UnitSet(randomRanges(in: universe, using: &random)), reason: .gap, bounds: universe,
                    flagged: UnitSet(randomRanges(in: universe, using: &random)))
            }
            let batches = Planner(stream).batches(for: demands)
            for demand in demands {
                let own = batches.filter { $0.partition == demand.partition }
                let joined = demand.units.coalesced(distance: coalesce)
                let isExact =
                    UnitSet(own.map(\.window)) == joined
                    && own.reduce(0) { $0 + $1.window.unitCount } == joined.count
                    && own.allSatisfy { batch in
                        let window = batch.window
                        let isInCell =
                            floor(Double(window.lowerBound) / Double(size))
                            == floor(Double(window.upperBound - 1) / Double(size))
                        return isInCell && !window.isEmpty
                            && batch.request == max(
                                window.lowerBound - overlap, -20)..<min(window.upperBound + overlap, 40)
                            && batch.flagged == demand.flagged.intersection(window)
                    }
                guard isExact else {
                    Issue.record("\(demand.units.ranges) in \(size)s: \(own.map(\.window))")
                    return
                }
            }
            let keys = batches.map { batch in
                (order == .newest ? -batch.window.upperBound : batch.window.lowerBound, batch.partition)
            }
            guard zip(keys, keys.dropFirst()).allSatisfy({ $0 < $1 || $0 == $1 }) else {
                Issue.record("order \(batches.map(\.window))")
                return
            }
        }
    }

    @Test(
        "cuts a range of about one batch at the grid's lines",
        arguments: [
            (0..<1, [0..<1]), (0..<9, [0..<9]), (0..<10, [0..<10]), (0..<11, [0..<10, 10..<11]),
            (-1..<1, [-1..<0, 0..<1]), (5..<25, [5..<10, 10..<20, 20..<25]), (-11..<(-10), [-11..<(-10)]),
            (Int64.max - 9..<Int64.max, [Int64.max - 9..<Int64.max - 7, Int64.max - 7..<Int64.max]),
            (Int64.min..<Int64.min + 10, [Int64.min..<Int64.min + 8, Int64.min + 8..<Int64.min + 10]),
        ] as [(Range<Int64>, [Range<Int64>])])
    func sizes(range: Range<Int64>, windows: [Range<Int64>]) {
        #expect(BatchGrid(type: .integer(step: 1), batch: .units(10)).windows(of: range) == windows)
    }

    @Test("Every unit of a cell has that cell", arguments: [Int64(1), 7, 1000, 1 << 40])
    func cells(size: Int64) async {
        let grid = BatchGrid(type: .integer(step: 1), batch: .units(size))
        var random = SeededGenerator(seed: UInt64(size))
        var units: [Int64] = [.min, .min + 900, .max - 1, -1, 0]
        for _ in 0..<500 { units.append(Int64.random(in: .min ..< .max, using: &random)) }
        for unit in units {
            await Task.yield()
            let cell = grid.cell(of: unit)
            #expect(cell.contains(unit) && cell.unitCount <= UInt64(size))
            #expect(grid.cell(of: cell.lowerBound) == cell && grid.cell(of: cell.upperBound - 1) == cell)
        }
    }

    @Test("Months are calendar months, leap Februaries too", arguments: [1, 3, 12])
    func months(count: Int) throws {
        let type = KeyType.date(timezone: .utc)
        let grid = BatchGrid(type: type, batch: .months(count))
        let range = try days("2023-01-15")..<(try days("2025-03-10"))
        let windows = grid.windows(of: range)
        #expect(UnitSet(windows).ranges == [range])
        for window in windows.dropFirst() {
            let date = CivilDate(daysSinceEpoch: window.lowerBound)
            #expect(date.day == 1 && (date.month - 1) % count == 0)
        }
        #expect(windows.count == [1: 27, 3: 9, 12: 3][count])
        if count == 1 {
            #expect(windows.contains(try days("2024-02-01")..<(try days("2024-03-01"))))
            #expect(windows.contains(try days("2023-02-01")..<(try days("2023-03-01"))))
        }
    }

    @Test("Months of hours begin at local midnight", arguments: zoneNames)
    func monthsOfHours(name: String) throws {
        let type = KeyType.timestamp(step: 3600, timezone: try zone(name))
        let grid = BatchGrid(type: type, batch: .months(1))
        let first = try type.ordinal(of: "2017-12-15T12:00:00Z")
        for window in grid.windows(of: first..<first + 500 * 24).dropFirst() {
            let start = try #require(type.localStart(of: window.lowerBound))
            #expect(start.date.day == 1 && start.secondOfDay < 3600)
            #expect(grid.cell(of: window.upperBound - 1).lowerBound == window.lowerBound)
        }
    }

    @Test("Weeks begin on Monday", arguments: [KeyType.date(timezone: .utc), .timestamp(step: 3600, timezone: .utc)])
    func weeks(type: KeyType) throws {
        let grid = BatchGrid(type: type, batch: .days(7))
        let first = try type.ordinal(of: "2024-02-20T00:00:00Z")
        let perDay: Int64 = if case .date = type { 1 } else { 24 }
        let windows = grid.windows(of: first..<first + 60 * perDay)
        for window in windows.dropFirst().dropLast() {
            #expect(type.localStart(of: window.lowerBound)?.date.weekday == .mon)
            #expect(window.unitCount == UInt64(7 * perDay))
        }
        #expect(windows.count == 9)
    }

    @Test("A batch is halved until single units stand alone")
    func halves() throws {
        var waiting = [
            PlannedBatch(partition: .whole, window: -3..<8, request: -5..<10, reason: .gap, flagged: UnitSet(2..<4))
        ]
        var single: [Int64] = []
        while let batch = waiting.popLast() {
            guard let halves = batch.halves() else {
                single.append(batch.window.lowerBound)
                #expect(batch.flagged.count == ((2..<4).contains(batch.window.lowerBound) ? 1 : 0))
                continue
            }
            #expect(UnitSet(halves.map(\.window)).ranges == [batch.window])
            waiting += halves
        }
        #expect(single.sorted() == Array(-3..<8))
        let whole = PlannedBatch(partition: .whole, window: .min ..< .max, request: .min ..< .max, reason: .gap)
        #expect(whole.halves()?.map(\.window) == [.min ..< -1, -1 ..< .max])
    }
}
