import Foundation
import TestSupport
import Testing

@testable import LacunaModel

@Suite("A partition's coverage")
struct PartitionCoverageTests {
    /// One random situation in a universe of 24 units, and what the algebra says of it unit by unit.
    struct Situation {
        let universe = Int64(0)..<24
        var stream = plannedStream()
        var present: Set<Int64> = []
        var verified: Set<Int64> = []
        var refetch: Set<Int64> = []
        var accepted: Set<Int64> = []
        /// How many rows units lack, of those that have some; and what was so when they were settled.
        var shortfalls: [Int64: Int64] = [:]
        var settled: [Int64: (shortfall: Int64, until: Int64)] = [:]
        var expected: Set<Int64>?
        var extents: Extents?
        var tip: Int64?
        var from: Int64?
        var to: Int64?
        var delay: Int64 = 0

        init(using random: inout SeededGenerator) {
            func some(_ share: Double, _ random: inout SeededGenerator) -> Set<Int64> {
                Set(universe.filter { _ in Double.random(in: 0..<1, using: &random) < share })
            }
            if Int.random(in: 0..<4, using: &random) > 0 { present = some(.random(in: 0...1, using: &random), &random) }
            verified = some(0.2, &random)
            refetch = some(0.1, &random)
            if Bool.random(using: &random) { accepted = some(0.2, &random) }
            if Bool.random(using: &random) {
                for unit in present where Bool.random(using: &random) {
                    shortfalls[unit] = Int64.random(in: 1...2, using: &random)
                }
                for unit in some(0.5, &random) {
                    settled[unit] = (Int64.random(in: 1...2, using: &random), Int64.random(in: -1...1, using: &random))
                }
            }
            if Int.random(in: 0..<4, using: &random) == 0 { expected = some(0.6, &random) }
            if Bool.random(using: &random) {
                let a = Int64.random(in: universe, using: &random)
                extents = Extents(oldest: a, latest: Int64.random(in: a..<24, using: &random))
            }
            if Bool.random(using: &random) { tip = Int64.random(in: universe, using: &random) }
            if Bool.random(using: &random) { from = Int64.random(in: universe, using: &random) }
            if Bool.random(using: &random) { to = Int64.random(in: universe, using: &random) }
            if Int.random(in: 0..<3, using: &random) == 0 { delay = Int64.random(in: 0..<6, using: &random) }
            stream.expect.from = from.map { .unit($0) }
            stream.expect.to = to.map { .unit($0) } ?? .tip
            stream.expect.delay = delay == 0 ? nil : .units(delay)
        }

        var coverage: PartitionCoverage {
            func set(_ units: Set<Int64>) -> UnitSet { UnitSet(units.map { $0..<$0 + 1 }) }
            var evidence = PartitionEvidence(
                partition: .whole,
                present: PresentUnits(universe, missing: set(Set(universe).subtracting(present))),
                extents: extents, verified: set(verified), refetch: set(refetch), expected: expected.map(set))
            evidence.accepted = accepted.sorted().map { AcceptedRange(range: $0..<$0 + 1, reason: "\($0)") }
            evidence.thin = ThinUnits(shortfalls.map { ($0.key, $0.value) })
            evidence.settled = settled.map { unit, state in
                SettledRange(
                    range: unit..<unit + 1, shortfall: state.shortfall, asked: state.until - 86_400, answers: 1)
            }
            return PartitionCoverage(evidence, of: stream, now: 0, tip: tip)
        }

        /// The units with rows that have all of them, or all that there are.
        var complete: Set<Int64> { present.filter { shortfalls[$0] == nil || isSettled($0) } }

        func isSettled(_ unit: Int64) -> Bool {
            guard let shortfall = shortfalls[unit], let state = settled[unit] else { return false }
            return state.shortfall == shortfall && state.until > 0
        }

        /// Those that nothing but a person's word covers.
        var onlyAccepted: Set<Int64> {
            history.intersection(expected ?? Set(universe)).intersection(accepted)
                .subtracting(present.filter { shortfalls[$0] == nil }).subtracting(verified).subtracting(refetch)
        }

        var oldest: Int64? { [present.min(), extents?.oldest].compactMap { $0 }.min() }
        var latest: Int64? { [present.max(), extents?.latest].compactMap { $0 }.max() }

        /// Whether a unit is due: at least `delay` behind the newest unit known.
        func isDue(_ unit: Int64) -> Bool {
            guard delay > 0, let newest = [latest, tip].compactMap({ $0 }).max() else { return true }
            return unit <= newest - delay
        }

        /// The history: from the beginning to `latest`, or to the end where there is nothing yet.
        var history: Set<Int64> {
            // Without a beginning there is nothing to expect; the planner says what is missing.
            guard let first = from ?? [oldest, expected?.min()].compactMap({ $0 }).min() else { return [] }
            guard let last = latest.map({ min($0, to ?? $0) }) ?? to ?? tip else { return [] }
            return Set(universe.filter { $0 >= first && $0 <= last && isDue($0) })
        }

        var gaps: Set<Int64> {
            let covered = complete.union(verified.subtracting(present)).union(accepted).subtracting(refetch)
            return history.intersection(expected ?? Set(universe)).subtracting(covered)
        }
    }

