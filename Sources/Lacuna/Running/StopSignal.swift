import LacunaModel
import LacunaRecords
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

    /// Runs `body` and cancels it `grace` after the signal.
    ///
    /// - Throws: `CancellationError` if it was cancelled; what `body` throws.
    func cancelling<Value: Sendable>(
        after grace: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await self.wait()
                try await Timing.sleep(grace)
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
                group.cancelAll()
            }
            throw CancellationError()
        }
    }

    /// Waits for the signal.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws {
        while !isGiven { try await Timing.sleep(.milliseconds(50)) }
    }
}
