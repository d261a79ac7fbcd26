import TestSupport
import Testing

@testable import LacunaSources

@Suite("How fast a source may be asked that says only that it was too fast")
struct LearnedRateTests {
    private let start = ContinuousClock.now

    /// Notes refusals and says whether each changed the limit.
    private func refuse(_ rate: inout LearnedRate, after milliseconds: Int, isWaiting: Bool = false) -> Bool {
        rate.refused(at: start + .milliseconds(milliseconds), isWaiting: isWaiting)
    }

    private func answer(_ rate: inout LearnedRate, after milliseconds: some Sequence<Int>) -> Bool {
        var hasChanged = false
        for wait in milliseconds where rate.answered(at: start + .milliseconds(wait)) { hasChanged = true }
        return hasChanged
    }

    @Test("is not judged by one refusal")
    func single() {
        var rate = LearnedRate()
        _ = answer(&rate, after: 0..<5)
        let changes = [refuse(&rate, after: 6), refuse(&rate, after: 5000)]
        #expect(changes == [false, false])
        #expect(rate.limit == nil)
    }

    @Test("is what its best second took")
    func best() {
        var rate = LearnedRate()
        _ = answer(&rate, after: [0, 1, 2, 3, 4, 1500])
        // The second and third were under way together with the first.
        let changes = [
            refuse(&rate, after: 1600), refuse(&rate, after: 1601, isWaiting: true),
            refuse(&rate, after: 1602, isWaiting: true),
        ]
        #expect(changes == [false, true, false])
        #expect(rate.limit == 5)
    }

    @Test("shrinks where it is refused again, and grows after many answers")
    func changes() {
        var rate = LearnedRate()
        _ = answer(&rate, after: 0..<8)
        _ = refuse(&rate, after: 10)
        _ = refuse(&rate, after: 11, isWaiting: true)
        #expect(rate.limit == 8)
        _ = refuse(&rate, after: 1100)
        #expect(rate.limit == 6)
        let early = answer(&rate, after: (2..<121).map { $0 * 1000 })
        let late = answer(&rate, after: [200_000])
        #expect(!early)
        #expect(late)
        #expect(rate.limit == 7)
    }

    @Test("is at least one a second")
    func least() {
        var rate = LearnedRate()
        for index in 0..<20 { _ = refuse(&rate, after: index * 1100) }
        #expect(rate.limit == 1)
    }
}
