import Foundation
import Simulation

/// Random episodes of Lacuna over a simulated server, until so many crash points were passed.
@main
struct SimulatedEpisodes {
    private struct Options {
        var points = 20_000
        var seed = UInt64.random(in: 0 ... .max)
        var seconds: Double?
        var isVerbose = false
    }

    private struct UsageError: Error, CustomStringConvertible {
        let description: String
    }

    static func main() {
        do {
            let options = try parse(Array(CommandLine.arguments.dropFirst()))
            exit(run(options) ? 0 : 1)
        } catch {
            FileHandle.standardError.write(Data("crash-points: \(error)\n".utf8))
            exit(64)
        }
    }

    private static func parse(_ arguments: [String]) throws -> Options {
        var options = Options()
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--verbose" {
                options.isVerbose = true
                continue
            }
            guard let value = rest.popFirst() else { throw UsageError(description: "\(name) needs a value") }
            switch name {
            case "--points": options.points = try number(value)
            case "--seed": options.seed = try number(value)
            case "--seconds": options.seconds = try number(value)
            default: throw UsageError(description: "unknown option \(name)")
            }
        }
        return options
    }

    private static func number<Value: LosslessStringConvertible>(_ text: String) throws -> Value {
        guard let value = Value(text) else { throw UsageError(description: "not a number: \(text)") }
        return value
    }

    private static func run(_ options: Options) -> Bool {
        print("crash-points: --points \(options.points) --seed \(options.seed)")
        let began = ContinuousClock.now
        var total = Tally()
        var episodes = 0
        while total.crashPoints < options.points {
            if let seconds = options.seconds, ContinuousClock.now - began > .seconds(seconds) { break }
            let setting = Setting(seed: options.seed &+ UInt64(episodes))
            if options.isVerbose {
                print(setting)
                fflush(nil)
            }
            let episode = SimulatedEpisode(setting)
            let violations = episode.run()
            total.add(episode.tally)
            episodes += 1
            guard violations.isEmpty else {
                print(setting)
                for violation in violations.prefix(20) { print("VIOLATION (seed \(setting.seed)): \(violation)") }
                print("crash-points: violated after \(episodes) episodes, \(total)")
                return false
            }
        }
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        let rate = String(format: "%.0f", Double(total.crashPoints) / seconds)
        print("crash-points: \(episodes) episodes, no violation, \(total); \(rate) points/s")
        return true
    }
}
