import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements
import Synchronization

extension Reconciler {
    /// Closes everything from `latest` to the tip, all or nothing: every batch is fetched first, then one transaction
    /// writes them all.
    ///
    /// If any batch fails, nothing is written. If another catchup of the stream runs, this one is deferred.
    ///
    /// - Returns: what was done. It does not throw: failures are in the report.
    public func catchup(_ options: RunOptions = RunOptions()) async -> RunReport {
        await recorded(.catchup, options) { report, trace in
            let (session, beginning) = try await connected(options.stop) { session in
                trace.reachedDatabase()
                return try await begin(options, on: session)
            }
            // The session holds the lock.
            try await session.closedAfter { _ in try await catchup(options, &report, from: beginning, trace) }
        }
    }

    private var catchupLock: String { "lacuna.catchup/\(definition.name)" }

    /// What a catchup goes by: the lock is taken and everything is read before anything is asked of the source.
    private struct Beginning: Sendable {
        let survey: Survey
        let userSearchPath: String
        /// By the server's clock: marks that come later stay.
        let started: String
    }

    private func begin(_ options: RunOptions, on session: Session) async throws -> Beginning {
        if definition.leases {
            let row = try await session.query(
                try Statements.tryLease.bound(values: [
                    "lease": catchupLock, "activity": "lacuna \(definition.name): catchup",
                ])
            ).only()
            guard try row.get("leased", as: Bool.self) else {
                throw StreamError.catchupRunning(stream: definition.name)
            }
        }
        let stream = try await ResolvedStream.resolve(definition, on: session)
        let clock = try await session.query(try Statements.selectClock.bound()).only()
        let survey = try await surveyor(.run, options).survey(
            stream, partitions: options.partitions, on: session)
        return Beginning(
            survey: survey, userSearchPath: try await session.userSearchPath(), started: try clock.get("now"))
    }

    private func catchup(
        _ options: RunOptions, _ report: inout RunReport, from beginning: Beginning, _ trace: RunTrace
    ) async throws {
        let survey = beginning.survey
        let stream = survey.stream
        let userSearchPath = beginning.userSearchPath
        report.keyType = stream.definition.keyType
        let fetcher = Fetcher(stream: stream, source: source)
        let tips = try await options.stop.cancelling(after: .zero) {
            try await self.tips(of: survey, fetcher, options.onEvent)
        }
        let known = survey.with(tips: tips)

        var demands: [Planner.Demand] = []
        for coverage in known.partitions {
            guard !coverage.isNew else {
                let label = coverage.partition.label(columns: definition.partitions.columns)
                report.notes.append(
                    "\(label.isEmpty ? "" : "\(label): ")nothing is there yet; `lacuna reconcile` fills it from the tip"
                )
                report.stopReason = "a partition has nothing to catch up from"
                continue
            }
            let tail = coverage.tail ?? UnitSet()
            guard let hull = tail.hull else { continue }
            demands.append(
                Planner.Demand(
                    partition: coverage.partition, units: tail, reason: .catchup,
                    bounds: coverage.range.lowerBound..<hull.upperBound,
                    standing: PlannedBatch.Standing(coverage)))
        }
        let batches = Planner(definition).batches(for: demands, limit: 4 * Planner.batchLimit)
        guard batches.count <= Planner.batchLimit else {
            throw StreamError.invalid(
                "a catchup of more than \(Planner.batchLimit) batches is too much for one "
                    + "transaction: raise `batch`")
        }
        report.planned = batches.count
        options.onEvent(
            .planned(
                batches: batches.count, units: batches.reduce(0) { $0 + $1.window.unitCount },
                keyType: definition.keyType))
        guard !batches.isEmpty else {
            await runOwedScripts(&report, searchPath: userSearchPath)
            return
        }

        try await reading(options.stop) { try await requireWritable(stream, on: $0) }
        let journal = try await RunJournal.open(
            .catchup, stream: definition, planned: batches.count, database: database,
            redact: options.redact)
        trace.opened(journal)
        report.runID = journal.runID
        var spooling = fetcher
        // The answers of all batches are held at once: together they get no more memory than a few of a reconcile.
        spooling.spoolMemoryLimit = min(fetcher.spoolMemoryLimit, (32 << 20) / batches.count)
        OpenFileLimit.raise()
        let context = RunContext(
            database: database, stream: stream, plannedAt: known.now, fetcher: spooling,
            commit: BatchCommit(stream: stream, runID: journal.runID, userSearchPath: userSearchPath),
            journal: journal, options: options,
            attestationEnds: await fetcher.attestationEnds(
                of: Set(batches.map(\.partition)), knownTips: tips, options.onEvent),
            shown: ShownRecords(hasRows: known.hasRows), hadRows: known.hasRows)
        do {
            let cutter = CatchupCutter(after: batches.count)
            var fetched = try await fetchAll(
                batches, numbers: batches.indices.map { Int64($0 + 1) }, cutter, context, started: beginning.started
            ).flatMap(\.self)
            try await fetchUnshown(&fetched, cutter, context)
            let result = try await commitNewest(&fetched, cutter, context)
            report.committed = result.isChanged ? batches.count : 0
            report.unchanged = batches.count - report.committed
            report.fetched = fetched.reduce(0) { $0 + $1.records.recordCount }
            report.inserted = result.inserted
            report.updated = result.updated
            report.emptied = result.emptied
            await runOwedScripts(&report, searchPath: userSearchPath)
            let asked = Dictionary(uniqueKeysWithValues: demands.map { ($0.partition, $0.units) })
            await surveyAgain(&report, stream: stream, tips: tips, asked: asked, options)
            report.notes += context.fieldUse.notes(of: definition) + context.notes.all
        } catch let failed as FailedBatch {
            report.failures.append(failed.failure)
            try await journal.recordFailure(
                failed.failure, batch: failed.number, attempts: failed.attempts, started: failed.started)
        }
    }

