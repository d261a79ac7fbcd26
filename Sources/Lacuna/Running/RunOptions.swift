import LacunaModel
import LacunaRecords

/// Limits and choices of one run.
public struct RunOptions: Sendable {
    /// At most so many batches; nil: all.
    public var maxBatches: Int?
    /// No batch starts after so long; nil: any time.
    public var timeLimit: Duration?
    /// How many batches are in flight at once; nil: what the stream says.
    public var workers: Int?
    /// Only these partitions; nil: all.
    public var partitions: Set<Partition>?
    /// Only units from here on.
    public var from: Int64?
    /// Only units up to here, inclusive.
    public var to: Int64?
    /// How much behind the newest unit is read again; nil: what the stream says.
    public var lookback: HistoryLength?
    /// Whether the first failure ends the run.
    public var failFast = false
    /// Whether windows that failed in earlier runs are tried before their wait is over.
    public var retryNow = false
    /// Whether empty answers are believed though the source has never given a row.
    public var trustsEmpty = false
    /// How many leaf batches may fail in a row, none succeeding between them, before the source counts as down.
    public var failureLimit = 10
    /// How long batches in flight may go on after the stop signal.
    public var grace: Duration = .seconds(10)
    /// How long the journal is kept.
    public var journalDays = 90
    /// How long a lost COMMIT answer is looked for before the outcome counts as unknown.
    public var resolutionLimit: Duration = .seconds(120)
    /// The instant to use instead of the database's clock, seconds since the epoch.
    package var now: Int64?
    /// Masks secrets in what is written into the journal.
    public var redact: @Sendable (String) -> String = { $0 }
    /// Ends the run tidily.
    public var stop = StopSignal()
    /// Takes what happens.
    public var onEvent: @Sendable (RunEvent) -> Void = { _ in }

    /// Options with the defaults above.
    public init() {}

    /// The units that the run may touch, inside `limits`.
    func bounds(_ limits: Range<Int64>) -> Range<Int64> {
        let lower = max(from ?? limits.lowerBound, limits.lowerBound)
        let upper = min(to.map { $0.adding(saturating: 1) } ?? limits.upperBound, limits.upperBound)
        return lower..<max(lower, upper)
    }

    /// How many batches are in flight at once: from 1 to 64.
    func width(_ definition: StreamDefinition) -> Int {
        max(1, min(workers ?? definition.workers, 64))
    }
}

extension RunOptions {
    /// Runs so many workers at once. After a stop signal what they do gets its grace, and is cancelled then.
    func runWorkers(_ count: Int, _ work: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<count {
                group.addTask {
                    await work()
                    return true
                }
            }
            group.addTask {
                do {
                    try await stop.wait()
                    try await Timing.sleep(grace)
                    return false
                } catch {
                    return true
                }
            }
            var working = count
            for await isWorker in group {
                if isWorker { working -= 1 }
                if !isWorker || working == 0 { group.cancelAll() }
            }
        }
    }
}
