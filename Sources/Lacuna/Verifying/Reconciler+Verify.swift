import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

extension Reconciler {
    /// What a verification would look at.
    ///
    /// - Throws: ``StreamError``; ``PostgresError``.
    package func verificationOutlook(_ options: VerificationOptions) async throws -> VerificationOutlook {
        try await withSession { session in
            let prepared = try await prepare(options, on: session)
            return VerificationOutlook(
                plan: prepared.plan, proof: prepared.proof, windowCount: prepared.windowCount)
        }
    }

    /// Holds the table against the source, and loads nothing.
    ///
    /// - Returns: what was found. It does not throw: failures are in the report.
    package func verify(_ options: VerificationOptions) async -> VerificationReport {
        var found = VerificationReport(run: RunReport(stream: definition.name, mode: .verify))
        let run = await recorded(.verify, options.run) { report, trace in
            found.run = report
            do {
                try await verify(options, &found, trace)
            } catch {
                report = found.run
                throw error
            }
            report = found.run
            if !found.differences.isEmpty, report.stopReason == nil {
                let units = found.differingCount
                report.stopReason = "\(units) unit\(units == 1 ? " differs" : "s differ") from the source"
            }
        }
        found.run = run
        return found
    }

    private func verify(
        _ options: VerificationOptions, _ found: inout VerificationReport, _ trace: RunTrace
    ) async throws {
        let prepared = try await reading(options.run.stop) { session in
            trace.reachedDatabase()
            try await SchemaInstaller.requireWritable(on: session)
            return try await prepare(options, on: session)
        }
        let survey = prepared.survey
        let keyType = survey.stream.definition.keyType
        found.run.keyType = keyType
        found.proof = prepared.proof
        found.run.planned = prepared.plan.windows.count
        let unitCount = prepared.plan.unitCount
        options.run.onEvent(.planned(batches: found.run.planned, units: unitCount, keyType: keyType))
        guard found.run.planned > 0 else { return }
        let journal = try await RunJournal.open(
            .verify, stream: definition, planned: found.run.planned, database: database, redact: options.run.redact)
        trace.opened(journal)
        found.run.runID = journal.runID
        let context = try context(prepared, options, journal)
        let joins = prepared.proof < .rows && context.queried != nil && definition.load.isEmpty
        let state = VerificationState(
            VerificationItem.items(of: prepared.plan, joins: joins), report: found, options: options.run)
        await work(context, state)
        found = state.report
        found.differences.sort { ($0.partition, $0.range.lowerBound) < ($1.partition, $1.range.lowerBound) }
        found.run.notes += context.run.fieldUse.notes(of: context.stream) + context.run.notes.all
        if options.marks { try await mark(&found, survey.stream) }
    }

    private func work(_ context: VerificationContext, _ state: VerificationState) async {
        await context.options.runWorkers(context.options.width(definition)) {
            await VerificationWorker(context, state: state).work()
        }
    }

    // MARK: Preparing

    /// What a verification begins with.
    private struct Prepared: Sendable {
        let survey: Survey
        let userSearchPath: String
        let proof: VerificationProof
        let plan: VerificationPlan
        let windowCount: Int
    }

    private func prepare(_ options: VerificationOptions, on session: Session) async throws -> Prepared {
        let proof = try proof(options.proof)
        if let problem = verificationProblem(proof) { throw StreamError.invalid(problem) }
        let stream = try await ResolvedStream.resolve(definition, on: session)
        if proof > .count { try await stream.requireUniqueIndex(on: session) }
        let userSearchPath = try await session.userSearchPath()
        let survey = try await surveyor(.plan, options.run).survey(
            stream, partitions: options.run.partitions, on: session)
        var plan = VerificationPlan(
            scope(of: survey, options.run), grid: BatchGrid(type: definition.keyType, batch: definition.batch))
        let windowCount = plan.windows.count
        if let share = options.share {
            if options.oldestFirst {
                let verified = try await VerifiedRange.load(of: stream.definition, on: session)
                plan.takeOldest(share, verified: verified, proof: proof)
            } else {
                var chance = SystemRandomNumberGenerator()
                plan.sample(share, using: &chance)
            }
        }
        return Prepared(
            survey: survey, userSearchPath: userSearchPath, proof: proof, plan: plan, windowCount: windowCount)
    }

    /// Why the stream cannot be held against its source by itself; nil if it can.
    package var verificationProblem: String? { (try? proof(nil)).flatMap(verificationProblem) }

    private func verificationProblem(_ proof: VerificationProof) -> String? {
        guard definition.keyType.isOrdered else {
            return "verify is for ordered keys; of ids `lacuna gaps` names those that are missing"
        }
        guard proof == .count || definition.load.isEmpty else {
            return
                "its rows are made by scripts under `load`, so that they cannot be compared with the source's; only their number "
                + "can: use --proof count, or for an http source declare `verify: {count: …}`"
        }
        return nil
    }

