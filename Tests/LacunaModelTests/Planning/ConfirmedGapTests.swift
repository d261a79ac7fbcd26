import TestSupport
import Testing

@testable import LacunaModel

@Suite("Gaps of which a second look has its say")
struct ConfirmedGapTests {
    @Test("are those of both looks, and nothing else changes")
    func both() {
        var random = SeededGenerator("Gaps of two looks")
        for _ in 0..<2_000 {
            let situation = PartitionCoverageTests.Situation(using: &random)
            let first = situation.coverage
            let later = UnitSet(
                situation.universe.filter { _ in Bool.random(using: &random) }.map { $0..<$0 + 1 })
            let confirmed = PartitionCoverage(
                first.evidence(confirmedBy: later), of: situation.stream, now: 0, tip: situation.tip)
            #expect(confirmed.gaps == first.gaps.intersection(later))
            #expect(confirmed.thin == first.thin.intersection(later))
            #expect(confirmed.range == first.range && confirmed.latest == first.latest)
            #expect(confirmed.tail == first.tail && confirmed.settled == first.settled)
        }
    }
}