    private func tips(
        of survey: Survey, _ fetcher: Fetcher, _ onEvent: @Sendable (RunEvent) -> Void
    ) async throws -> [Partition: Int64] {
        guard definition.expect.to == .tip, definition.keyType.isOrdered else { return [:] }
        var tips: [Partition: Int64] = [:]
        for coverage in survey.partitions where !coverage.isNew {
            if let tip = try await fetcher.tip(of: coverage.partition, onEvent) { tips[coverage.partition] = tip }
        }
        return tips
    }

    /// Fetches every batch, some at once. The first failure ends all: part of a catchup is worth nothing.
    ///
    /// - Parameters:
    ///   - numbers: the batches' numbers in the run.
    ///   - cutter: cuts those that are too large for the source.
    /// - Returns: the parts of each batch; mostly it is one.
    private func fetchAll(
        _ batches: [PlannedBatch], numbers: [Int64], _ cutter: CatchupCutter, _ context: RunContext, started: String
    ) async throws -> [[FetchedBatch]] {
        let workers = max(1, min(context.options.workers ?? definition.workers, 64))
        return try await withThrowingTaskGroup(of: (Int, [FetchedBatch])?.self) { group in
            group.addTask {
                try await context.options.stop.wait()
                throw CancellationError()
            }
            var next = 0
            var done: [Int: [FetchedBatch]] = [:]
            while done.count < batches.count {
                while next < batches.count, next - done.count < workers {
                    let index = next
                    group.addTask {
                        let fetched = try await fetch(
                            batches[index], number: numbers[index], cutter, context, started: started)
                        return (index, fetched)
                    }
                    next += 1
                }
                if let (index, fetched) = try await group.next() ?? nil {
                    done[index] = fetched
                    context.options.onEvent(
                        .finished(
                            window: batches[index].window, partition: batches[index].partition,
                            rows: fetched.reduce(0) { $0 + $1.records.recordCount }, isCommitted: false))
                }
            }
            group.cancelAll()
            return batches.indices.compactMap { done[$0] }
        }
    }

    /// Fetches again what was answered with nothing before a newer record was shown: that answer proves nothing, one of now
    /// does.
    private func fetchUnshown(
        _ fetched: inout [FetchedBatch], _ cutter: CatchupCutter, _ context: RunContext
    ) async throws {
        let indices = fetched.indices.filter { !context.unitsShownSince(fetched[$0]).isEmpty }
        guard !indices.isEmpty else { return }
        let started = try await now(context)
        let again = try await fetchAll(
            indices.map { fetched[$0].batch }, numbers: indices.map { fetched[$0].number }, cutter, context,
            started: started)
        // From the last one on: a batch may come in more parts than before.
        for (index, parts) in zip(indices, again).reversed() {
            fetched.replaceSubrange(index...index, with: parts)
        }
    }

