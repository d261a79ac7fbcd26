import Testing
import TestSupport

@testable import LacunaModel

@Suite("What an answer proves")
struct AttestationTests {
    @Test(
        "a unit is verified empty only if it was asked for, spoken of, over, without row, record or doubt, and shown or confirmed"
    )
    func againstEachUnit() {
        var generator = SeededGenerator("Attestation against each unit")
        for _ in 0..<20_000 {
            let (window, answer) = randomCase(&generator)
            let proven = Attestation(window, answer)
            for unit in window.range {
                let isMissing = window.missing.contains(unit)
                let isAsked = window.asked.contains(unit)
                let isDoubtful = answer.doubtful.contains(unit)
                let isUnanswered = isMissing && isAsked && unit < answer.dueEnd
                let isSpokenOf = answer.spoken.contains(unit) && unit < answer.sourceEnd
                let hasRecord = answer.records.contains(unit)
                let isClaimed = isUnanswered && isSpokenOf && !isDoubtful && (answer.rowsDecide || !hasRecord)
                let isProven =
                    isClaimed && answer.isTrusted
                    && (unit < answer.shownEnd || window.confirmable.contains(unit))
                let isUntouched = isMissing && (!isAsked || isDoubtful)
                let isEmpty = isProven || (isUntouched && window.verified.contains(unit))
                let what = "unit \(unit) of \(window), \(answer); seed \(generator.seed)"
                #expect(proven.unanswered.contains(unit) == isUnanswered, "\(what)")
                #expect(proven.empty.contains(unit) == isEmpty, "\(what)")
                #expect(
                    proven.provisional.contains(unit)
                        == (!isEmpty && (isClaimed || (isUntouched && window.provisional.contains(unit)))), "\(what)")
                #expect(
                    proven.reread.contains(unit)
                        == (window.refetch.contains(unit) && ((isSpokenOf && !isDoubtful) || hasRecord)), "\(what)")
                #expect(proven.covered.contains(unit) == (!isMissing || isEmpty), "\(what)")
            }
        }
    }

    @Test("nothing is proven by an answer that spoke of nothing, or of a source that has nothing")
    func silence() {
        let missing = UnitSet(0..<10)
        let window = Attestation.Window(range: 0..<10, asked: missing, missing: missing, refetch: UnitSet(2..<4))
        for answer in [
            Attestation.Answer(spoken: UnitSet()), Attestation.Answer(spoken: missing, sourceEnd: .min),
            Attestation.Answer(spoken: missing, doubtful: missing),
        ] {
            let proven = Attestation(window, answer)
            #expect(proven.empty.isEmpty)
            #expect(proven.provisional.isEmpty)
            #expect(proven.reread.isEmpty)
            #expect(proven.covered.isEmpty)
            #expect(proven.unanswered == missing)
        }
    }

    @Test("what lies beyond the newest record is provisional, and empty once it was answered so twice")
    func beyondTheNewest() {
        let missing = UnitSet(3..<10)
        let answer = Attestation.Answer(spoken: UnitSet(0..<10), records: UnitSet(0..<3), shownEnd: 5)
        let first = Attestation(Attestation.Window(range: 0..<10, asked: UnitSet(0..<10), missing: missing), answer)
        #expect(first.empty == UnitSet(3..<5))
        #expect(first.provisional == UnitSet(5..<10))
        #expect(first.covered == UnitSet(0..<5))
        let window = Attestation.Window(
            range: 0..<10, asked: UnitSet(0..<10), missing: missing, verified: first.empty,
            provisional: first.provisional, confirmable: UnitSet(5..<8))
        let second = Attestation(window, answer)
        #expect(second.empty == UnitSet(3..<8))
        #expect(second.provisional == UnitSet(8..<10))
        var untrusted = answer
        untrusted.isTrusted = false
        #expect(Attestation(window, untrusted).empty.isEmpty)
        #expect(Attestation(window, untrusted).provisional == missing)
    }

    @Test(
        "rows go from units that are whole in the answer or proven empty, and from no other unit, whatever rows there are"
    )
    func replacement() {
        var generator = SeededGenerator("Replacement against each unit")
        for _ in 0..<20_000 {
            let (window, answer) = randomCase(&generator)
            let range = window.range
            var cut = UnitSet()
            for unit in range where Int.random(in: 0..<4, using: &generator) == 0 { cut.insert(unit..<unit + 1) }
            let replacement = Replacement(window, answer, cut: cut)
            for unit in range {
                let isAnswered =
                    window.asked.contains(unit) && answer.spoken.contains(unit) && unit < answer.sourceEnd
                    && !answer.doubtful.contains(unit)
                let hasRecord = answer.records.contains(unit)
                let isClaimed = isAnswered && !hasRecord && unit < answer.dueEnd
                let isConfirmed = window.confirmable.contains(unit)
                let isEmpty = isClaimed && answer.isTrusted && (unit < answer.shownEnd || isConfirmed)
                let what = "unit \(unit) of \(window), \(answer); seed \(generator.seed)"
                let isCut = cut.contains(unit)
                #expect(replacement.empty.contains(unit) == (isEmpty && !isCut), "\(what)")
                #expect(
                    replacement.units.contains(unit) == ((isEmpty || (isAnswered && hasRecord)) && !isCut), "\(what)")
                #expect(replacement.confirmed.contains(unit) == (isEmpty && isConfirmed && !isCut), "\(what)")
                #expect(replacement.waiting.contains(unit) == (isClaimed && !isEmpty), "\(what)")
            }
            #expect(replacement.units.union(replacement.waiting).subtracting(range).isEmpty)
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
        let missing = units()
        let provisional = units().intersection(missing)
        let window = Attestation.Window(
            range: range, asked: units(), missing: missing,
            verified: units().intersection(missing).subtracting(provisional), provisional: provisional,
            confirmable: units().intersection(provisional), refetch: units())
        let answer = Attestation.Answer(
            spoken: units(), doubtful: Bool.random(using: &generator) ? units() : UnitSet(), sourceEnd: bound(),
            dueEnd: bound(), records: units(), rowsDecide: Bool.random(using: &generator), shownEnd: bound(),
            isTrusted: Int.random(in: 0..<4, using: &generator) > 0)
        return (window, answer)
    }
}

