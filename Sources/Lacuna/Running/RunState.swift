import LacunaModel
import LacunaRecords
import Synchronization

/// What the workers of one run share: the queue, the figures, and whether to go on.
final class RunState: Sendable {
    fileprivate struct State {
        var next = 0
        /// How many batches there are.
        var count: Int
        var batches: BatchSchedule.Iterator
        var nextNumber: Int64
        /// The batches that are at work: each comes to one end.
        var atWork: Set<Int64> = []
        var report: RunReport
        /// How much the source gives at once, and what is left of batches that were cut to it.
        var size = AskableSize()
        var rest = BatchRest()
        var failures = FailureCount()
        /// The partitions that the source rejects.
        var rejected: Set<Partition> = []
        /// What was answered with nothing before anything newer was shown.
        var unshown: [PlannedBatch] = []
        var isEnded = false
    }

    private let options: RunOptions
    private let deadline: ContinuousClock.Instant?
    private let state: Mutex<State>

    init(_ batches: BatchSchedule, report: RunReport, options: RunOptions) {
        self.options = options
        deadline = options.timeLimit.map { Timing.now + $0 }
        state = Mutex(State(count: batches.count, batches: batches.makeIterator(), nextNumber: 1, report: report))
    }

    var report: RunReport { state.withLock { $0.report } }

    /// The next batch; nil if there is none or the run is to end.
    ///
    /// - Parameter answerable: the units of a batch, asked for before, of which an empty answer would prove something by now.
    func next(answerable: (PlannedBatch) -> UnitSet = { _ in UnitSet() }) -> PlannedBatch? {
        state.withLock { state in
            guard !state.isEnded else { return nil }
            guard !state.rest.isEmpty || state.next < state.count else {
                return options.stop.isGiven ? nil : state.unshownBatch(answerable)
            }
            if options.stop.isGiven {
                state.end("stopped by a signal")
                return nil
            }
            if let deadline, Timing.now >= deadline {
                state.end("the time limit was reached")
                return nil
            }
            while let batch = state.rest.take() {
                if !state.rejected.contains(batch.partition) { return state.cut(batch) }
            }
            guard state.next < state.count else { return nil }
            if let limit = options.maxBatches, state.next >= limit {
                state.end("the limit of \(limit) batches was reached")
                return nil
            }
            while let batch = state.batches.next() {
                state.next += 1
                if !state.rejected.contains(batch.partition) { return state.cut(batch) }
            }
            return state.unshownBatch(answerable)
        }
    }

    /// Asks for units again once something newer has been shown, at the end of the run.
    func askAgain(for units: UnitSet, of batch: PlannedBatch) {
        guard let batch = batch.narrowed(to: units) else { return }
        state.withLock { $0.unshown.append(batch) }
    }

    /// Whether a batch that was cut waits for a worker.
    var hasRest: Bool { state.withLock { !$0.isEnded && !$0.rest.isEmpty } }

    /// Notes that the source answered a batch, or that it failed in a way that says nothing of its size.
    func noteSize(of batch: PlannedBatch, isAnswered: Bool) {
        state.withLock { state in
            if isAnswered { state.size.answer(batch.askedCount) } else { state.size.forget(batch.askedCount) }
        }
    }

    /// Takes back a batch that the source calls too large. It is cut and asked for again, in its turn; later ones are cut
    /// before.
    ///
    /// - Returns: false if it cannot be cut.
    func refused(_ batch: PlannedBatch) -> Bool {
        guard !options.failFast else { return false }
        return state.withLock { state in
            guard let again = state.size.refuse(batch) else { return false }
            state.rest.putBack(again)
            return true
        }
    }

    /// Adds batches to a run that has done all it had.
    func add(_ batches: BatchSchedule) {
        state.withLock { state in
            state.batches = batches.makeIterator()
            state.count += batches.count
            state.report.planned += batches.count
        }
    }

