import TestSupport
import Testing

@testable import LacunaModel

@Suite("The windows of a verification")
struct VerificationPlanTests {
    private let grid = BatchGrid(type: .integer(step: 1), batch: .units(10))

    private func plan(_ units: Range<Int64>...) -> VerificationPlan {
        VerificationPlan([(.whole, UnitSet(units))], grid: grid)
    }

    @Test("are cut at the lines of the grid, and hold nothing that is not to be looked at")
    func cut() {
        let ranges = plan(3..<12, 25..<41).windows.map(\.range)
        #expect(ranges == [3..<10, 10..<12, 25..<30, 30..<40, 40..<41])
    }

    @Test("are sampled by chance: so many, each once, in order, and spread over all", arguments: 0..<50)
    func sample(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var plan = plan(0..<1000)
        plan.sample(0.05, using: &random)
        let numbers = plan.windows.map { $0.range.lowerBound / 10 }
        #expect(numbers.count == 5)
        #expect(numbers.map { $0 / 20 } == [0, 1, 2, 3, 4])
        var least = self.plan(0..<30)
        least.sample(0.0001, using: &random)
        #expect(least.windows.count == 1)
        var all = self.plan(0..<30)
        all.sample(1, using: &random)
        #expect(all.windows.count == 3)
    }

    @Test("are those with the oldest proof, and first those without: a weaker proof counts as none")
    func oldest() {
        func known(_ range: Range<Int64>, _ proof: VerificationProof, _ time: Int64) -> VerifiedRange {
            VerifiedRange(range: range, proof: proof, isEqual: true, verified: time)
        }
        let verified: [Partition: [VerifiedRange]] = [
            .whole: [known(0..<20, .rows, 300), known(20..<30, .count, 500), known(30..<45, .digest, 100)]
        ]
        func chosen(_ share: Double) -> [Int64] {
            var plan = plan(0..<50)
            plan.takeOldest(share, verified: verified, proof: .digest)
            return plan.windows.map(\.range.lowerBound)
        }
        // 20–29 is proven by count alone, and of 40–49 only a half.
        #expect(chosen(0.2) == [20])
        #expect(chosen(0.4) == [20, 40])
        #expect(chosen(0.6) == [20, 30, 40])
        #expect(chosen(0.8) == [0, 20, 30, 40])
        #expect(chosen(1) == [0, 10, 20, 30, 40])
    }
}

@Suite("What differs")
struct UnitDifferenceTests {
    @Test("is told as one range if neighbours differ alike")
    func joined() {
        let units = [
            UnitDifference(unit: 1, missingHere: 2), UnitDifference(unit: 2, missingHere: 1),
            UnitDifference(unit: 3, missingThere: 1), UnitDifference(unit: 4, different: 1, columns: ["a"]),
            UnitDifference(unit: 5, different: 2, columns: ["a"]),
            UnitDifference(unit: 6, different: 1, columns: ["b"]),
            UnitDifference(unit: 8, different: 1, columns: ["b"]), UnitDifference(unit: 9),
        ]
        let told = RangeDifference.joining(units, of: .whole).map { "\($0.range) \($0.summary)" }
        #expect(
            told == [
                "1..<3 3 missing here", "3..<4 1 missing there", "4..<6 3 different (a)", "6..<7 1 different (b)",
                "8..<9 1 different (b)",
            ])
    }

    @Test("is what both looks found, as the second saw it; what an answer may lack is told of no unit")
    func twice() {
        let first = [
            UnitDifference(unit: 1, missingHere: 1), UnitDifference(unit: 2, missingThere: 2),
            UnitDifference(unit: 3, missingThere: 1), UnitDifference(unit: 4, different: 1, columns: ["a"]),
        ]
        let second = [
            UnitDifference(unit: 1, missingHere: 2), UnitDifference(unit: 2, missingThere: 2),
            UnitDifference(unit: 3, missingHere: 1, missingThere: 1), UnitDifference(unit: 5, missingHere: 1),
        ]
        let looks = SecondLook.confirmed(first, second, provable: UnitSet(2..<3))
        #expect(
            looks.differences == [
                UnitDifference(unit: 1, missingHere: 2), UnitDifference(unit: 2, missingThere: 2),
                UnitDifference(unit: 3, missingHere: 1),
            ])
        #expect(looks.unproven == UnitSet(3..<4))
    }
}
