import Foundation
import Synchronization
import TestSupport

/// Random episodes of real processes on a real server, with faults; each is checked by ``Checker``.
@main
struct CrashTest {
    private struct Options {
        var episodes = 20
        var seed = UInt64.random(in: 0 ... .max)
        var minutes: Double?
        var untilViolation = false
    }

    static func main() async {
        do {
            let options = try parse(Array(CommandLine.arguments.dropFirst()))
            exit(try await run(options) ? 0 : 1)
        } catch {
            FileHandle.standardError.write(Data("crash-test: \(error)\n".utf8))
            exit(70)
        }
    }

    private static func parse(_ arguments: [String]) throws -> Options {
        var options = Options()
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--until-violation" {
                options.untilViolation = true
                continue
            }
            guard let value = rest.popFirst() else { throw TestEnvironmentError("\(name) needs a value") }
            switch name {
            case "--episodes": options.episodes = try number(value)
            case "--seed": options.seed = try number(value)
            case "--minutes": options.minutes = try number(value)
            default: throw TestEnvironmentError("unknown option \(name)")
            }
        }
        return options
    }

    private static func number<Value: LosslessStringConvertible>(_ text: String) throws -> Value {
        guard let value = Value(text) else { throw TestEnvironmentError("not a number: \(text)") }
        return value
    }

    /// Runs the episodes; the first has the seed itself, so that a failed one is repeated by `--episodes 1 --seed S`.
    private static func run(_ options: Options) async throws -> Bool {
        print("crash-test: --episodes \(options.episodes) --seed \(options.seed)")
        let began = ContinuousClock.now
        var total = Tally()
        var done = 0
        var failed = 0
        try await PrivateServer.with(settings: ["max_connections=200", "log_min_messages=fatal"]) { server in
            while done < options.episodes, failed == 0 || !options.untilViolation {
                if let minutes = options.minutes, ContinuousClock.now - began > .seconds(minutes * 60) { break }
                let schedule = Schedule(seed: options.seed &+ UInt64(done))
                let episode = Episode(schedule, server: server, number: done)
                let violations = try await episode.run()
                let tally = episode.tally
                total.add(tally)
                done += 1
                print("\(done): \(schedule); \(tally)")
                // Seen when it is over, in a pipe too.
                fflush(nil)
                if !violations.isEmpty {
                    failed += 1
                    for violation in violations { print("VIOLATION (seed \(schedule.seed)): \(violation)") }
                }
            }
        }
        let minutes = (ContinuousClock.now - began) / .seconds(60)
        print(
            "crash-test: \(done) episodes, \(failed) with violations; \(total); "
                + String(
                    format: "%.1f episodes a minute, %.1f kills an episode", Double(done) / minutes,
                    Double(total.kills) / Double(max(done, 1))))
        return failed == 0
    }
}

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
            + "\(lostCommits) of \(commits) COMMITs lost, \(restarts) restarts"
    }
}