    /// How windows are held against the source.
    private func proof(_ wanted: VerificationProof?) throws -> VerificationProof {
        let isQueried = VerificationContext.queried(source) != nil
        let counts = VerificationContext.counting(source) != nil
        switch wanted {
        case nil: return isQueried && definition.load.isEmpty ? .digest : counts ? .count : .rows
        case .rows: return .rows
        case .digest where isQueried: return .digest
        case .digest:
            throw StreamError.invalid(
                "digests are computed by a postgres source whose query has no limit; this stream's rows can be compared by "
                    + "--proof rows")
        case .count where isQueried || counts: return .count
        case .count:
            throw StreamError.invalid(
                "the source is not told how to count: declare `verify: {count: {path: …, select: …}}`, or use --proof rows"
            )
        }
    }

    /// The units that are held against the source: those that are covered and settled. Gaps are gaps, and what is read again on
    /// every run or is not over yet may change.
    private func scope(of survey: Survey, _ options: RunOptions) -> [(partition: Partition, units: UnitSet)] {
        let planner = RunPlanner(survey: survey, options: options, earlier: [])
        let bounds = options.bounds(definition.keyType.limits)
        return survey.partitions.map { coverage in
            let end = definition.attestableEnd(now: survey.now, newest: coverage.latest)
            let open = coverage.gaps.union(coverage.provisional).union(coverage.accepted).union(coverage.ahead)
                .union(planner.lookback(coverage))
            let units = coverage.expected.subtracting(open).intersection(bounds).intersection(Int64.min..<end)
            return (coverage.partition, units)
        }
    }

    private func context(
        _ prepared: Prepared, _ options: VerificationOptions, _ journal: RunJournal
    ) throws -> VerificationContext {
        let stream = prepared.survey.stream
        // Which rows are gone is proven as if they were to go.
        var replacing = stream.definition
        replacing.rows = .replace
        if replacing.empty == .error { replacing.empty = .verify }
        let proving = try ResolvedStream(replacing, table: stream.table)
        let run = RunContext(
            database: database, stream: proving, plannedAt: prepared.survey.now,
            fetcher: Fetcher(stream: proving, source: source),
            commit: BatchCommit(stream: proving, runID: journal.runID, userSearchPath: prepared.userSearchPath),
            journal: journal, options: options.run, attestationEnds: [:],
            shown: ShownRecords(hasRows: prepared.survey.hasRows), hadRows: prepared.survey.hasRows)
        return VerificationContext(
            stream: stream, run: run, source: source, survey: prepared.survey, proof: prepared.proof,
            userSearchPath: prepared.userSearchPath, started: prepared.survey.now)
    }

    // MARK: Marks

    /// Marks what differs, so that the next reconcile fetches it again.
    private func mark(_ found: inout VerificationReport, _ stream: ResolvedStream) async throws {
        // An upsert keeps what the source no longer has, and would be asked for it for ever.
        let healed = found.differences.filter { definition.rows == .replace || $0.isHealedByUpsert }
        found.markedCount = healed.reduce(0) { $0.adding(saturating: $1.range.unitCount) }
        let kept = found.differingCount - (found.markedCount ?? 0)
        if kept > 0 {
            found.run.notes.append(
                "\(kept) unit\(kept == 1 ? " differs" : "s differ") only by rows that the source no longer has, and "
                    + "\(kept == 1 ? "is" : "are") not marked: `rows: upsert` keeps such rows; `rows: replace` deletes them"
            )
        }
        guard !healed.isEmpty else { return }
        let statements = try healed.map { difference in
            var values = stream.evidenceValues(difference.partition)
            values["lower"] = String(difference.range.lowerBound)
            values["upper"] = String(difference.range.upperBound)
            values["before"] = "infinity"
            values["reason"] = "verify: \(difference.summary)"
            values["replaces"] = "false"
            let lock = try Statements.lockEvidence.bound(values: values)
            return (
                lock, try Statements.removeRefetch.bound(values: values),
                try Statements.insertRefetch.bound(values: values)
            )
        }
        try await withSession { session in
            try await StreamRegistry.register(stream, on: session)
            try await session.withTransaction { session in
                for (lock, remove, insert) in statements {
                    try await session.query(lock)
                    try await session.query(remove)
                    try await session.query(insert)
                }
            }
        }
    }
}

extension RangeDifference {
    /// Whether fetching the units again may change something if rows that the source lacks stay.
    fileprivate var isHealedByUpsert: Bool {
        switch kind {
        case .count(let here, let there): here < there
        case .rows(let here, _, let different, _): here > 0 || different > 0
        }
    }
}
