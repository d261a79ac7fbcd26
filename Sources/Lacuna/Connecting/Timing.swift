import LacunaModel
import LacunaRecords

/// What runs wait by: the clock, the waiting itself, and the chance in it.
///
/// It belongs to the task, so that a simulation of many runs can give each of them its own.
package struct Timing: Sendable {
    /// The present.
    package var now: @Sendable () -> ContinuousClock.Instant
    /// Waits so long, or throws `CancellationError`.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// A random number from 0 to 1.
    package var fraction: @Sendable () -> Double

    /// A timing from its parts.
    package init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async throws -> Void, fraction: @escaping @Sendable () -> Double
    ) {
        self.now = now
        self.sleep = sleep
        self.fraction = fraction
    }

    /// The timing of this task and of those that it starts.
    @TaskLocal package static var current = Timing(
        now: { .now }, sleep: { try await Task.sleep(for: $0) }, fraction: { .random(in: 0...1) })

    /// Waits so long.
    ///
    /// - Throws: `CancellationError`.
    static func sleep(_ duration: Duration) async throws {
        try await current.sleep(duration)
    }

    /// The present.
    static var now: ContinuousClock.Instant { current.now() }
}

/// Waits between attempts: exponential backoff with full jitter.
enum Backoff {
    /// A random wait between nothing and `ceiling`.
    static func wait(ceiling: Duration) -> Duration {
        ceiling * Timing.current.fraction()
    }
}
