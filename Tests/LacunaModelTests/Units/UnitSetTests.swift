import TestSupport
import Testing

@testable import LacunaModel

/// A random range inside a small universe, empty now and then.
func randomRange(in universe: Range<Int64>, using random: inout SeededGenerator) -> Range<Int64> {
    let a = Int64.random(in: universe.lowerBound...universe.upperBound, using: &random)
    let b = Int64.random(in: universe.lowerBound...universe.upperBound, using: &random)
    return min(a, b)..<max(a, b)
}

/// Some random ranges, short ones and long ones, in no order.
func randomRanges(in universe: Range<Int64>, using random: inout SeededGenerator) -> [Range<Int64>] {
    (0..<Int.random(in: 0...6, using: &random)).map { _ in
        let range = randomRange(in: universe, using: &random)
        let isShort = Bool.random(using: &random)
        return isShort && !range.isEmpty ? range.lowerBound..<range.lowerBound + 1 : range
    }
}

func elements(_ set: UnitSet) -> Set<Int64> {
    set.ranges.reduce(into: []) { $0.formUnion($1) }
}

@Suite("A set of units")
struct UnitSetTests {
    /// Small universes in the middle and at both ends of `Int64`; ranges end at `Int64.max` at most.
    static let universes: [Range<Int64>] = [
        -30..<30, Int64.min..<Int64.min + 40, Int64.max - 40..<Int64.max, 1_000_000..<1_000_012,
    ]

    @Test("agrees with a set of integers in every operation", arguments: universes)
    func agrees(universe: Range<Int64>) async {
        var random = SeededGenerator(seed: UInt64(bitPattern: universe.lowerBound))
        for _ in 0..<3000 {
            // On few cores a long computation would keep tests that wait for a process or a server from running.
            await Task.yield()
            let left = randomRanges(in: universe, using: &random)
            let right = randomRanges(in: universe, using: &random)
            let range = randomRange(in: universe, using: &random)
            let a = UnitSet(left)
            let b = UnitSet(right)
            let x = left.reduce(into: Set<Int64>()) { $0.formUnion($1) }
            let y = right.reduce(into: Set<Int64>()) { $0.formUnion($1) }
            var inserted = a
            for part in right { inserted.insert(part) }

            for (set, expected) in [
                (a, x), (a.union(b), x.union(y)), (a.intersection(b), x.intersection(y)),
                (a.subtracting(b), x.subtracting(y)), (inserted, x.union(y)),
                (a.intersection(range), x.intersection(range)), (a.subtracting(range), x.subtracting(range)),
            ] {
                guard isNormal(set), elements(set) == expected, set.count == UInt64(expected.count) else {
                    Issue.record("\(left) and \(right) and \(range) gave \(set.ranges)")
                    return
                }
                guard set.count(in: range) == UInt64(expected.intersection(range).count),
                    set.hull?.lowerBound == expected.min(),
                    set.hull.map({ $0.upperBound - 1 }) == expected.max(), set.isEmpty == expected.isEmpty,
                    UnitSet(set.ranges.shuffled(using: &random)) == set
                else {
                    Issue.record("hull of \(set.ranges)")
                    return
                }
                guard universe.allSatisfy({ set.contains($0) == expected.contains($0) }), !set.contains(.max) else {
                    Issue.record("contains of \(set.ranges)")
                    return
                }
            }
        }
    }

    @Test("joins what lies near enough, and only that", arguments: universes)
    func coalesces(universe: Range<Int64>) async {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<1000 {
            await Task.yield()
            let set = UnitSet(randomRanges(in: universe, using: &random))
            let distance = Int64.random(in: 0...5, using: &random)
            var expected = elements(set)
            for (left, right) in zip(set.ranges, set.ranges.dropFirst())
            where right.lowerBound - left.upperBound <= distance {
                expected.formUnion(left.upperBound..<right.lowerBound)
            }
            let joined = set.coalesced(distance: distance)
            guard elements(joined) == expected, isNormal(joined) else {
                Issue.record("\(set.ranges) at \(distance) gave \(joined.ranges)")
                return
            }
        }
    }

    @Test("holds the whole range of ordinals and counts it")
    func whole() {
        let whole = UnitSet(Int64.min..<Int64.max)
        #expect(whole.count == UInt64.max)
        #expect(whole.contains(.min))
        #expect(whole.contains(.max - 1))
        #expect(whole.subtracting(0..<1).count == UInt64.max - 1)
        #expect(whole.subtracting(whole).isEmpty)
        #expect(UnitSet([Int64.min..<0, 0..<Int64.max]) == whole)
        #expect(
            UnitSet([Int64.min..<Int64.min + 1, Int64.max - 1..<Int64.max]).coalesced(distance: .max).ranges.count == 2)
    }

    @Test("is one set however its ranges were given")
    func equality() {
        #expect(UnitSet([3..<5, 1..<3, 4..<4]) == UnitSet(1..<5))
        #expect(UnitSet([2..<2]) == UnitSet())
        #expect(UnitSet().hull == nil)
    }

    private func isNormal(_ set: UnitSet) -> Bool {
        set.ranges.allSatisfy { !$0.isEmpty }
            && zip(set.ranges, set.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound }
    }
}