@Suite("The edges of an answer that may be cut")
struct EdgeDoubtTests {
    /// What a source that gives at most `cap` records sends of a window.
    private func answer(_ rows: [Int64: Int], _ window: Range<Int64>, cap: Int, newestFirst: Bool) -> [Int64] {
        let all = window.flatMap { unit in Array(repeating: unit, count: rows[unit] ?? 0) }
        return Array(newestFirst ? all.suffix(cap) : all.prefix(cap))
    }

    @Test("show a cap whenever one cut off a unit that would be called empty, whichever end it cuts")
    func showCaps() {
        var generator = SeededGenerator("Edges show caps")
        var cuts = 0
        for _ in 0..<20_000 {
            let window: Range<Int64> = 0..<Int64.random(in: 2...12, using: &generator)
            var rows: [Int64: Int] = [:]
            for unit in window where Bool.random(using: &generator) {
                rows[unit] = Int.random(in: 1...4, using: &generator)
            }
            let cap = Int.random(in: 1...12, using: &generator)
            let newestFirst = Bool.random(using: &generator)
            let sent = answer(rows, window, cap: cap, newestFirst: newestFirst)
            let records = UnitSet(sent.map { $0..<$0 + 1 })
            let open = UnitSet(window).subtracting(records)
            let edges = EdgeDoubt.edges(of: open, records: records)
            let lost = window.filter { rows[$0] != nil && !records.contains($0) }
            let shown = edges.contains { edge in
                let again = answer(rows, edge.range, cap: cap, newestFirst: newestFirst)
                let isCutThrough = edge.outermost.map { unit in
                    again.count { $0 == unit } > sent.count { $0 == unit }
                }
                return again.contains(where: edge.units.contains) || isCutThrough == true
            }
            if !lost.isEmpty { cuts += 1 }
            #expect(lost.isEmpty || shown, "\(rows), cap \(cap), \(newestFirst ? "newest" : "oldest") first")
            if rows.values.reduce(0, +) <= cap { #expect(!shown, "an honest answer shows no cap: \(rows), cap \(cap)") }
            #expect(edges.count <= 2)
        }
        #expect(cuts > 1000)
    }

    @Test("are none of an answer without records, and none where nothing is missing")
    func none() {
        #expect(EdgeDoubt.edges(of: UnitSet(0..<9), records: UnitSet()).isEmpty)
        #expect(EdgeDoubt.edges(of: UnitSet(3..<5), records: UnitSet([0..<3, 5..<9])).isEmpty)
        #expect(EdgeDoubt.missing(UnitSet(0..<9), records: UnitSet()).isEmpty)
    }
}
