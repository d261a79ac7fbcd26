import Synchronization

/// Asks runs to end tidily: no new batch starts, those in flight finish within a grace time.
public final class StopSignal: Sendable {
    private let stopped = Atomic(false)

    /// A signal that was not given.
    public init() {}

    /// Whether it was given.
    public var isGiven: Bool { stopped.load(ordering: .acquiring) }

    /// Gives the signal.
    public func give() {
        stopped.store(true, ordering: .releasing)
    }

    /// Waits for the signal.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws {
        while !isGiven { try await Task.sleep(for: .milliseconds(50)) }
    }
}
