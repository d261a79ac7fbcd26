import Foundation
import LacunaModel
import TestSupport
import Testing

@testable import LacunaCLI

@Suite("Strips and pictures of single units")
struct StripTests {
    private static func units(_ random: inout SeededGenerator, _ span: Int64) -> UnitSet {
        let density = Int.random(in: 1...20, using: &random)
        return UnitSet((0..<span).filter { _ in Int.random(in: 0...density, using: &random) == 0 }.map { $0..<$0 + 1 })
    }

    @Test("Marks hold every gap once, and only gaps of one cell share one")
    func marks() {
        var random = SeededGenerator("marks of strips")
        for _ in 0..<200 {
            let span = Int64.random(in: 1...500, using: &random)
            let cells = Int.random(in: 1...700, using: &random)
            let axis = PageAxis(0..<span, .integer(step: 1))
            let units = Self.units(&random, span)
            let marks = Strip.marks(units, .missing, on: axis, cells: cells)
            #expect(marks.reduce(0) { $0 + $1.unitCount } == units.count)
            #expect(marks.reduce(0) { $0 + $1.rangeCount } == units.ranges.count)
            for range in units.ranges {
                let own = marks.filter {
                    $0.hull.lowerBound <= range.lowerBound && range.upperBound <= $0.hull.upperBound
                }
                #expect(own.count == 1)
                #expect(own.allSatisfy { $0.rangeCount > 1 || $0.hull == range })
                // It is drawn where it is.
                let middle = (axis.position(range.lowerBound) + axis.position(range.upperBound)) / 2
                #expect(own.allSatisfy { $0.lower <= middle && middle <= $0.upper })
            }
            for mark in marks where mark.rangeCount > 1 {
                #expect(mark.upper - mark.lower < 1.001 / Double(cells) && mark.share < 1.001)
            }
            if Int64(cells) >= span * 2 { #expect(marks.allSatisfy { $0.rangeCount == 1 }) }
        }
    }

    @Test("States are told apart, and what one holds no other does")
    func states() {
        let stream = PageFixture.stream("numbers", .integer(step: 1))
        let coverage = PageFixture.coverage(
            [], 0..<100, missing: [10..<20, 30..<40, 50..<55], of: stream, verified: UnitSet(30..<40),
            refetch: UnitSet(60..<62), accepted: [AcceptedRange(range: 50..<55, reason: "lost")])
        let units = PartitionUnits(coverage, of: stream, now: PageFixture.now)
        #expect(units[.missing] == UnitSet(10..<20) && units[.marked] == UnitSet(60..<62))
        #expect(units[.empty] == UnitSet(30..<40) && units[.accepted] == UnitSet(50..<55))
        #expect(UnitState.allCases.reduce(0) { $0 + units[$1].count } == 100)
        let standing = units.standing(of: 8..<12)
        #expect(standing?.state == .missing && standing?.count == 2 && standing?.total == 4)
        #expect(units.standing(of: 200..<300) == nil)
    }

    @Test(
        "Every missing unit is in a cell of its own place, or the picture says what it leaves out",
        arguments: [
            (KeyType.date(timezone: .utc), 900 as Int64), (.timestamp(step: 3600, timezone: .utc), 2000),
            (.timestamp(step: 900, timezone: .utc), 3000), (.timestamp(step: 21_600, timezone: .utc), 300),
            (.timestamp(step: 420, timezone: .utc), 300), (.integer(step: 1), 400), (.integer(step: 1), 4321),
        ])
    func cells(_ type: KeyType, _ span: Int64) throws {
        var random = SeededGenerator("cells of pictures")
        let stream = PageFixture.stream("s", type)
        let start = type.unit(at: 1_600_000_000) ?? -77
        let missing = Self.units(&random, span - 2).ranges.map { $0.lowerBound + start + 1..<$0.upperBound + start + 1 }
        let coverage = PageFixture.coverage([], start..<start + span, missing: missing, of: stream)
        let units = PartitionUnits(coverage, of: stream, now: PageFixture.now)
        let axis = try #require(PageAxis([coverage], of: type))
        let pictures = try #require(CellGrids(units, on: axis, of: type))
        let cells = pictures.grids.flatMap(\.cells)
        #expect(cells.reduce(0) { $0 + ($1.state == .missing ? $1.count : 0) } == coverage.gaps.count)
        #expect(cells.reduce(0) { $0 + $1.total } == UInt64(span))
        for grid in pictures.grids {
            #expect(Set(grid.cells.map { [$0.column, $0.row] }).count == grid.cells.count)
            #expect(grid.cells.allSatisfy { $0.column < grid.columnCount && $0.row < grid.rowCount })
        }
    }

    @Test("What is not drawn of a long history is counted")
    func rest() throws {
        let stream = PageFixture.stream()
        let start = PageFixture.day(1990, 1, 1)
        let missing = (0..<30).map { PageFixture.day(1991 + $0, 5, 5) }.map { $0..<$0 + 1 }
        let coverage = PageFixture.coverage([], start..<PageFixture.day(2025, 12, 31), missing: missing, of: stream)
        let units = PartitionUnits(coverage, of: stream, now: PageFixture.now)
        let axis = try #require(PageAxis([coverage], of: stream.keyType))
        let pictures = try #require(CellGrids(units, on: axis, of: stream.keyType))
        #expect(pictures.grids.count == 8 && pictures.grids.last?.title == "2025")
        let drawn = pictures.grids.flatMap(\.cells).filter { $0.state == .missing }.count
        #expect(pictures.rest == "Not drawn: 28 more years with \(30 - drawn) days missing.")
    }

    @Test("The hour that comes twice and the one that never comes have their places")
    func summerTime() throws {
        let type = KeyType.timestamp(step: 3600, timezone: TimeZone.london)
        let stream = PageFixture.stream("s", type)
        let first = try #require(type.firstUnit(on: CivilDate(daysSinceEpoch: PageFixture.day(2025, 3, 1))))
        let end = try #require(type.firstUnit(on: CivilDate(daysSinceEpoch: PageFixture.day(2025, 4, 1))))
        let coverage = PageFixture.coverage([], first..<end, of: stream)
        let units = PartitionUnits(coverage, of: stream, now: PageFixture.now)
        let axis = try #require(PageAxis([coverage], of: type))
        let grid = try #require(CellGrids(units, on: axis, of: type)?.grids.first)
        #expect(grid.cells.count == 31 * 24 - 1)
        // 2025-03-30T01:00 never came.
        #expect(!grid.cells.contains { $0.column == 29 && $0.row == 1 })
    }
}
