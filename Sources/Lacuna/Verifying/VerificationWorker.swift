import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Holds windows against the source one by one, until there are none left or the run is to end.
actor VerificationWorker {
    let context: VerificationContext
    let state: VerificationState
    private var session: Session?
    private var sourceSession: (any SourceSession)?
    /// How rows of the source's query are digested, once that is known.
    var row: CanonicalRow?

    init(_ context: VerificationContext, state: VerificationState) {
        self.context = context
        self.state = state
    }

    /// Works until there is nothing left or the run is to end.
    func work() async {
        while !Task.isCancelled, let item = state.next() {
            do {
                // Nil: the run is to end before the item does.
                guard let verdicts = try await verify(item) else { continue }
                try await record(verdicts, of: item.partition)
                state.finished(item, verdicts)
            } catch {
                state.failed(item, error)
            }
        }
        await closeSource()
        await session?.close()
    }

    private func verify(_ item: VerificationItem) async throws -> [WindowVerdict]? {
        guard let coverage = context.survey.coverage(of: item.partition) else { return [] }
        let hasScripts = !context.definition.load.isEmpty
        if context.proof < .rows, let queried = context.queried, !hasScripts, !state.refusesDigests {
            do {
                return try await search(item, coverage, in: queried)
            } catch let error as DigestsRefused {
                state.refuseDigests(error.message)
            }
        }
        var verdicts: [WindowVerdict] = []
        for window in item.windows {
            guard !state.isOver else { return nil }
            if context.proof == .count, context.counting != nil || hasScripts {
                verdicts.append(try await count(window, coverage))
            } else {
                verdicts.append(try await compare(window, coverage))
            }
        }
        return verdicts
    }

    // MARK: Rows

    /// Compares the rows of a window, and once more those of units that differ.
    func compare(_ window: Range<Int64>, _ coverage: PartitionCoverage) async throws -> WindowVerdict {
        var verdict = WindowVerdict(range: window, proof: .rows)
        let batch = context.batch(window, of: coverage)
        let (records, summary) = try await asking { source in
            try await Fetcher(stream: self.context.stream, source: source, skipsStrays: true).fetch(batch)
        }
        try proveCount(records, summary)
        let first = try await differences(records, batch, units: UnitSet(window))
        guard let hull = UnitSet(first.map { $0.unit..<$0.unit + 1 }).hull else { return verdict }

        let again = context.batch(hull, of: coverage)
        let fetched = try await fetchProven(again)
        let second = try await differences(fetched.records, again, units: UnitSet(hull))
        let looks = SecondLook.confirmed(first, second, provable: provable(fetched, coverage))
        let known = UnitSet(looks.differences.map { $0.unit..<$0.unit + 1 }).union(looks.unproven)
        verdict.movedCount = UInt64(first.count) - min(known.count, UInt64(first.count))
        verdict.unproven = looks.unproven
        verdict.differences = RangeDifference.joining(looks.differences, of: coverage.partition)
        return verdict
    }

    private func differences(
        _ records: SpooledRecords, _ batch: PlannedBatch, units: UnitSet
    ) async throws -> [UnitDifference] {
        let comparison = RecordComparison(stream: context.stream, userSearchPath: context.userSearchPath)
        return try await onDatabase { session, context in
            do {
                try await session.withTransaction { session in
                    try context.run.commit.begin(on: session)
                    throw Compared(
                        differences: try await comparison.differences(
                            records, partition: batch.partition, window: batch.window, units: units, on: session))
                }
            } catch let compared as Compared {
                return compared.differences
            }
            return []
        }
    }

    /// Fetches a window, and whatever it takes to know which rows the source no longer has.
    private func fetchProven(_ batch: PlannedBatch) async throws -> FetchedBatch {
        let end = await state.sourceEnd(of: batch.partition) {
            await self.context.run.fetcher.attestationEnds(
                of: [batch.partition], knownTips: [:], self.context.options.onEvent)[batch.partition]
        }
        return try await asking { source in
            var run = self.context.run
            run.fetcher = Fetcher(stream: run.stream, source: source, skipsStrays: true)
            if let end { run.attestationEnds[batch.partition] = end }
            let once = RetryPolicy(attempts: 1)
            switch await run.fetch(batch, number: 0, started: "", policy: once) {
            case .success(let fetched):
                try self.proveCount(fetched.records, fetched.summary)
                return fetched
            case .failure(let failure): throw failure.error
            }
        }
    }

    private func proveCount(_ records: SpooledRecords, _ summary: FetchSummary) throws {
        let sent = records.recordCount + records.skippedCount
        guard let declared = summary.declaredRecords, declared != sent else { return }
        throw ProofError("the source declared \(declared) records and sent \(sent)")
    }

    /// The units whose rows would go if the stream replaced rows and the answer lacked them.
    private func provable(_ fetched: FetchedBatch, _ coverage: PartitionCoverage) -> UnitSet {
        let range = fetched.batch.window
        let window = Attestation.Window(
            range: range, asked: fetched.batch.units, missing: coverage.evidence.present.missing(in: range),
            verified: coverage.evidence.verified.intersection(range))
        return Replacement(window, fetched.answer, cut: fetched.proof.cut).units
    }

    // MARK: Counts

    /// Holds the number of rows of a window against what the source says, and once more if they differ; then the rows.
    private func count(_ window: Range<Int64>, _ coverage: PartitionCoverage) async throws -> WindowVerdict {
        func counts() async throws -> (here: Int64, there: Int64) {
            let there = try await countThere(window, of: coverage.partition)
            let here = try await digestsHere([window], of: coverage.partition, row: nil)
            return (here.first?.rows ?? 0, there)
        }
        var verdict = WindowVerdict(range: window, proof: .count)
        let first = try await counts()
        guard first.here != first.there else { return verdict }
        if context.definition.load.isEmpty {
            let compared = try await compare(window, coverage)
            if !compared.differences.isEmpty { return compared }
            verdict.unproven = compared.unproven
        }
        let second = try await counts()
        guard second.here != second.there else {
            verdict.movedCount = window.unitCount
            return verdict
        }
        verdict.differences = [
            RangeDifference(
                partition: coverage.partition, range: window, kind: .count(here: second.here, there: second.there))
        ]
        return verdict
    }

    private func countThere(_ window: Range<Int64>, of partition: Partition) async throws -> Int64 {
        if let counting = context.counting {
            let request = FetchRequest(stream: context.definition, partition: partition, window: window)
            return try await asking { _ in try await counting.count(request) }
        }
        guard let queried = context.queried else { throw SourceError(.unavailable, "the source cannot count") }
        return try await digestsThere([window], of: partition, in: queried).first?.rows ?? 0
    }

    // MARK: Sessions

    /// Asks the source, again if that may help.
    func asking<Value: Sendable>(_ body: (any Source) async throws -> Value) async throws -> Value {
        try await context.definition.retry.run(
            mayPass: BatchFault.mayPass,
            onRetry: { error, wait in
                context.options.onEvent(
                    .retrying(window: 0..<0, partition: .whole, message: error.message, wait: wait))
            },
            { _ in
                let source = try await self.openSource()
                do {
                    return try await body(source)
                } catch {
                    await self.closeSource()
                    throw error
                }
            })
    }

    private func openSource() async throws -> any Source {
        if let sourceSession { return sourceSession }
        guard let queried = context.source as? any QueriedSource else { return context.source }
        let opened = try await queried.open(context.definition)
        sourceSession = opened
        return opened
    }

    private func closeSource() async {
        await sourceSession?.close()
        sourceSession = nil
    }

    /// Works on the worker's own session, on another one if it is lost.
    func onDatabase<Value: Sendable>(
        _ body: (Session, VerificationContext) async throws -> Value
    ) async throws -> Value {
        try await RetryPolicy(attempts: 5, backoff: .seconds(1)).run(mayPass: PostgresError.mayPass) { _ in
            if let session, !session.isUsable {
                await session.close()
                self.session = nil
            }
            if session == nil {
                session = try await context.run.database.connect(
                    "\(context.definition.name): verify", stream: context.definition)
            }
            guard let session else { throw PostgresError.misuse("no session") }
            return try await body(session, context)
        }
    }

    // MARK: Record

    /// Keeps when the windows were verified.
    private func record(_ verdicts: [WindowVerdict], of partition: Partition) async throws {
        var ranges: [(range: Range<Int64>, proof: VerificationProof, isEqual: Bool)] = []
        for verdict in verdicts {
            let isEqual = verdict.differences.isEmpty
            if let last = ranges.last, last.range.upperBound == verdict.range.lowerBound,
                last.proof == verdict.proof, last.isEqual == isEqual
            {
                ranges[ranges.count - 1].range = last.range.lowerBound..<verdict.range.upperBound
            } else {
                ranges.append((verdict.range, verdict.proof, isEqual))
            }
        }
        let partitionValues = context.stream.evidenceValues(partition)
        let statements = try ranges.map { range, proof, isEqual in
            var values = partitionValues
            values["lower"] = String(range.lowerBound)
            values["upper"] = String(range.upperBound)
            values["proof"] = proof.rawValue
            values["is_equal"] = isEqual ? "true" : "false"
            values["verified"] = String(context.started)
            return try Statements.replaceVerification.bound(values: values)
        }
        let lock = try Statements.lockEvidence.bound(values: partitionValues)
        try await onDatabase { session, context in
            try await session.withTransaction { session in
                try context.run.commit.begin(on: session)
                try await session.query(lock)
                for statement in statements { try await session.query(statement) }
            }
        }
    }
}

/// Ends a transaction whose only purpose was to look.
private struct Compared: Error {
    let differences: [UnitDifference]
}
