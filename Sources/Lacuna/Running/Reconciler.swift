import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Keeps one stream free of gaps: finds what is missing in the data itself and fetches it from the stream's source.
///
/// There is no progress cursor, no queue and no checkpoint. Interrupt it anywhere; the next run sees what is missing. Any
/// number of reconcilers may run at once against one database.
///
/// ```swift
/// var stream = StreamDefinition(name: "blocks", table: "blocks", keyColumn: "height", keyType: .integer(step: 1))
/// stream.expect.from = .unit(1)
/// let reconciler = Reconciler(stream: stream, source: Blocks(), database: Database(connectionString: nil))
/// let report = await reconciler.reconcile()
/// ```
public struct Reconciler: Sendable {
    /// The stream.
    public let definition: StreamDefinition
    let source: any Source
    let database: Database

    /// A reconciler.
    public init(stream: StreamDefinition, source: any Source, database: Database) {
        definition = stream
        self.source = source
        self.database = database
    }

    // MARK: Planning

    /// What a reconcile would do now.
    ///
    /// - Throws: ``StreamError``, ``PostgresError``.
    package func plan(_ options: RunOptions = RunOptions()) async throws -> RunPlan {
        try await withSession { session in
            try await reconcilePlan(options, registersKeys: false, on: session).0
        }
    }

    // MARK: Reconcile

    /// Closes the gaps up to `latest`, batch by batch, and fills partitions that have nothing yet from their tip backwards.
    ///
    /// - Returns: what was done. It does not throw: failures are in the report.
    public func reconcile(_ options: RunOptions = RunOptions()) async -> RunReport {
        await recorded(.reconcile, options) { report, trace in try await reconcile(options, &report, trace) }
    }

    private func reconcile(_ options: RunOptions, _ report: inout RunReport, _ trace: RunTrace) async throws {
        let (plan, userSearchPath) = try await reading(options.stop) { session in
            trace.reachedDatabase()
            let (plan, path) = try await reconcilePlan(options, registersKeys: true, on: session)
            if !plan.batches.isEmpty { try await requireWritable(plan.survey.stream, on: session) }
            return (plan, path)
        }
        trace.surveyed(plan.survey)
        plan.begin(&report)
        let keyType = plan.survey.stream.definition.keyType
        report.keyType = keyType
        options.onEvent(.planned(batches: plan.batches.count, units: plan.batches.unitCount, keyType: keyType))
        guard !plan.batches.isEmpty else {
            report.missing = plan.survey.missingCount(in: options.bounds(definition.keyType.limits))
            report.provisional = plan.survey.provisionalCount
            if await runOwedScripts(&report, searchPath: userSearchPath) {
                await surveyAgain(&report, stream: plan.survey.stream, tips: plan.tips, options, trace)
            }
            return
        }
        let stream = plan.survey.stream
        let journal = try await RunJournal.open(
            .reconcile, stream: definition, planned: plan.batches.count, database: database,
            redact: options.redact)
        trace.opened(journal)
        report.runID = journal.runID
        let fetcher = Fetcher(stream: stream, source: source)
        let ends = try await options.stop.cancelling(after: .zero) {
            await fetcher.attestationEnds(of: plan.batches.partitions, knownTips: plan.tips, options.onEvent)
        }
        let context = RunContext(
            database: database, stream: stream, plannedAt: plan.survey.now, fetcher: fetcher,
            commit: BatchCommit(stream: stream, runID: journal.runID, userSearchPath: userSearchPath),
            journal: journal, options: options, attestationEnds: ends,
            shown: ShownRecords(hasRows: plan.survey.hasRows),
            hadRows: plan.survey.hasRows)
        let state = RunState(plan.batches, report: report, options: options)
        await runWorkers(context, state: state)
        await followUp(plan, context, state)
        report = state.report
        await runOwedScripts(&report, searchPath: userSearchPath)
        await surveyAgain(&report, stream: stream, tips: plan.tips, options, trace)
        report.notes += context.fieldUse.notes(of: context.stream) + context.notes.all
    }

