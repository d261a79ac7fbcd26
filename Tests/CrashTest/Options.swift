import Foundation
import TestSupport

/// What is asked for on the command line.
struct Options {
    var episodes = 20
    var seed = UInt64.random(in: 0 ... .max)
    var minutes: Double?
    /// Episodes at once. Most of an episode is waiting.
    var parallel = min(3 * ProcessInfo.processInfo.activeProcessorCount, 12)
    var untilViolation = false

    /// - Throws: where an argument is none of the options or no number.
    init(_ arguments: some Collection<String>) throws {
        var rest = Array(arguments)[...]
        while let name = rest.popFirst() {
            if name == "--until-violation" {
                untilViolation = true
                continue
            }
            guard let value = rest.popFirst() else { throw TestEnvironmentError("\(name) needs a value") }
            switch name {
            case "--episodes": episodes = try Options.number(value)
            case "--seed": seed = try Options.number(value)
            case "--minutes": minutes = try Options.number(value)
            case "--parallel": parallel = max(1, try Options.number(value))
            default: throw TestEnvironmentError("unknown option \(name)")
            }
        }
    }

    private static func number<Value: LosslessStringConvertible>(_ text: String) throws -> Value {
        guard let value = Value(text) else { throw TestEnvironmentError("not a number: \(text)") }
        return value
    }
}
