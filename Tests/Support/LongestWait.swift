import Foundation

/// The one bound of all waits of the tests.
///
/// A test waits for what it needs, however long a busy machine takes. The bound is there so that a fault ends a test with a
/// message in place of a run that never ends. Nothing is proved by it, and no machine is slow enough to reach it.
public enum LongestWait {
    /// How long it is.
    public static let duration: Duration = .seconds(1800)
    /// The same for programs that take seconds.
    public static let seconds = "1800"

    /// Waits until a condition holds.
    ///
    /// - Parameters:
    ///   - condition: what it says, for the message.
    ///   - pause: the time between two looks.
    /// - Throws: what `holds` throws; ``TestEnvironmentError`` after the longest wait.
    public static func until(
        _ condition: String, every pause: Duration = .milliseconds(5), _ holds: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + duration
        while try await !holds() {
            guard ContinuousClock.now < deadline else {
                throw TestEnvironmentError("waited \(duration), but it is not so that \(condition)")
            }
            try await Task.sleep(for: pause)
        }
    }
}