    /// A number for a batch that is begun, unique in the run.
    func number() -> Int64 {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            state.atWork.insert(state.nextNumber)
            return state.nextNumber
        }
    }

    /// Notes that a batch has come to its end: committed, not needed, held by another run, failed, halved or given up.
    func ended(_ number: Int64) {
        state.withLock { state in
            precondition(state.atWork.remove(number) != nil, "a batch ends once")
        }
    }

    /// Called when all workers have stopped.
    func requireAllEnded() {
        state.withLock { precondition($0.atWork.isEmpty, "every batch comes to an end") }
    }

    var isEnded: Bool { state.withLock { $0.isEnded } }

    func committed(_ result: CommittedBatch, fetched: Int) {
        state.withLock { state in
            state.failures.succeeded(withRows: fetched > 0)
            if result.isChanged {
                state.report.committed += 1
                state.report.fetched += fetched
                state.report.inserted += result.inserted
                state.report.updated += result.updated
                state.report.deleted += result.deleted
                state.report.emptied += result.emptied
                state.report.accepted += result.accepted
                state.report.settled += result.settled
            } else {
                state.report.unchanged += 1
            }
        }
    }

    func heldElsewhere() {
        state.withLock { $0.report.heldElsewhere += 1 }
    }

    /// - Parameter isIsolated: whether others of the same batch are known to have done better.
    func failed(_ failure: BatchFailure, isIsolated: Bool = false) {
        state.withLock { state in
            state.report.failures.append(failure)
            if options.failFast { return state.end("a batch failed and --fail-fast is set") }
            guard !isIsolated else { return }
            let count = state.failures.failed(failure.message)
            if count.inARow >= options.failureLimit {
                state.end("\(count.inARow) batches in a row failed: the source or the table is at fault")
            } else if count.alike >= options.failureLimit {
                state.end(
                    "\(count.alike) batches failed alike, and none that had rows did better: the source or the table is "
                        + "at fault")
            }
        }
    }

    /// A batch failed in a way that all of its partition would.
    ///
    /// - Returns: false if that was known: others of it were in flight.
    func rejected(_ failure: BatchFailure) -> Bool {
        guard state.withLock({ $0.rejected.insert(failure.partition).inserted }) else { return false }
        failed(failure)
        return true
    }

    /// Ends the run because the source wants to be left alone.
    func deferred(_ message: String) {
        state.withLock { state in
            if state.report.state == .done {
                state.report.deferRun(message)
            }
            state.end("the source wants to be left alone")
        }
    }

    func stop(_ message: String) {
        state.withLock { state in
            state.report.streamFailures.append(message)
            state.end(message)
        }
    }

    /// A batch in flight was given up.
    func interrupted() {
        state.withLock { $0.end("stopped by a signal") }
    }

    /// Whether so many batches failed in a row that the run ended.
    var failuresAreTooMany: Bool { state.withLock { $0.failures.most >= options.failureLimit } }

    func note(_ note: String) {
        state.withLock { $0.report.notes.append(note) }
    }

    func outcomeUnknown(_ failure: BatchFailure) {
        state.withLock { state in
            state.report.failures.append(failure)
            state.report.state = .unknown
            state.end("the outcome of a commit is unknown")
        }
    }
}

extension RunState.State {
    /// Takes the first batch that may be asked for again by now.
    fileprivate mutating func unshownBatch(_ answerable: (PlannedBatch) -> UnitSet) -> PlannedBatch? {
        for (index, batch) in unshown.enumerated() {
            guard !rejected.contains(batch.partition), let narrowed = batch.narrowed(to: answerable(batch)) else {
                continue
            }
            unshown.remove(at: index)
            return narrowed
        }
        return nil
    }

    /// The batch, or as much of it as the source gives at once; the rest waits.
    fileprivate mutating func cut(_ batch: PlannedBatch) -> PlannedBatch {
        let (part, left) = size.cut(batch)
        rest.keep(left)
        return part
    }

    fileprivate mutating func end(_ reason: String) {
        guard !isEnded else { return }
        isEnded = true
        report.stopReason = reason
    }
}
