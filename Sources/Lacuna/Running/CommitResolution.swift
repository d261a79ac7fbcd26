import LacunaModel
import LacunaRecords
import Postgres
import Synchronization

/// Follows one transaction with a commit token through all its tries, until its outcome is known.
///
/// A transaction whose COMMIT was not answered is run again with the same token: the token's INSERT waits for the first
/// try and tells whether it won.
final class CommitResolution: Sendable {
    private struct State {
        /// What the try was about to commit.
        var pending: CommittedBatch?
        /// Whether the current try holds the token, so that no earlier one was committed.
        var holdsToken = false
        var unknownSince: ContinuousClock.Instant?
        var mayLoadDirectly = true
    }

    private let limit: Duration
    private let state = Mutex(State())

    init(limit: Duration) {
        self.limit = limit
    }

    /// Whether records may be loaded directly into an empty window.
    var mayLoadDirectly: Bool { state.withLock { $0.mayLoadDirectly } }

    /// Notes that the current try holds the token.
    func insertedToken() {
        state.withLock { $0.holdsToken = true }
    }

    /// Notes what the current try is about to commit.
    func willCommit(_ result: CommittedBatch) {
        state.withLock { $0.pending = result }
    }

    /// What an earlier try committed, if the token turned out to be taken.
    ///
    /// - Throws: ``StreamError`` if this run committed nothing under it: then the token is somebody else's.
    func committedBefore() throws -> CommittedBatch {
        guard let pending = state.withLock({ $0.pending }) else {
            throw StreamError.invalid(
                "the journal holds this run's number already: the sequence of lacuna.run was set back. Run again")
        }
        return pending
    }

    /// Runs tries until one has an outcome.
    ///
    /// - Parameter attempt: one transaction; it calls ``insertedToken()`` and ``willCommit(_:)``.
    /// - Throws: ``PostgresError/outcomeUnknown(message:)`` if the limit is over; what the last try threw.
    func run(_ attempt: () async throws -> CommittedBatch) async throws -> CommittedBatch {
        while true {
            state.withLock { $0.holdsToken = false }
            do {
                return try await attempt()
            } catch is DirectLoadRefused {
                state.withLock { $0.mayLoadDirectly = false }
            } catch is NothingToCommit {
                return CommittedBatch()
            } catch {
                try await decide(after: error)
            }
        }
    }

    /// Waits if the transaction is to be run again, and throws if it is not.
    private func decide(after error: any Error) async throws {
        let since: ContinuousClock.Instant? = state.withLock { state in
            if case PostgresError.outcomeUnknown = error {
                state.unknownSince = state.unknownSince ?? Timing.now
            } else if state.holdsToken {
                // This try held the token, so the earlier one was rolled back: the error is this try's own.
                state.unknownSince = nil
            }
            return state.unknownSince
        }
        guard let since else { throw error }
        let unknown = PostgresError.outcomeUnknown(message: error.message)
        if case PostgresError.outcomeUnknown = error {
        } else if (error as? PostgresError)?.isTransient != true {
            throw unknown
        }
        guard Timing.now - since < limit else { throw unknown }
        do {
            try await Timing.sleep(Backoff.wait(ceiling: .seconds(2)))
        } catch {
            throw unknown
        }
    }
}

/// Ends a transaction that has nothing to commit.
struct NothingToCommit: Error {}
