import Foundation

/// How much random input tests try.
public enum Fuzzing {
    /// The number that `LACUNA_FUZZ` names, or `usual`.
    public static func rounds(_ usual: Int) -> Int {
        ProcessInfo.processInfo.environment["LACUNA_FUZZ"].flatMap(Int.init) ?? usual
    }
}
