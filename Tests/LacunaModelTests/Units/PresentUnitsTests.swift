import TestSupport
import Testing

@testable import LacunaModel

@Suite("The units that have rows")
struct PresentUnitsTests {
    @Test("lack in any range what a set difference lacks", arguments: UnitSetTests.universes)
    func missing(universe: Range<Int64>) async {
        var random = SeededGenerator(seed: UInt64(bitPattern: universe.upperBound))
        for _ in 0..<3000 {
            await Task.yield()
            let missing = UnitSet(randomRanges(in: universe, using: &random)).intersection(universe)
            let rows = UnitSet(universe).subtracting(missing)
            let present = PresentUnits(universe, missing: missing)
            let range = randomRange(in: universe, using: &random)
            guard present.missing(in: universe) == missing, present.count == rows.count,
                present.missing(in: range) == UnitSet(range).subtracting(rows),
                present.hull == rows.hull ?? 0..<0
            else {
                Issue.record("without \(missing.ranges) in \(universe): \(present), in \(range)")
                return
            }
        }
    }

    @Test("are the same in whatever order their gaps come", arguments: UnitSetTests.universes)
    func order(universe: Range<Int64>) async {
        var random = SeededGenerator(seed: UInt64(bitPattern: universe.lowerBound))
        for _ in 0..<3000 {
            await Task.yield()
            let missing = UnitSet(randomRanges(in: universe, using: &random)).intersection(universe)
            var present = PresentUnits(hull: universe)
            var late: [Range<Int64>] = []
            for gap in missing.ranges.shuffled(using: &random) where !present.trim(gap) { late.append(gap) }
            present.remove(UnitSet(late))
            guard present == PresentUnits(universe, missing: missing) else {
                Issue.record("without \(missing.ranges) in \(universe): \(present)")
                return
            }
        }
    }
}
