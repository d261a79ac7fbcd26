import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// One transaction over fetched batches, from their tokens to COMMIT. A reconcile commits one batch in it, a catchup all.
struct BatchTransaction: Sendable {
    /// What keeps others from committing to the same units meanwhile.
    enum Lock: Sendable {
        /// Each batch locks its cell of the grid.
        case cells
        /// One lock for all: a lock for each cell would exhaust the server's lock table.
        case one(String)
    }

    /// Opens a session for one try of the transaction, or takes one that is open. What it is given runs on it, followed by a
    /// statement that goes along with COMMIT, if there is one.
    typealias SessionScope = (
        (Session, _ followedBy: BoundStatement?) async throws -> CommittedBatch
    ) async throws -> CommittedBatch

    let run: RunContext
    let lock: Lock

    /// Runs the transaction, again if it fails in a way that may pass, until its outcome is known.
    ///
    /// - Parameters:
    ///   - policy: how often it is tried.
    ///   - onRetry: told of each failure and the wait before the next try.
    ///   - withSession: gives each try its session.
    /// - Throws: ``PostgresError/outcomeUnknown(message:)``; ``ProofError``; ``StaleFetch``; what the last try threw.
    func commit(
        _ fetched: [FetchedBatch], policy: RetryPolicy, onRetry: (any Error, Duration) -> Void = { _, _ in },
        withSession: SessionScope
    ) async throws -> CommittedBatch {
        let resolution = CommitResolution(limit: run.options.resolutionLimit)
        let result: CommittedBatch
        do {
            result = try await policy.run(mayPass: BatchFault.mayPass, onRetry: onRetry) { _ in
                try await resolution.run {
                    try await withSession { session, followedBy in
                        try await attempt(fetched, resolution, on: session, followedBy: followedBy)
                    }
                }
            }
        } catch let refused as ShrinkRefused {
            await remember(refused, fetched, withSession: withSession)
            throw refused
        }
        if result.isChanged { run.journal.wasRecorded() }
        return result
    }

    /// Keeps what a refused answer said of empty units. Without it the next such answer counts as the first.
    private func remember(_ refused: ShrinkRefused, _ fetched: [FetchedBatch], withSession: SessionScope) async {
        guard !refused.empty.isEmpty, let batch = fetched.first(where: { $0.number == refused.batch }) else { return }
        _ = try? await withSession { session, followedBy in
            try await session.withTransaction(followedBy: followedBy) { session in
                try run.commit.begin(on: session)
                try await run.commit.remember(refused, of: batch, on: session)
                return CommittedBatch()
            }
        }
    }

    private func attempt(
        _ fetched: [FetchedBatch], _ resolution: CommitResolution, on session: Session, followedBy: BoundStatement?
    ) async throws -> CommittedBatch {
        try await session.withTransaction(followedBy: followedBy) { session in
            try run.commit.begin(on: session)
            if case .one(let name) = lock {
                try session.enqueue(try Statements.lockWindow.bound(values: ["window": name]))
            }
            try run.commit.announce(fetched, on: session)
            var total = CommittedBatch()
            var table = BatchTable()
            for batch in fetched {
                guard try await run.commit.insertToken(batch, on: session) else {
                    return try resolution.committedBefore()
                }
                resolution.insertedToken()
                if case .cells = lock { try run.commit.lock(batch, on: session) }
                do {
                    total.add(
                        try await run.commit.apply(
                            batch, directly: resolution.mayLoadDirectly, table: &table, on: session))
                } catch let error as ProofError {
                    throw error.of(batch: batch.number)
                } catch let error as ShrinkRefused {
                    throw error.of(batch: batch.number)
                }
            }
            guard total.isChanged else { throw NothingToCommit() }
            if total.metOthers { try await run.commit.requireNewest(fetched, on: session) }
            try run.commit.close(total, on: session)
            try run.journal.record(in: session)
            resolution.willCommit(total)
            return total
        }
    }
}