    @Test("agrees with the algebra, unit by unit", arguments: [1, 2, 3, 4] as [UInt64])
    func algebra(seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            await Task.yield()
            let situation = Situation(using: &random)
            let coverage = situation.coverage
            guard elements(coverage.gaps) == situation.gaps,
                elements(coverage.expected) == situation.history.intersection(situation.expected ?? situation.history),
                coverage.oldest == situation.oldest, coverage.latest == situation.latest,
                coverage.isNew == (situation.latest == nil),
                elements(coverage.verified) == situation.verified.intersection(coverage.range),
                elements(coverage.refetch) == situation.refetch.intersection(coverage.range),
                elements(coverage.accepted) == situation.onlyAccepted,
                elements(coverage.thin).isSubset(of: situation.gaps),
                elements(coverage.thin) == situation.gaps.intersection(situation.shortfalls.keys),
                elements(coverage.settled).isDisjoint(with: situation.gaps),
                coverage.acceptedRanges.allSatisfy({ $0.reason == "\($0.range.lowerBound)" }),
                coverage.coveredCount == UInt64(elements(coverage.expected).count - situation.gaps.count)
            else {
                Issue.record("\(situation): gaps \(coverage.gaps.ranges) in \(coverage.range)")
                return
            }
        }
    }

    @Test(
        "It is complete through the last unit before the first gap", arguments: [11, 12] as [UInt64])
    func completeThrough(seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        var count = 0
        for _ in 0..<3000 {
            await Task.yield()
            let situation = Situation(using: &random)
            let coverage = situation.coverage
            let open = situation.gaps.union(elements(coverage.provisional.intersection(coverage.range)))
            let through = coverage.range.prefix { !open.contains($0) }.last
            guard coverage.completeThrough == (coverage.latest == nil ? nil : through) else {
                Issue.record("\(situation): through \(coverage.completeThrough ?? -1) in \(coverage.range)")
                return
            }
            if through != nil { count += 1 }
        }
        #expect(count > 300)
    }

    @Test(
        "The contiguous run ends at latest and holds no gap, and the unit before it is one",
        arguments: [7, 8] as [UInt64])
    func contiguous(seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            await Task.yield()
            let situation = Situation(using: &random)
            let coverage = situation.coverage
            let gaps = situation.gaps
            if let run = coverage.contiguous {
                let isRight =
                    !run.isEmpty && run.upperBound == coverage.range.upperBound && gaps.isDisjoint(with: run)
                    && (run.lowerBound == coverage.range.lowerBound || gaps.contains(run.lowerBound - 1))
                guard isRight else {
                    Issue.record("\(situation): \(run)")
                    return
                }
            } else {
                guard coverage.latest == nil || coverage.range.isEmpty || gaps.contains(coverage.range.upperBound - 1)
                else {
                    Issue.record("\(situation): no run")
                    return
                }
            }
        }
    }

    @Test(
        "The tail is what is expected and due beyond latest, up to the end that is known",
        arguments: [9, 10] as [UInt64])
    func tail(seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            await Task.yield()
            let situation = Situation(using: &random)
            guard let latest = situation.latest else { continue }
            let coverage = situation.coverage
            guard let end = situation.to ?? situation.tip else {
                guard coverage.tail == nil else {
                    Issue.record("\(situation): a tail without an end")
                    return
                }
                continue
            }
            let first = max(situation.from ?? 0, latest + 1)
            let expected = situation.universe.filter {
                $0 >= first && $0 <= end && situation.isDue($0) && situation.expected?.contains($0) != false
            }
            .filter { !situation.accepted.subtracting(situation.refetch).contains($0) }
            guard coverage.tail.map(elements) == Set(expected) else {
                Issue.record("\(situation): tail \(coverage.tail?.ranges ?? []), not \(expected)")
                return
            }
        }
    }

    @Test("Units that are not over are no gaps of a stream that looks ahead, but are read again and caught up with")
    func ahead() throws {
        let today = CivilDate(year: 2024, month: 3, day: 10)?.daysSinceEpoch ?? 0
        let stream = plannedStream(.date(timezone: .utc)) {
            $0.expect.from = .unit(today - 5)
            $0.expect.to = .today(.init(.days(7), isPast: false))
        }
        func coverage(_ stream: StreamDefinition, present: Set<Int64>) -> PartitionCoverage {
            let scanned = today - 5..<today + 100
            return PartitionCoverage(
                PartitionEvidence(
                    partition: .whole,
                    present: PresentUnits(
                        scanned, missing: UnitSet(scanned.filter { !present.contains($0) }.map { $0..<$0 + 1 }))),
                of: stream, now: today * 86_400 + 3600)
        }
        func offsets(_ set: UnitSet?) -> [Int64] { elements(set ?? UnitSet()).map { $0 - today }.sorted() }

        let filled = coverage(stream, present: [today - 5, today - 3, today + 3])
        #expect(offsets(filled.gaps) == [-4, -2, -1])
        #expect(offsets(filled.ahead) == [0, 1, 2, 3])
        #expect(offsets(filled.tail) == [4, 5, 6, 7])

        let behind = coverage(stream, present: [today - 5, today - 3])
        #expect(offsets(behind.gaps) == [-4])
        #expect(offsets(behind.ahead) == [])
        #expect(offsets(behind.tail) == [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7])

        let new = coverage(stream, present: [])
        #expect(offsets(new.gaps) == [-5, -4, -3, -2, -1])
        #expect(offsets(new.ahead) == [0, 1, 2, 3, 4, 5, 6, 7])

        var patient = stream
        patient.expect.delay = .days(2)
        #expect(offsets(coverage(patient, present: [today - 5, today + 3]).ahead) == [])
        #expect(offsets(coverage(patient, present: [today - 5, today + 3]).gaps) == [-4, -3])
    }
}
