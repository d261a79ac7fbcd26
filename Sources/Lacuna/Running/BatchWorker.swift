import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Takes planned batches one by one and brings each to its end: leased, fetched, committed, or failed and halved.
///
/// While a batch is committed the next one is fetched, so that source and database work at the same time; a worker asks its
/// source for one window at a time all the same.
actor BatchWorker {
    private let run: RunContext
    private let state: RunState
    private var session: Session?
    /// How many sessions were opened.
    private var sessionCount = 0
    /// The batches whose leases the session holds, by what is leased.
    private var held: [String: PlannedBatch] = [:]
    /// What is being found out about a batch that failed, if anything is.
    private var inquiry: Inquiry?

    init(_ run: RunContext, state: RunState) {
        self.run = run
        self.state = state
    }

    /// Works until there is nothing left or the run is to end.
    func work() async {
        // What was committed last may have to be asked for again, and the last batch may turn out too large.
        while await workThroughQueue() || (!Task.isCancelled && state.hasRest) {}
        precondition(held.isEmpty || session?.isUsable != true, "a worker gives back every lease that it has taken")
        await session?.close()
    }

    /// Works until the queue is empty.
    ///
    /// - Returns: whether a batch was committed after that was seen.
    private func workThroughQueue() async -> Bool {
        var fetched: (batch: LeasedBatch, records: FetchedBatch)?
        while !Task.isCancelled, let batch = state.next(answerable: run.answerableUnits) {
            var leased = lease(of: batch, isHalf: false)
            do {
                guard try await take(&leased) else { continue }
            } catch {
                if let fetched { await finish(fetched.batch, .success(fetched.records)) }
                fetched = nil
                await handleFailure(error, leased, attempts: 1)
                continue
            }
            let next = leased
            async let answer = fetch(next)
            var failure: (any Error)?
            if let fetched { failure = await commit(fetched.batch, fetched.records) }
            let result = await answer
            // What failed is searched only now: the source is asked for one window at a time.
            if let fetched, let failure {
                await handleFailure(failure, fetched.batch, attempts: fetched.records.attempts)
            }
            fetched = nil
            switch result {
            case .success(let records): fetched = (next, records)
            case .failure: await finish(next, result)
            }
        }
        guard let fetched else { return false }
        await finish(fetched.batch, .success(fetched.records))
        return true
    }

    private func lease(of batch: PlannedBatch, isHalf: Bool) -> LeasedBatch {
        var policy = run.definition.retry
        if isHalf { policy.attempts = 1 }
        return LeasedBatch(batch: batch, number: state.number(), isHalf: isHalf, policy: policy)
    }

    /// Takes the lease of a batch and asks whether there is still something to close.
    ///
    /// - Returns: false if the batch is at its end already.
    private func take(_ leased: inout LeasedBatch) async throws -> Bool {
        let batch = leased.batch
        let policy = leased.policy
        let lease = try await policy.run(mayPass: BatchFault.mayPass, onRetry: run.report(batch)) { _ in
            try await self.lease(batch)
        }
        guard let lease else {
            state.ended(leased.number)
            state.heldElsewhere()
            return false
        }
        leased.started = lease.started
        leased.session = sessionCount
        if lease.isOpen { return true }
        noteFinished(CommittedBatch(), leased, fetched: 0)
        await release(batch)
        return false
    }

    /// Fetches a batch, off the actor: reading an answer must not keep a commit waiting.
    nonisolated private func fetch(_ leased: LeasedBatch) async -> Result<FetchedBatch, FetchFailure> {
        let answer = await run.fetch(
            leased.batch, number: leased.number, started: leased.started, policy: leased.policy)
        switch answer {
        case .success: state.noteSize(of: leased.batch, isAnswered: true)
        // What is too large is noted when it is cut.
        case .failure(let failure) where BatchFault(failure.error) == .cut: break
        case .failure: state.noteSize(of: leased.batch, isAnswered: false)
        }
        return answer
    }

    /// Commits a batch and gives its lease back.
    ///
    /// - Returns: what it failed with.
    private func commit(_ leased: LeasedBatch, _ fetched: FetchedBatch) async -> (any Error)? {
        var failure: (any Error)?
        do {
            requireLease(leased)
            let result = try await commit(fetched, policy: leased.policy)
            noteFinished(result, leased, fetched: fetched.records.recordCount)
            // Asked for once more in this run: what stays provisional then is for a later one.
            if !result.provisional.isEmpty, !leased.batch.isAskedAgain {
                state.askAgain(for: result.provisional, of: leased.batch)
            }
        } catch {
            failure = error
        }
        await release(leased.batch)
        return failure
    }

    /// Brings a batch to its end: commits what was fetched, or handles the failure.
    private func finish(_ leased: LeasedBatch, _ answer: Result<FetchedBatch, FetchFailure>) async {
        switch answer {
        case .success(let fetched):
            if let error = await commit(leased, fetched) {
                await handleFailure(error, leased, attempts: fetched.attempts)
            }
        case .failure(let failure):
            await release(leased.batch)
            await handleFailure(failure.error, leased, attempts: failure.attempts)
        }
    }

    /// Takes, fetches and commits a batch in one go: one that failed before, or a half of it.
    private func process(_ leased: LeasedBatch) async {
        var leased = leased
        do {
            guard try await take(&leased) else { return }
        } catch {
            return await handleFailure(error, leased, attempts: 1)
        }
        await finish(leased, await fetch(leased))
    }

    private func noteFinished(_ result: CommittedBatch, _ leased: LeasedBatch, fetched: Int) {
        let batch = leased.batch
        state.ended(leased.number)
        state.committed(result, fetched: fetched)
        if fetched > 0 { inquiry?.hasPassed = true }
        run.options.onEvent(
            .finished(
                window: batch.window, partition: batch.partition,
                rows: result.inserted + result.updated + result.deleted,
                isCommitted: result.isChanged))
    }

    // MARK: Lease

    /// Takes the lease of a batch, and asks before the source is: another run may have closed the window since it was
    /// planned, and given its lease back.
    ///
    /// - Returns: when the lease was taken, by the server's clock, and whether there is something to close; nil if another
    ///   run holds it.
    private func lease(_ batch: PlannedBatch) async throws -> (started: String, isOpen: Bool)? {
        let session = try await usableSession()
        let name = run.leaseName(of: batch)
        let statement =
            run.definition.leases
            ? try Statements.tryLease.bound(values: ["lease": name, "activity": run.activity(of: batch)])
            : try Statements.selectClock.bound()
        do {
            let (answer, isOpen) = try await run.commit.look(
                at: batch, after: statement, on: session)
            let row = try answer.only()
            let started: String = try row.get("now")
            guard run.definition.leases else { return (started, isOpen) }
            guard try row.get("leased") else { return nil }
            held[name] = batch
            return (started, isOpen)
        } catch {
            // Nobody knows whether the lease was taken; it ends with its session.
            await discardSession()
            throw error
        }
    }

    /// The statement that gives the lease of a batch back, and names the session after what it works on still.
    private func releasing(_ batch: PlannedBatch) throws -> BoundStatement? {
        let name = run.leaseName(of: batch)
        guard held[name] != nil else { return nil }
        return try Statements.releaseLease.bound(values: [
            "lease": name, "activity": run.activity(of: held.first { $0.key != name }?.value),
        ])
    }

    private func release(_ batch: PlannedBatch) async {
        guard let session, session.isUsable, let statement = try? releasing(batch) else { return }
        held[run.leaseName(of: batch)] = nil
        // A lease that cannot be given back ends with its session.
        let released = await Task { [session] in (try? await session.query(statement)) != nil }.value
        if !released { await discardSession() }
    }

    /// A session keeps the lease of a batch until the batch has ended; with the session it is lost.
    private func requireLease(_ leased: LeasedBatch) {
        guard run.definition.leases, session != nil, leased.session == sessionCount else { return }
        precondition(held[run.leaseName(of: leased.batch)] != nil, "the lease of a batch is held until it is committed")
    }

    // MARK: Commit

    /// Runs the batch's transaction until its outcome is known.
    private func commit(_ fetched: FetchedBatch, policy: RetryPolicy) async throws -> CommittedBatch {
        let transaction = BatchTransaction(run: run, lock: .cells)
        return try await transaction.commit([fetched], policy: policy, onRetry: run.report(fetched.batch)) { attempt in
            do {
                let session = try await self.usableSession()
                // The lease goes back right behind COMMIT, in the same round trip.
                let result = try await attempt(session, try self.releasing(fetched.batch))
                self.held[self.run.leaseName(of: fetched.batch)] = nil
                return result
            } catch {
                await self.discardUnusableSession()
                throw error
            }
        }
    }

    // MARK: Failure

    private func handleFailure(_ error: any Error, _ leased: LeasedBatch, attempts: Int) async {
        state.ended(leased.number)
        guard !(error is CancellationError) else { return state.interrupted() }
        let batch = leased.batch
        await discardUnusableSession()
        let failure = BatchFailure(error, of: batch)
        if case PostgresError.outcomeUnknown = error {
            state.outcomeUnknown(failure)
            run.options.onEvent(.failed(failure))
            return
        }
        if error is StaleFetch, leased.refetches < StaleFetch.limit, !state.isEnded {
            var again = lease(of: batch, isHalf: leased.isHalf)
            again.refetches = leased.refetches + 1
            return await process(again)
        }
        switch BatchFault(error) {
        case .halve, .retryThenHalve:
            guard let halves = batch.halves(), !state.isEnded, !run.options.failFast else { break }
            run.options.onEvent(
                .halved(window: batch.window, partition: batch.partition, message: failure.message))
            for half in halves where !state.isEnded && !Task.isCancelled {
                await process(lease(of: half, isHalf: true))
            }
            // A window in which nothing was found to work waits as a whole, or every run would search all of it again.
            if !leased.isHalf, state.failuresAreTooMany {
                await record(failure, leased, attempts: attempts)
            }
            return
        case .cut:
            guard state.refused(batch) else { break }
            run.options.onEvent(
                .halved(window: batch.window, partition: batch.partition, message: failure.message))
            return
        case .judge:
            return await judge(failure, leased, attempts: attempts)
        case .stop:
            return stop(failure)
        case .sourceRejects:
            // No failure that waits: once the source takes what it is asked, the next run may ask at once.
            guard state.rejected(failure) else { return }
            run.options.onEvent(.failed(failure))
            return await record(failure, leased, attempts: attempts, isRefusal: true)
        case .deferRun:
            // No failure: the window is not at fault, and the next run may ask for it at once.
            state.deferred(failure.message)
            return
        case .retry, .fail: break
        }
        await fail(failure, leased, attempts: attempts)
    }

    /// - Parameter isIsolated: whether others of the same batch are known to have done better.
    private func fail(
        _ failure: BatchFailure, _ leased: LeasedBatch, attempts: Int, isIsolated: Bool = false
    ) async {
        state.failed(failure, isIsolated: isIsolated)
        run.options.onEvent(.failed(failure))
        await record(failure, leased, attempts: attempts)
    }

    private func stop(_ failure: BatchFailure) {
        state.failed(failure)
        state.stop(failure.message)
        run.options.onEvent(.failed(failure))
    }

    // MARK: Judging by trying

    /// What trying the parts of a batch has shown.
    private struct Inquiry {
        /// Whether a part of it went into the table: then the data is at fault, and not all that could be loaded.
        var hasPassed: Bool
        /// The parts that could not be divided further and failed before any passed.
        var leaves: [(failure: BatchFailure, batch: LeasedBatch, attempts: Int)] = []
    }

    /// Finds out by halving whether a batch or the stream as a whole is at fault, whatever the server's code says.
    ///
    /// The stream is, if nothing of the batch goes into the table: neither the units at its one end, down to single ones, nor
    /// the larger parts behind them.
    private func judge(_ failure: BatchFailure, _ leased: LeasedBatch, attempts: Int) async {
        guard !run.options.failFast else { return stop(failure) }
        let isFirst = inquiry == nil
        // What another batch of the run could do is no matter of the stream.
        if isFirst { inquiry = Inquiry(hasPassed: state.report.fetched > 0) }
        let isHopeless = !(inquiry?.hasPassed ?? false) && (inquiry?.leaves.count ?? 0) >= run.options.failureLimit
        if let halves = leased.batch.halves(), !isHopeless {
            run.options.onEvent(
                .halved(window: leased.batch.window, partition: leased.batch.partition, message: failure.message))
            for half in halves where !state.isEnded && !Task.isCancelled {
                await process(lease(of: half, isHalf: true))
                await failLeavesIfPassed()
            }
        } else if isFirst || inquiry?.hasPassed == true {
            // Of one unit nothing is told apart; the next batches tell.
            await fail(failure, leased, attempts: attempts)
        } else {
            inquiry?.leaves.append((failure, leased, attempts))
        }
        guard isFirst, let found = inquiry else { return }
        inquiry = nil
        guard !found.hasPassed, !state.isEnded else { return }
        if found.leaves.count > 1 { return stop(failure) }
        // The one unit that has records at all: nothing is told apart by it either.
        for leaf in found.leaves { await fail(leaf.failure, leaf.batch, attempts: leaf.attempts) }
    }

    /// Once a part has passed, those that failed before are at fault themselves.
    private func failLeavesIfPassed() async {
        guard inquiry?.hasPassed == true, let leaves = inquiry?.leaves else { return }
        inquiry?.leaves = []
        for leaf in leaves {
            await fail(leaf.failure, leaf.batch, attempts: leaf.attempts, isIsolated: true)
        }
    }

    private func record(
        _ failure: BatchFailure, _ leased: LeasedBatch, attempts: Int, isRefusal: Bool = false
    ) async {
        do {
            try await run.journal.recordFailure(
                failure, batch: leased.number, attempts: attempts, started: leased.started, isRefusal: isRefusal)
        } catch {
            state.note("a failure could not be journalled: \(error.message)")
        }
    }

    // MARK: Session

    private func usableSession() async throws -> Session {
        if let session, session.isUsable { return session }
        await discardSession()
        let fresh = try await run.database.connect(run.definition.name, stream: run.definition)
        session = fresh
        sessionCount += 1
        return fresh
    }

    private func discardUnusableSession() async {
        if let session, !session.isUsable { await discardSession() }
    }

    private func discardSession() async {
        await session?.close()
        session = nil
        held = [:]
    }
}

/// A batch that this worker holds the lease of.
private struct LeasedBatch: Sendable {
    let batch: PlannedBatch
    /// Its number in the run.
    let number: Int64
    /// Whether it is part of a batch that failed.
    let isHalf: Bool
    /// How its faults are retried.
    let policy: RetryPolicy
    /// When it was leased, by the server's clock.
    var started = "now"
    /// Which session of the worker took the lease.
    var session = 0
    /// How often it was fetched again because its answer was older than what another run committed.
    var refetches = 0
}
