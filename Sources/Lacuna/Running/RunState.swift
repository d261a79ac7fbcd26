import LacunaModel
import LacunaRecords
import Synchronization

/// What the workers of one run share: the queue, the figures, and whether to go on.
final class RunState: Sendable {
    fileprivate struct State {
        var next = 0
        var batches: BatchSchedule.Iterator
        var nextNumber: Int64
        var report: RunReport
        var failuresInARow = 0
        /// The partitions that the source rejects.
        var rejected: Set<Partition> = []
        /// What was answered with nothing before anything newer was shown.
        var unshown: [PlannedBatch] = []
        var isEnded = false
    }

    private let count: Int
    private let options: RunOptions
    private let deadline: ContinuousClock.Instant?
    private let state: Mutex<State>

    init(_ batches: BatchSchedule, report: RunReport, options: RunOptions) {
        count = batches.count
        self.options = options
        deadline = options.timeLimit.map { Timing.now + $0 }
        state = Mutex(State(batches: batches.makeIterator(), nextNumber: 1, report: report))
    }

    var report: RunReport { state.withLock { $0.report } }

    /// The next batch; nil if there is none or the run is to end.
    ///
    /// - Parameter answerable: the units of a batch, asked for before, of which an empty answer would prove something by now.
    func next(answerable: (PlannedBatch) -> UnitSet = { _ in UnitSet() }) -> PlannedBatch? {
        state.withLock { state in
            guard !state.isEnded else { return nil }
            guard state.next < count else { return options.stop.isGiven ? nil : state.unshownBatch(answerable) }
            if options.stop.isGiven {
                state.end("stopped by a signal")
                return nil
            }
            if let deadline, Timing.now >= deadline {
                state.end("the time limit was reached")
                return nil
            }
            if let limit = options.maxBatches, state.next >= limit {
                state.end("the limit of \(limit) batches was reached")
                return nil
            }
            while let batch = state.batches.next() {
                state.next += 1
                if !state.rejected.contains(batch.partition) { return batch }
            }
            return state.unshownBatch(answerable)
        }
    }

    /// Asks for units again once something newer has been shown, at the end of the run.
    func askAgain(for units: UnitSet, of batch: PlannedBatch) {
        guard let batch = batch.narrowed(to: units) else { return }
        state.withLock { $0.unshown.append(batch) }
    }

    /// A number for a batch, unique in the run.
    func number() -> Int64 {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            return state.nextNumber
        }
    }

    var isEnded: Bool { state.withLock { $0.isEnded } }

    func committed(_ result: CommittedBatch, fetched: Int) {
        state.withLock { state in
            state.failuresInARow = 0
            if result.isChanged {
                state.report.committed += 1
                state.report.fetched += fetched
                state.report.inserted += result.inserted
                state.report.updated += result.updated
                state.report.emptied += result.emptied
            } else {
                state.report.unchanged += 1
            }
        }
    }

    func heldElsewhere() {
        state.withLock { $0.report.heldElsewhere += 1 }
    }

    func failed(_ failure: BatchFailure) {
        state.withLock { state in
            state.report.failures.append(failure)
            state.failuresInARow += 1
            if options.failFast {
                state.end("a batch failed and --fail-fast is set")
            } else if state.failuresInARow >= options.failureLimit {
                state.end("\(state.failuresInARow) batches in a row failed: the source or the table is at fault")
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
                state.report.state = .deferred
                state.report.notes.append(message)
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
    var failuresAreTooMany: Bool { state.withLock { $0.failuresInARow >= options.failureLimit } }

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

    fileprivate mutating func end(_ reason: String) {
        guard !isEnded else { return }
        isEnded = true
        report.stopReason = reason
    }
}
