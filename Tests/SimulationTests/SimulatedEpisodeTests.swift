import Foundation
import Simulation
import Testing

@Suite("Lacuna over a simulated server")
struct SimulatedEpisodeTests {
    /// Runs episodes on a thread of their own, from a seed on, until so many crash points were passed.
    private func run(points: Int, seed: UInt64) async -> (tally: Tally, violations: [String]) {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                var total = Tally()
                var violations: [String] = []
                var next = seed
                while total.crashPoints < points, violations.isEmpty {
                    let episode = SimulatedEpisode(Setting(seed: next))
                    violations = episode.run().map { "\(episode.setting): \($0)" }
                    total.add(episode.tally)
                    next &+= 1
                }
                continuation.resume(returning: (total, violations))
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    @Test("holds every invariant over 2,000 crash points with a fresh seed")
    func freshSeed() async {
        let seed = UInt64.random(in: 0 ... .max)
        print("crash points: seed \(seed)")
        let (tally, violations) = await run(points: 2_000, seed: seed)
        #expect(violations.isEmpty, "seed \(seed)")
        #expect(tally.crashPoints >= 2_000 || !violations.isEmpty)
        #expect(tally.kills > 0 && tally.cuts > 0 && tally.lostCommits > 0 && tally.restarts > 0)
        #expect(tally.commits > 0 && tally.runs > 0)
    }
}
