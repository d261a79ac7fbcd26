import LacunaModel
import LacunaRecords
import Synchronization

/// What the workers of one verification share: the queue, what was found, and whether to go on.
final class VerificationState: Sendable {
    private struct State {
        var items: ArraySlice<VerificationItem>
        var report: VerificationReport
        var failuresInARow = 0
        var isEnded = false
        /// The ends of what the source has, by partition, as far as it was asked.
        var ends: [Partition: Int64?] = [:]
        /// Whether the source's database refuses to compute digests.
        var refusesDigests = false
    }

    private let options: RunOptions
    private let deadline: ContinuousClock.Instant?
    private let state: Mutex<State>

    init(_ items: [VerificationItem], report: VerificationReport, options: RunOptions) {
        self.options = options
        deadline = options.timeLimit.map { Timing.now + $0 }
        state = Mutex(State(items: items[...], report: report))
    }

    var report: VerificationReport { state.withLock { $0.report } }

    /// Whether no more is to be asked. Says in the report why, if there is more.
    var isOver: Bool {
        state.withLock { state in
            if state.isEnded { return true }
            if options.stop.isGiven {
                state.report.run.stopReason = "stopped by a signal"
                state.isEnded = true
            } else if let deadline, Timing.now >= deadline {
                // What was not looked at comes first in a later run that looks for the oldest proof.
                state.report.run.notes.append("the time limit was reached")
                state.isEnded = true
            }
            return state.isEnded
        }
    }

    /// The next item; nil if there is none or the run is to end.
    func next() -> VerificationItem? {
        let isEmpty = state.withLock { $0.items.isEmpty }
        guard !isEmpty, !isOver else { return nil }
        return state.withLock { $0.items.popFirst() }
    }

    /// Notes what was found out about the windows of an item.
    func finished(_ item: VerificationItem, _ verdicts: [WindowVerdict]) {
        state.withLock { state in
            state.failuresInARow = 0
            for verdict in verdicts {
                state.report.run.committed += 1
                state.report.unitCount += verdict.range.unitCount
                state.report.differences += verdict.differences
                state.report.unprovenCount += verdict.unproven.count
                state.report.movedCount += verdict.movedCount
            }
        }
        for verdict in verdicts {
            options.onEvent(
                .finished(window: verdict.range, partition: item.partition, rows: 0, isCommitted: false))
        }
    }

    /// Notes an item that failed: its parts are tried, if it may be one of them alone that is at fault.
    func failed(_ item: VerificationItem, _ error: any Error) {
        if error is CancellationError { return end("stopped by a signal") }
        let failure = BatchFailure(
            partition: item.partition,
            window: (item.windows.first?.lowerBound ?? 0)..<(item.windows.last?.upperBound ?? 0),
            message: error.message, sqlState: error.sqlState)
        let isEnded = state.withLock { state in
            state.failuresInARow += 1
            switch BatchFault(error) {
            case .deferRun:
                state.report.run.deferRun(error.message)
                state.isEnded = true
                return false
            case .stop:
                state.report.run.streamFailures.append(error.message)
                state.isEnded = true
                return false
            case .halve, .cut, .judge, .retryThenHalve:
                if state.failuresInARow < options.failureLimit, let parts = item.parts {
                    // Behind all others, so that those show whether the source is well.
                    state.items = state.items + parts
                    state.report.run.planned += parts.count - item.windows.count
                    return false
                }
            case .retry, .fail, .sourceRejects: break
            }
            state.report.run.failures.append(failure)
            if options.failFast || state.failuresInARow >= options.failureLimit {
                state.report.run.stopReason =
                    options.failFast
                    ? "a window failed" : "\(state.failuresInARow) windows failed in a row"
                state.isEnded = true
            }
            return true
        }
        if isEnded { options.onEvent(.failed(failure)) }
    }

    private func end(_ reason: String) {
        state.withLock { state in
            state.report.run.stopReason = reason
            state.isEnded = true
        }
    }

    /// The end of what the source has of a partition, asked for once; nil if it cannot tell.
    func sourceEnd(of partition: Partition, _ ask: () async -> Int64?) async -> Int64? {
        if let known = state.withLock({ $0.ends[partition] }) { return known }
        let end = await ask()
        state.withLock { $0.ends[partition] = .some(end) }
        return end
    }

    /// Whether rows are compared because the source's database refuses to compute digests.
    var refusesDigests: Bool { state.withLock { $0.refusesDigests } }

    /// Notes that the source's database refuses to compute digests.
    func refuseDigests(_ message: String) {
        state.withLock { state in
            guard !state.refusesDigests else { return }
            state.refusesDigests = true
            state.report.run.notes.append(
                "the source's database refuses to compute digests, so that all rows are fetched and compared: \(message)"
            )
        }
    }
}
