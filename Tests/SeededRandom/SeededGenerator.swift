import Foundation

/// Random numbers that are the same in every run with one seed: SplitMix64 (Steele, Lea, Flood, "Fast Splittable
/// Pseudorandom Number Generators", OOPSLA 2014).
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// What the numbers come from.
    public let seed: UInt64

    /// A generator; two with one seed give the same numbers.
    public init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    /// A generator with the seed that `LACUNA_TEST_SEED` names, or a fresh one, printed so that a failure can be run again.
    public init(_ purpose: String) {
        let environment = ProcessInfo.processInfo.environment
        self.init(seed: environment["LACUNA_TEST_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ... .max))
        print("\(purpose): LACUNA_TEST_SEED=\(seed)")
    }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