    /// The server's clock.
    private func now(_ context: RunContext) async throws -> String {
        try await reading(context.options.stop) { session in
            try await session.query(try Statements.selectClock.bound()).only().get("now", as: String.self)
        }
    }

    /// Fetches a batch; in parts, if the source finds it too large or found others so.
    private func fetch(
        _ batch: PlannedBatch, number: Int64, _ cutter: CatchupCutter, _ context: RunContext, started: String
    ) async throws -> [FetchedBatch] {
        var rest = BatchRest([batch])
        var fetched: [FetchedBatch] = []
        while let whole = rest.take() {
            let (part, left) = cutter.withSize { $0.cut(whole) }
            rest.keep(left)
            let number = fetched.isEmpty ? number : cutter.number()
            switch await context.fetch(part, number: number, started: started, policy: definition.retry) {
            case .success(let answer):
                fetched.append(answer)
                cutter.withSize { $0.answer(part.askedCount) }
            case .failure(let failure):
                if BatchFault(failure.error) == .cut, let again = cutter.withSize({ $0.refuse(part) }) {
                    rest.putBack(again)
                    continue
                }
                if failure.error is CancellationError { throw failure.error }
                if let error = failure.error as? SourceError, error.kind == .deferred { throw error }
                throw FailedBatch(
                    failure: BatchFailure(failure.error, of: part), number: number, attempts: failure.attempts,
                    started: started)
            }
        }
        return fetched
    }

    /// Commits all batches; those in whose windows another run committed meanwhile are fetched again before.
    private func commitNewest(
        _ fetched: inout [FetchedBatch], _ cutter: CatchupCutter, _ context: RunContext
    ) async throws -> CommittedBatch {
        var refetches = 0
        while true {
            do {
                return try await commitAll(fetched, context)
            } catch let stale as StaleFetch where refetches < StaleFetch.limit {
                refetches += 1
                let started = try await now(context)
                let again = try await fetchAll(
                    stale.indices.map { fetched[$0].batch }, numbers: stale.indices.map { fetched[$0].number }, cutter,
                    context, started: started)
                // From the last one on: a batch may come in more parts than before.
                for (index, parts) in zip(stale.indices, again).reversed() {
                    fetched.replaceSubrange(index...index, with: parts)
                }
            }
        }
    }

    /// One transaction over all batches, run until its outcome is known. After the stop signal it gets its grace.
    private func commitAll(_ fetched: [FetchedBatch], _ context: RunContext) async throws -> CommittedBatch {
        let transaction = BatchTransaction(run: context, lock: .one("\(catchupLock)/commit"))
        return try await context.options.stop.cancelling(after: context.options.grace) {
            do {
                return try await transaction.commit(fetched, policy: definition.retry) { attempt in
                    let session = try await connect()
                    defer { Task { await session.close() } }
                    return try await attempt(session, nil)
                }
            } catch let error as ProofError {
                guard let batch = fetched.first(where: { $0.number == error.batch }) else { throw error }
                throw FailedBatch(
                    failure: BatchFailure(error, of: batch.batch), number: batch.number, attempts: batch.attempts,
                    started: batch.started)
            }
        }
    }
}

/// What the batches of a catchup share: how much the source gives at once, and the numbers of the parts they are cut into.
private final class CatchupCutter: Sendable {
    private struct State {
        var size = AskableSize()
        var lastNumber: Int64
    }

    private let state: Mutex<State>

    /// - Parameter count: the numbers up to it are those of the batches.
    init(after count: Int) {
        state = Mutex(State(lastNumber: Int64(count)))
    }

    func withSize<Value: Sendable>(_ body: (inout AskableSize) -> Value) -> Value {
        state.withLock { body(&$0.size) }
    }

    /// A number that no batch has.
    func number() -> Int64 {
        state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
    }
}

/// The batch that a catchup failed at, as the journal has it.
private struct FailedBatch: Error {
    let failure: BatchFailure
    let number: Int64
    let attempts: Int
    let started: String
}
