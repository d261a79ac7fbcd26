import Foundation

/// What happened, in numbers.
struct Tally: CustomStringConvertible, Sendable {
    var kills = 0
    var terminations = 0
    var cuts = 0
    var lostCommits = 0
    var restarts = 0
    var runs = 0
    var commits = 0

    mutating func add(_ other: Tally) {
        kills += other.kills
        terminations += other.terminations
        cuts += other.cuts
        lostCommits += other.lostCommits
        restarts += other.restarts
        runs += other.runs
        commits += other.commits
    }

    var description: String {
        "\(runs) runs ended by themselves, \(kills) killed, \(terminations) sessions terminated, \(cuts) cuts, "
            + "\(lostCommits) of \(commits) COMMITs or answers lost, \(restarts) restarts"
    }
}

/// The sum over episodes, and which episode is next.
struct Progress: CustomStringConvertible, Sendable {
    private let began = ContinuousClock.now
    private let options: Options
    private var tally = Tally()
    private var started = 0
    private(set) var done = 0
    private(set) var failed = 0
    /// Episodes that could not be carried through, for a reason that is none of Lacuna's.
    private(set) var broken = 0
    var isStopped = false

    init(_ options: Options) {
        self.options = options
    }

    /// The number of the next episode, from 0; nil where none is to begin.
    mutating func next() -> Int? {
        guard !isStopped, started < options.episodes, broken < 5 else { return nil }
        if failed > 0, options.untilViolation { return nil }
        if let minutes = options.minutes, ContinuousClock.now - began > .seconds(minutes * 60) { return nil }
        defer { started += 1 }
        return started
    }

    mutating func add(_ tally: Tally, isViolated: Bool) {
        self.tally.add(tally)
        done += 1
        if isViolated { failed += 1 }
    }

    mutating func addBroken() {
        broken += 1
    }

    var description: String {
        let minutes = (ContinuousClock.now - began) / .seconds(60)
        return "\(done) episodes, \(failed) with violations\(broken > 0 ? ", \(broken) broken off" : ""); \(tally); "
            + String(
                format: "%.1f episodes a minute, %.1f kills an episode", Double(done) / minutes,
                Double(tally.kills) / Double(max(done, 1)))
    }
}
