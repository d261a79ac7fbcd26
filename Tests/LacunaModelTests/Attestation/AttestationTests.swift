import Testing
import TestSupport

@testable import LacunaModel

@Suite("What an answer proves")
struct AttestationTests {
    @Test("a unit is verified empty only if it was asked for, spoken of, over, and neither row nor record came")
    func againstEachUnit() {
        var generator = SeededGenerator("Attestation against each unit")
        for _ in 0..<20_000 {
            let (window, answer) = randomCase(&generator)
            let proven = Attestation(window, answer)
            for unit in window.range {
                let isMissing = window.missing.contains(unit)
                let isAsked = window.asked.contains(unit)
                let isUnanswered = isMissing && isAsked && unit < answer.dueEnd
                let isSpokenOf = answer.spoken.contains(unit) && unit < answer.sourceEnd
                let hasRecord = answer.records.contains(unit)
                let isNewlyEmpty = isUnanswered && isSpokenOf && (answer.rowsDecide || !hasRecord)
                let staysEmpty = window.verified.contains(unit) && !isAsked
                let what = "unit \(unit) of \(window), \(answer); seed \(generator.seed)"
                #expect(proven.unanswered.contains(unit) == isUnanswered, "\(what)")
                #expect(proven.empty.contains(unit) == (isNewlyEmpty || staysEmpty), "\(what)")
                #expect(
                    proven.reread.contains(unit) == (window.refetch.contains(unit) && (isSpokenOf || hasRecord)),
                    "\(what)")
                #expect(proven.covered.contains(unit) == (!isMissing || proven.empty.contains(unit)), "\(what)")
            }
        }
    }

    @Test("nothing is proven by an answer that spoke of nothing, or of a source that has nothing")
    func silence() {
        let missing = UnitSet(0..<10)
        let window = Attestation.Window(range: 0..<10, asked: missing, missing: missing, refetch: UnitSet(2..<4))
        for answer in [Attestation.Answer(spoken: 0..<0), Attestation.Answer(spoken: 0..<10, sourceEnd: .min)] {
            let proven = Attestation(window, answer)
            #expect(proven.empty.isEmpty)
            #expect(proven.reread.isEmpty)
            #expect(proven.covered.isEmpty)
            #expect(proven.unanswered == missing)
        }
    }

    /// A window of up to twelve units at an edge of the numbers or near zero, and any answer.
    private func randomCase(_ generator: inout SeededGenerator) -> (Attestation.Window, Attestation.Answer) {
        let starts: [Int64] = [.min, -5, 0, .max - 12]
        let start = starts.randomElement(using: &generator) ?? 0
        let range = start..<start + Int64.random(in: 1...12, using: &generator)
        func units() -> UnitSet {
            var units = UnitSet()
            for unit in range where Bool.random(using: &generator) { units.insert(unit..<unit + 1) }
            return units
        }
        func bound() -> Int64 {
            let inside = Int64.random(in: range.lowerBound...range.upperBound, using: &generator)
            let bounds: [Int64] = [.min, .max, inside, inside]
            return bounds.randomElement(using: &generator) ?? inside
        }
        let ends = [bound(), bound()].sorted()
        let missing = units()
        let window = Attestation.Window(
            range: range, asked: units(), missing: missing, verified: units().intersection(missing), refetch: units())
        let answer = Attestation.Answer(
            spoken: ends[0]..<ends[1], sourceEnd: bound(), dueEnd: bound(), records: units(),
            rowsDecide: Bool.random(using: &generator))
        return (window, answer)
    }
}