    func runWorkers(_ context: RunContext, state: RunState) async {
        await context.options.runWorkers(context.options.width(definition)) {
            await BatchWorker(context, state: state).work()
        }
        state.requireAllEnded()
    }

    /// Asks the data what is still missing.
    ///
    /// - Parameters:
    ///   - tips: of the partitions whose source was asked for it.
    ///   - asked: what a catchup asked for; nil: all that the options name.
    func surveyAgain(
        _ report: inout RunReport, stream: ResolvedStream, tips: [Partition: Int64],
        asked: [Partition: UnitSet]? = nil, _ options: RunOptions, _ trace: RunTrace
    ) async {
        do {
            let survey = try await reading(StopSignal()) { session in
                try await surveyor(.run, options).survey(stream, partitions: options.partitions, on: session)
            }
            trace.surveyed(survey)
            let known = survey.with(tips: tips)
            if let asked {
                report.missing = known.partitions.reduce(0) { count, coverage in
                    count + (asked[coverage.partition].map { coverage.gaps.intersection($0).count } ?? 0)
                }
            } else {
                report.missing = known.missingCount(in: options.bounds(definition.keyType.limits))
            }
            report.behind = known.behindCount
            report.provisional = known.provisionalCount
        } catch {
            report.streamFailures.append(error.message)
        }
    }

    /// Runs the scripts under `after` if commits of this run, or of one that ended before its scripts, are owed them.
    ///
    /// - Returns: whether they ran and were committed. If they fail, the report says so, and the next run tries again.
    @discardableResult
    func runOwedScripts(_ report: inout RunReport, searchPath: String) async -> Bool {
        let scripts = definition.after
        guard !scripts.isEmpty else { return false }
        do {
            let owed = try Statements.deleteOwedAfter.bound(values: ["stream": definition.name])
            return try await withSession { session in
                try await session.withTransaction { session in
                    guard try await session.query(owed).only().get("owed", as: Bool.self) else { return false }
                    // To the end: what waits for COMMIT is the user's too.
                    try session.enqueue(.searchPath(searchPath))
                    for script in scripts {
                        _ = try await session.script(script.text, name: script.path)
                        guard session.isTransactionOpen else {
                            throw StreamError.invalid(
                                "\(script.path) ended the transaction: it must not COMMIT or ROLLBACK")
                        }
                    }
                    return true
                }
            }
        } catch {
            report.streamFailures.append(
                "the rows are committed, but `after` failed, and the next run tries it again: \(error.message)")
            return false
        }
    }

    // MARK: Planning

    private func reconcilePlan(
        _ options: RunOptions, registersKeys: Bool, on session: Session
    ) async throws -> (RunPlan, userSearchPath: String) {
        let stream = try await ResolvedStream.resolve(definition, on: session)
        let userSearchPath = try await session.userSearchPath()
        if registersKeys {
            try await StreamRegistry.registerKeys(of: stream, userSearchPath: userSearchPath, on: session)
        }
        let survey = try await surveyor(registersKeys ? .run : .plan, options).survey(
            stream, partitions: options.partitions, on: session)
        let failures = options.retryNow ? [] : try await earlierFailures(on: session)
        let tips = try await tipsOfNewPartitions(survey, options)
        let known = survey.with(tips: tips.units)
        var plan = RunPlanner(
            survey: known, options: options, earlier: failures, plansTemporaryKeys: !registersKeys
        ).plan(
            failures: tips.failures, notes: tips.notes, tips: tips.units)
        plan.deferral = tips.deferral
        return (plan, userSearchPath)
    }

    private func earlierFailures(on session: Session) async throws -> [EarlierFailure] {
        let rows = try await session.query(
            try Statements.selectFailures.bound(values: [
                "stream": definition.name, "columns": TextArray.literal(definition.partitions.columns),
            ]))
        return try rows.compactMap { row in
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else { return nil }
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            return EarlierFailure(
                partition: partition, window: lower..<upper, failures: try row.get("failures"),
                secondsAgo: try row.get("seconds_ago"))
        }
    }

