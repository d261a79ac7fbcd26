import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

extension Reconciler {
    /// Closes everything from `latest` to the tip, all or nothing: every batch is fetched first, then one transaction
    /// writes them all.
    ///
    /// If any batch fails, nothing is written. With ``Atomicity/partition`` each partition has a transaction of its own, and
    /// one that fails holds up no other. If another catchup of the stream runs, this one is deferred.
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
        trace.surveyed(survey)
        let stream = survey.stream
        let userSearchPath = beginning.userSearchPath
        report.keyType = stream.definition.keyType
        let fetcher = Fetcher(stream: stream, source: source)
        let tips = try await options.stop.cancelling(after: .zero) {
            try await CatchupTips(of: survey, fetcher, width: options.width(definition), options.onEvent)
        }
        report.failures += tips.failures
        if let deferral = tips.deferral { report.deferRun(deferral) }
        let known = survey.with(tips: tips.units)
        let parts = try parts(of: demands(known, &report), stream.atomicity, &report)
        let batches = parts.flatMap(\.batches)
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
        let work = CatchupWork(parts, width: options.width(definition))
        var spooling = fetcher
        // The answers of a transaction are held at once: together they get no more memory than a few of a reconcile.
        spooling.spoolMemoryLimit = min(fetcher.spoolMemoryLimit, (32 << 20) / work.heldCount)
        OpenFileLimit.raise()
        let context = RunContext(
            database: database, stream: stream, plannedAt: known.now, fetcher: spooling,
            commit: BatchCommit(stream: stream, runID: journal.runID, userSearchPath: userSearchPath),
            journal: journal, options: options,
            attestationEnds: await fetcher.attestationEnds(
                of: Set(batches.map(\.partition)), knownTips: tips.units, options.onEvent),
            shown: ShownRecords(hasRows: known.hasRows), hadRows: known.hasRows)
        let (completed, end) = await complete(parts, work, context, &report, started: beginning.started)
        if end is CancellationError { throw CancellationError() }
        if !completed.isEmpty {
            await runOwedScripts(&report, searchPath: userSearchPath)
            let asked = Dictionary(uniqueKeysWithValues: completed.map { ($0.partition, $0.units) })
            await surveyAgain(&report, stream: stream, tips: tips.units, asked: asked, options, trace)
            report.notes += context.fieldUse.notes(of: context.stream) + context.notes.all
        }
        if let warning = stream.spreadWarning, !completed.isEmpty { report.notes.append(warning) }
        if let end { throw end }
    }

    /// What each partition lacks up to its tip.
    private func demands(_ survey: Survey, _ report: inout RunReport) -> [Planner.Demand] {
        var demands: [Planner.Demand] = []
        for coverage in survey.partitions {
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
        return demands
    }

    /// Plans the transactions: one for the stream, or one for each partition.
    private func parts(
        of demands: [Planner.Demand], _ atomicity: Atomicity, _ report: inout RunReport
    ) throws -> [CatchupPart] {
        var parts: [CatchupPart] = []
        var last: Int64 = 0
        for demands in atomicity == .partition ? demands.map({ [$0] }) : [demands] {
            let batches = Planner(definition).batches(for: demands, limit: 4 * Planner.batchLimit)
            guard batches.count <= Planner.batchLimit else {
                let error = StreamError.invalid(
                    "a catchup of more than \(Planner.batchLimit) batches is too much for one "
                        + "transaction: raise `batch`")
                guard atomicity == .partition, let demand = demands.first else { throw error }
                report.failures.append(
                    BatchFailure(partition: demand.partition, window: 0..<0, message: error.description))
                continue
            }
            guard !batches.isEmpty else { continue }
            var lock = "\(catchupLock)/commit"
            if atomicity == .partition, let demand = demands.first {
                lock += "/\(TextArray.literal(demand.partition.values))"
            }
            parts.append(
                CatchupPart(
                    demands: demands, batches: batches, numbers: batches.indices.map { last + Int64($0) + 1 },
                    lock: lock))
            last += Int64(batches.count)
        }
        return parts
    }

    /// Fetches and commits each part, some at once. One that fails holds up no other, unless the others would fail too.
    ///
    /// - Returns: what the parts that did not fail were asked for, and what ended the catchup early, if anything did.
    private func complete(
        _ parts: [CatchupPart], _ work: CatchupWork, _ context: RunContext, _ report: inout RunReport, started: String
    ) async -> (completed: [Planner.Demand], end: (any Error)?) {
        var completed: [Planner.Demand] = []
        var end: (any Error)?
        await withTaskGroup(of: (CatchupPart, Result<CaughtUp, any Error>).self) { group in
            var waiting = parts.makeIterator()
            var count = 0
            while true {
                while count < work.partsAtOnce, end == nil, let part = waiting.next() {
                    group.addTask {
                        do {
                            return (part, .success(try await catchUp(part, work, context, started: started)))
                        } catch {
                            return (part, .failure(error))
                        }
                    }
                    count += 1
                }
                guard let (part, result) = await group.next() else { break }
                count -= 1
                switch result {
                case .success(let caughtUp):
                    completed += part.demands
                    report.add(caughtUp)
                case .failure(let error):
                    let error = await whatEnds(error, of: part, context, &report)
                    end = end ?? error
                }
            }
        }
        report.failures.sort { ($0.partition, $0.window.lowerBound) < ($1.partition, $1.window.lowerBound) }
        return (completed, end)
    }

    /// Fetches all batches of a part and commits them in one transaction.
    private func catchUp(
        _ part: CatchupPart, _ work: CatchupWork, _ context: RunContext, started: String
    ) async throws -> CaughtUp {
        var fetched = try await fetchAll(part.batches, numbers: part.numbers, work, context, started: started)
            .flatMap(\.self)
        try await fetchUnshown(&fetched, work, context)
        let result = try await commitNewest(&fetched, lock: part.lock, work, context)
        return CaughtUp(
            result: result, batches: fetched.count, fetched: fetched.reduce(0) { $0 + $1.records.recordCount })
    }

    /// Notes a failure that is the part's own.
    ///
    /// - Returns: the error, if the whole catchup ends with it.
    private func whatEnds(
        _ error: any Error, of part: CatchupPart, _ context: RunContext, _ report: inout RunReport
    ) async -> (any Error)? {
        if let failed = error as? FailedBatch {
            report.failures.append(failed.failure)
            do {
                try await context.journal.recordFailure(
                    failed.failure, batch: failed.number, attempts: failed.attempts, started: failed.started)
                return nil
            } catch {
                return error
            }
        }
        guard context.stream.atomicity == .partition, let partition = part.demands.first?.partition else {
            return error
        }
        if error is CancellationError { return error }
        if case PostgresError.outcomeUnknown = error { return error }
        switch BatchFault(error) {
        case .stop, .deferRun: return error
        default:
            report.failures.append(
                BatchFailure(
                    partition: partition, window: 0..<0, message: error.message, sqlState: error.sqlState))
            return nil
        }
    }

    /// Fetches batches of one transaction, some at once. The first failure ends all: a part of them is worth nothing.
    ///
    /// - Parameters:
    ///   - numbers: the batches' numbers in the run.
    ///   - work: cuts those that are too large for the source.
    /// - Returns: the parts of each batch; mostly it is one.
    private func fetchAll(
        _ batches: [PlannedBatch], numbers: [Int64], _ work: CatchupWork, _ context: RunContext, started: String
    ) async throws -> [[FetchedBatch]] {
        return try await withThrowingTaskGroup(of: (Int, [FetchedBatch])?.self) { group in
            group.addTask {
                try await context.options.stop.wait()
                throw CancellationError()
            }
            var next = 0
            var done: [Int: [FetchedBatch]] = [:]
            while done.count < batches.count {
                while next < batches.count, next - done.count < work.batchesAtOnce {
                    let index = next
                    group.addTask {
                        let fetched = try await fetch(
                            batches[index], number: numbers[index], work, context, started: started)
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
        _ fetched: inout [FetchedBatch], _ work: CatchupWork, _ context: RunContext
    ) async throws {
        let indices = fetched.indices.filter { !context.unitsShownSince(fetched[$0]).isEmpty }
        guard !indices.isEmpty else { return }
        let started = try await now(context)
        let again = try await fetchAll(
            indices.map { fetched[$0].batch }, numbers: indices.map { fetched[$0].number }, work, context,
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
        _ batch: PlannedBatch, number: Int64, _ work: CatchupWork, _ context: RunContext, started: String
    ) async throws -> [FetchedBatch] {
        var rest = BatchRest([batch])
        var fetched: [FetchedBatch] = []
        while let whole = rest.take() {
            let (part, left) = work.withSize { $0.cut(whole) }
            rest.keep(left)
            let number = fetched.isEmpty ? number : work.number()
            switch await context.fetch(part, number: number, started: started, policy: definition.retry) {
            case .success(let answer):
                fetched.append(answer)
                work.withSize { $0.answer(part.askedCount) }
            case .failure(let failure):
                if BatchFault(failure.error) == .cut, let again = work.withSize({ $0.refuse(part) }) {
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

    /// Commits all batches of one transaction; those in whose windows another run committed meanwhile are fetched again before.
    private func commitNewest(
        _ fetched: inout [FetchedBatch], lock: String, _ work: CatchupWork, _ context: RunContext
    ) async throws -> CommittedBatch {
        var refetches = 0
        while true {
            do {
                return try await commitAll(fetched, lock: lock, context)
            } catch let stale as StaleFetch where refetches < StaleFetch.limit {
                refetches += 1
                let started = try await now(context)
                let again = try await fetchAll(
                    stale.indices.map { fetched[$0].batch }, numbers: stale.indices.map { fetched[$0].number }, work,
                    context, started: started)
                // From the last one on: a batch may come in more parts than before.
                for (index, parts) in zip(stale.indices, again).reversed() {
                    fetched.replaceSubrange(index...index, with: parts)
                }
            }
        }
    }

    /// One transaction over all batches, run until its outcome is known. After the stop signal it gets its grace.
    private func commitAll(_ fetched: [FetchedBatch], lock: String, _ context: RunContext) async throws
        -> CommittedBatch
    {
        let transaction = BatchTransaction(run: context, lock: .one(lock))
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
            } catch let error as ShrinkRefused {
                guard let batch = fetched.first(where: { $0.number == error.batch }) else { throw error }
                throw FailedBatch(
                    failure: BatchFailure(error, of: batch.batch), number: batch.number, attempts: batch.attempts,
                    started: batch.started)
            }
        }
    }
}