    /// Only a partition that has nothing yet starts from the tip; the others never look beyond `latest`.
    private func tipsOfNewPartitions(
        _ survey: Survey, _ options: RunOptions
    ) async throws -> (units: [Partition: Int64], failures: [BatchFailure], notes: [String], deferral: String?) {
        guard definition.expect.to == .tip, definition.keyType.isOrdered else { return ([:], [], [], nil) }
        let fetcher = Fetcher(stream: survey.stream, source: source)
        var tips: [Partition: Int64] = [:]
        var failures: [BatchFailure] = []
        var notes: [String] = []
        for coverage in survey.partitions where coverage.isNew {
            let partition = coverage.partition
            do {
                if let tip = try await fetcher.tip(of: partition, options.onEvent) {
                    tips[partition] = tip
                } else {
                    notes.append("\(label(partition))the source has nothing yet")
                }
            } catch let error as SourceError where error.kind == .deferred {
                return (tips, failures, notes, error.message)
            } catch {
                try Task.checkCancellation()
                failures.append(
                    BatchFailure(
                        partition: partition, window: 0..<0,
                        message: "the tip could not be asked for: \(error.message)"))
            }
        }
        return (tips, failures, notes, nil)
    }

    /// Who looks for a run of this stream.
    func surveyor(_ purpose: Surveyor.Purpose, _ options: RunOptions) -> Surveyor {
        var surveyor = Surveyor(database, for: purpose)
        surveyor.now = options.now
        return surveyor
    }

    // MARK: Session

    func connect() async throws -> Session {
        try await database.connectPatiently(definition.name, stream: definition)
    }

    /// Opens a session, hands it to `body` and closes it, whatever comes of that.
    func withSession<Value>(_ body: (Session) async throws -> Value) async throws -> Value {
        try await database.withSession(definition.name, stream: definition, body)
    }

    /// Opens a session and reads on it; on another one if the connection is lost meanwhile or the server restarts.
    ///
    /// - Returns: the session, open, and what was read.
    func connected<Value: Sendable>(
        _ stop: StopSignal, _ body: @escaping @Sendable (Session) async throws -> Value
    ) async throws -> (Session, Value) {
        try await stop.cancelling(after: .zero) {
            try await database.connected(definition.name, stream: definition, body)
        }
    }

    /// Opens a session, reads on it as in ``connected(_:_:)``, and closes it.
    func reading<Value: Sendable>(
        _ stop: StopSignal, _ body: @escaping @Sendable (Session) async throws -> Value
    ) async throws -> Value {
        try await stop.cancelling(after: .zero) {
            try await database.reading(definition.name, stream: definition, body)
        }
    }

    /// Rejects what would fail batch by batch: a standby, a missing privilege, another meaning of the stream's units.
    func requireWritable(_ stream: ResolvedStream, on session: Session) async throws {
        try await SchemaInstaller.requireWritable(on: session)
        if definition.load.isEmpty {
            if let key = stream.table.column(definition.keyColumn), key.isGenerated {
                throw StreamError.invalid(
                    "PostgreSQL generates the key column \(key.name) by itself, whatever the source "
                        + "says: take another, or write the rows by `load`")
            }
            guard stream.table.privileges.canInsert, stream.table.privileges.canUpdate else {
                throw StreamError.invalid("this role may not INSERT and UPDATE in \(stream.table.name): grant both")
            }
            try await stream.requireUniqueIndex(on: session)
        }
        if let problem = stream.loadProblem ?? stream.replaceProblem { throw StreamError.invalid(problem) }
        try await StreamRegistry.register(stream, on: session)
    }

    private func label(_ partition: Partition) -> String {
        let text = partition.label(columns: definition.partitions.columns)
        return text.isEmpty ? "" : "\(text): "
    }
}
