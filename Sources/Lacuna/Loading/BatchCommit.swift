import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// A batch that was fetched whole and waits for its transaction.
struct FetchedBatch: Sendable {
    let batch: PlannedBatch
    /// The batch's number in its run; with the run it is the commit token.
    let number: Int64
    let records: SpooledRecords
    let summary: FetchSummary
    /// When the fetch began, by the server's clock: marks that came later stay.
    let started: String
    let attempts: Int
    /// The end (exclusive) of the units that an empty answer proves something about.
    let attestableEnd: Int64
    /// The end (exclusive) of what the source has: of units that it does not have yet an empty answer says nothing.
    let sourceEnd: Int64
    /// What the answer proves of units without records.
    let proof: AnswerProof

    /// What the source said.
    var answer: Attestation.Answer {
        Attestation.Answer(
            spoken: proof.spoken, doubtful: proof.doubtful, sourceEnd: sourceEnd, dueEnd: attestableEnd,
            records: records.units, shownEnd: proof.shownEnd, isTrusted: proof.isTrusted)
    }
}

/// How far an answer proves that units are empty, from what the source said and what it has ever shown.
struct AnswerProof: Sendable {
    /// The units that the answer says something about.
    var spoken: UnitSet
    /// The units that a cap may have cut off, and that could not be asked for again.
    var doubtful = UnitSet()
    /// The end (exclusive) of the units that a newer record had been shown for when the source was asked.
    var shownEnd = Int64.max
    /// The units with records that a limit of the source's may have cut through: more of their rows may be there.
    var cut = UnitSet()
    /// The units that the source says are lost for good, if they have no rows.
    var gone = UnitSet()
    /// Whether the source has given rows before, or is believed without.
    var isTrusted = true
}

/// What a batch's transaction did.
struct CommittedBatch: Sendable {
    var inserted = 0
    var updated = 0
    var deleted = 0
    var emptied: UInt64 = 0
    var accepted: UInt64 = 0
    /// The thin units whose answer was as thin.
    var settled: UInt64 = 0
    /// The units that are provisional now, of the batches' windows.
    var provisional = UnitSet()
    /// Whether there was anything to commit.
    var isChanged = false
    /// Whether there was a row or evidence in the window before, so that somebody may have committed there meanwhile.
    var metOthers = false
    /// How far the extents of partitions are still to reach, once all rows are there.
    var extents: [Partition: Extents] = [:]

    mutating func add(_ other: CommittedBatch) {
        inserted += other.inserted
        updated += other.updated
        deleted += other.deleted
        emptied += other.emptied
        accepted += other.accepted
        settled += other.settled
        provisional = provisional.union(other.provisional)
        isChanged = isChanged || other.isChanged
        metOthers = metOthers || other.metOthers
        extents.merge(other.extents) {
            Extents(oldest: min($0.oldest, $1.oldest), latest: max($0.latest, $1.latest))
        }
    }
}

/// The statements of a batch's transaction, from its token to its extents.
struct BatchCommit: Sendable {
    let stream: ResolvedStream
    let runID: Int64
    let userSearchPath: String
    /// The windows whose losses passed.
    let guarded = GuardedWindows()

    /// Sets what the transaction relies on. The first statement of every transaction that loads batches.
    func begin(on session: isolated Session) throws {
        try session.enqueue(
            try Statements.setTransactionParameters.bound(values: [
                "search_path": lacunaSearchPath, "lock_timeout": "30s", "idle_timeout": "120s",
                "timezone": stream.definition.keyType.timezone.sqlName,
            ]))
        try stream.table.spread.limits(lockTimeout: "30s").forEach(session.enqueue)
    }

    /// Announces to the nodes of a cluster that the transaction will write to them, before it looks at the table.
    func announce(_ fetched: [FetchedBatch], on session: isolated Session) throws {
        try stream.announcingWrites(to: Set(fetched.map(\.batch.partition))).forEach(session.enqueue)
    }

    /// Inserts the commit token of a batch.
    ///
    /// - Returns: false if the batch was committed before, by a transaction whose answer was lost.
    func insertToken(_ fetched: FetchedBatch, on session: isolated Session) async throws -> Bool {
        var values = stream.evidenceValues(fetched.batch.partition)
        values["run"] = String(runID)
        values["batch"] = String(fetched.number)
        values["lower"] = String(fetched.batch.window.lowerBound)
        values["upper"] = String(fetched.batch.window.upperBound)
        values["started"] = fetched.started
        return try await !session.query(try Statements.insertBatch.bound(values: values)).isEmpty
    }

    /// Waits for other transactions that commit to the same cell of the grid. The statement is sent with the next one.
    func lock(_ fetched: FetchedBatch, on session: isolated Session) throws {
        let partition = TextArray.literal(fetched.batch.partition.values)
        let name = "lacuna.window/\(stream.definition.name)/\(partition)/\(fetched.batch.cell.lowerBound)"
        try session.enqueue(try Statements.lockWindow.bound(values: ["window": name]))
    }

    /// Loads, proves and records one batch.
    ///
    /// - Parameters:
    ///   - directly: whether records may be loaded directly into a window without rows.
    ///   - table: the transaction's temporary table.
    func apply(
        _ fetched: FetchedBatch, directly: Bool, table: inout BatchTable, on session: isolated Session
    ) async throws -> CommittedBatch {
        let batch = fetched.batch
        let loader = BatchLoader(stream: stream, userSearchPath: userSearchPath, guarded: guarded)
        let plan = Result { try LoadPlan(fetched.records, partition: batch.partition, stream: stream) }
        // Thin units have rows.
        let mayLoadDirectly = directly && batch.thin.isEmpty && loader.canLoadDirectly(fetched.records, plan)
        let before = try await look(
            at: batch, asked: fetched.started, then: mayLoadDirectly ? try .searchPath(userSearchPath) : nil,
            on: session)
        let isOpen = batch.reason != .gap || !before.open(in: batch).isEmpty
        let loadsDirectly = mayLoadDirectly && isOpen && before.missing.count == batch.request.unitCount
        if mayLoadDirectly, !loadsDirectly { try session.useLacunaSearchPath() }
        guard isOpen else { return CommittedBatch() }
        if loadsDirectly, batch.request != batch.window {
            // Neighbours load what overlaps at the same time, each seeing none of it: the index alone tells them apart, and
            // having read the table, this transaction keeps it from being dropped.
            try await stream.requireUniqueIndex(on: session)
        }

        try proveCount(fetched)
        var window = Attestation.Window(
            range: batch.window, asked: batch.units, missing: before.missing.intersection(batch.window),
            verified: before.verified, provisional: before.provisional, confirmable: before.confirmable,
            refetch: before.refetch)
        var answer = fetched.answer
        // A window without rows has none to lose.
        let withdrawal =
            loadsDirectly || stream.definition.rows == .upsert ? nil : withdrawal(fetched, before, window, answer)
        let loaded = try await loader.load(
            fetched.records, plan, partition: batch.partition, request: batch.request, directly: loadsDirectly,
            withdrawal: withdrawal, table: &table, on: session)

        precondition(
            loaded.deleted == 0 || stream.definition.rows == .replace, "rows go only if the stream says rows: replace")
        let missing = try await missingAfter(fetched, before: before, loaded, on: session)
        window.missing = missing
        // In the hour that comes twice, only its row says which unit a record without an offset is of.
        answer.rowsDecide =
            !fetched.records.keysAreExact && stream.definition.load.isEmpty
            && loaded.inserted + loaded.updated == fetched.records.recordCount
        let proven = Attestation(window, answer)
        // Rows that are not proven to be gone: their marks stay, and the source is asked once more after a while.
        let staying = withdrawal?.replacement.waiting.subtracting(missing) ?? UnitSet()
        if stream.definition.empty == .error {
            try requireRows(
                proven.unanswered.intersection(batch.expected).subtracting(fetched.proof.gone)
                    .subtracting(batch.standing.accepted), fetched)
        }
        var result = CommittedBatch(inserted: loaded.inserted, updated: loaded.updated, deleted: loaded.deleted)
        result.metOthers =
            !before.verified.isEmpty || before.missing.count < batch.request.unitCount
            || loaded.updated + loaded.deleted > 0
        result.provisional = proven.provisional.union(staying)
        result.isChanged = loaded.wroteSomething || missing != before.missing.intersection(batch.window)
        // Nor are those of which the answer may lack some.
        let stale = stream.definition.rows == .replace ? fetched.proof.cut.subtracting(before.missing) : UnitSet()
        try await recordEvidence(
            fetched, before: before, proven, reread: proven.reread.subtracting(staying).subtracting(stale),
            provisional: result.provisional, into: &result, on: session)
        try await settle(before.thin, fetched, into: &result, on: session)
        try await accept(
            fetched.proof.gone, missing: missing.union(before.thin.units), fetched, into: &result, on: session)
        if let extents = extents(of: proven.covered, fetched) {
            result.extents[batch.partition] = extents
            result.isChanged = true
        }
        guard result.isChanged else { return result }
        // They go with what comes next, mostly with COMMIT.
        try finishing(fetched, result).forEach(session.enqueue)
        return result
    }

    /// Where the answer may take rows away.
    private func withdrawal(
        _ fetched: FetchedBatch, _ before: WindowState, _ window: Attestation.Window, _ answer: Attestation.Answer
    ) -> Withdrawal? {
        let batch = fetched.batch
        let replacement = Replacement(window, answer, cut: fetched.proof.cut)
        // What the user's scripts delete is guarded always.
        guard !replacement.units.isEmpty || !replacement.waiting.isEmpty || !stream.definition.load.isEmpty else {
            return nil
        }
        let hasRows = window.missing.count < batch.window.unitCount
        return Withdrawal(
            window: batch.window, partition: batch.partition, replacement: replacement,
            unguarded: replacement.confirmed.union(before.replacing).union(batch.flagged),
            leastRows: guarded.rows(around: batch.window, of: batch.partition),
            runsWithoutRecords: !stream.definition.load.isEmpty && !replacement.empty.isEmpty
                && (hasRows || !before.refetch.isEmpty || !batch.flagged.isEmpty))
    }

    /// Remembers that a batch's answer had nothing for units whose rows the guard kept: a second such answer, long enough
    /// after this one, takes them.
    func remember(_ refused: ShrinkRefused, of fetched: FetchedBatch, on session: isolated Session) async throws {
        let batch = fetched.batch
        try await session.query(try Statements.lockEvidence.bound(values: stream.evidenceValues(batch.partition)))
        for range in refused.empty.ranges {
            var values = confirmValues(batch, asked: fetched.started)
            values["lower"] = String(range.lowerBound)
            values["upper"] = String(range.upperBound)
            values["provisional"] = UnitSet(range).multirangeLiteral
            try await session.query(try Statements.replaceProvisional.bound(values: values))
        }
    }

    /// What comes last, once all batches are applied. It goes together with COMMIT.
    ///
    /// Deferred constraints and triggers of the user's tables are run here, and with the user's search path: at COMMIT they
    /// would find Lacuna's, and hold the locks of the extents all the while.
    func close(_ total: CommittedBatch, on session: isolated Session) throws {
        try session.enqueue(.searchPath(userSearchPath))
        try session.enqueue(try Statements.checkDeferredConstraints.bound())
        try session.useLacunaSearchPath()
        for (partition, extents) in total.extents.sorted(by: { $0.key < $1.key }) {
            var values = stream.evidenceValues(partition)
            values["oldest"] = String(extents.oldest)
            values["latest"] = String(extents.latest)
            try session.enqueue(try Statements.extendExtents.bound(values: values))
        }
    }

    /// Rejects an answer that left out units which the declaration says must have rows.
    private func requireRows(_ unanswered: UnitSet, _ fetched: FetchedBatch) throws {
        guard let first = unanswered.ranges.first else { return }
        let unit = stream.definition.keyType.text(first)
        let isLeftOut = fetched.records.units.contains(first.lowerBound)
        throw ProofError(
            "\(isLeftOut ? "a trigger or script left out the records of" : "the source returned nothing for") \(unit), "
                + "and empty: error says that every expected unit has rows")
    }

    private func proveCount(_ fetched: FetchedBatch) throws {
        guard let declared = fetched.summary.declaredRecords, declared != fetched.records.recordCount else { return }
        throw ProofError("the source declared \(declared) records and sent \(fetched.records.recordCount)")
    }

    /// The units of the window without a row after the load: computed if every record has a row under a key that is
    /// known, asked for if a script, a trigger or the server decided what was written.
    private func missingAfter(
        _ fetched: FetchedBatch, before: WindowState, _ loaded: LoadResult, on session: isolated Session
    ) async throws -> UnitSet {
        let batch = fetched.batch
        let records = fetched.records
        let filled = before.missing.intersection(batch.window).intersection(records.units)
        let isKnown =
            records.keysAreExact && stream.key.acceptsExactText && stream.definition.load.isEmpty
            && loaded.deleted == 0
            // A row that was there already and is equal is not written; if one was missing, all have to be.
            && (loaded.inserted + loaded.updated == records.recordCount || filled.isEmpty)
        guard records.recordCount > 0 || loaded.deleted > 0 || loaded.ranWithoutRecords, !isKnown else {
            return before.missing.intersection(batch.window).subtracting(records.units)
        }
        let after = try await WindowGapScan().scan(
            stream, range: batch.window, partition: batch.partition, on: session)
        return after.missing(in: batch.partition)
    }

    private func recordEvidence(
        _ fetched: FetchedBatch, before: WindowState, _ proven: Attestation, reread: UnitSet, provisional: UnitSet,
        into result: inout CommittedBatch, on session: isolated Session
    ) async throws {
        let batch = fetched.batch
        let empty = proven.empty
        let verifiedChanges = empty != before.verified.intersection(batch.window)
        let provisionalChanges =
            provisional != before.provisional || !provisional.intersection(before.confirmable).isEmpty
        guard verifiedChanges || provisionalChanges || !reread.isEmpty else { return }
        result.isChanged = true
        let partition = stream.evidenceValues(batch.partition)
        try await session.query(try Statements.lockEvidence.bound(values: partition))
        if verifiedChanges {
            var values = windowValues(batch)
            values["empty"] = empty.multirangeLiteral
            try await session.query(try Statements.replaceVerified.bound(values: values))
            result.emptied = empty.subtracting(before.verified).count
        }
        if provisionalChanges {
            var values = confirmValues(batch, asked: fetched.started)
            values["provisional"] = provisional.multirangeLiteral
            try await session.query(try Statements.replaceProvisional.bound(values: values))
        }
        for range in reread.ranges {
            var values = partition
            values["lower"] = String(range.lowerBound)
            values["upper"] = String(range.upperBound)
            values["before"] = fetched.started
            try await session.query(try Statements.removeRefetch.bound(values: values))
        }
    }

    /// Records what the source says is lost for good. A unit that has rows keeps them, and loses its mark.
    private func accept(
        _ gone: UnitSet, missing: UnitSet, _ fetched: FetchedBatch, into result: inout CommittedBatch,
        on session: isolated Session
    ) async throws {
        guard !gone.isEmpty, let reason = fetched.summary.goneReason else { return }
        var values = stream.evidenceValues(fetched.batch.partition)
        try await session.query(try Statements.lockEvidence.bound(values: values))
        values["reason"] = reason
        values["ends"] = ""
        values["before"] = fetched.started
        for range in gone.ranges {
            values["lower"] = String(range.lowerBound)
            values["upper"] = String(range.upperBound)
            try await session.query(try Statements.removeRefetch.bound(values: values))
        }
        let accepted = gone.intersection(missing)
        for range in accepted.ranges {
            values["lower"] = String(range.lowerBound)
            values["upper"] = String(range.upperBound)
            try await session.query(try Statements.removeAccepted.bound(values: values))
            try await session.query(try Statements.insertAccepted.bound(values: values))
        }
        result.isChanged = true
        result.accepted = accepted.count
    }

    /// What UpdateMin and UpdateMax are to be given: the last write, because its row lock is shared by all batches of the
    /// partition.
    ///
    /// - Returns: nil if the window lies inside the extents already.
    private func extents(of covered: UnitSet, _ fetched: FetchedBatch) -> Extents? {
        guard stream.definition.keyType.isOrdered, let hull = covered.hull else { return nil }
        let latest = hull.upperBound - 1
        assert(
            fetched.batch.window.lowerBound <= hull.lowerBound && hull.upperBound <= fetched.batch.window.upperBound,
            "a batch extends the extents by its window at most")
        if let extents = fetched.batch.standing.extents, extents.oldest <= hull.lowerBound, extents.latest >= latest {
            return nil
        }
        return Extents(oldest: hull.lowerBound, latest: latest)
    }

    /// The batch's figures in the journal, and that the scripts under `after` are owed.
    private func finishing(_ fetched: FetchedBatch, _ result: CommittedBatch) throws -> [BoundStatement] {
        let figures = try Statements.finishBatch.bound(values: [
            "run": String(runID), "batch": String(fetched.number), "attempts": String(fetched.attempts),
            "pages": String(fetched.summary.pages), "fetched": String(fetched.records.recordCount),
            "inserted": String(result.inserted), "updated": String(result.updated),
            "deleted": String(result.deleted), "empty": String(result.emptied),
        ])
        guard !stream.definition.after.isEmpty else { return [figures] }
        return [
            figures,
            try Statements.insertOwedAfter.bound(values: [
                "stream": stream.definition.name, "run": String(runID), "batch": String(fetched.number),
            ]),
        ]
    }

    func windowValues(_ batch: PlannedBatch) -> [String: String?] {
        var values = stream.evidenceValues(batch.partition)
        values["lower"] = String(batch.window.lowerBound)
        values["upper"] = String(batch.window.upperBound)
        return values
    }
}

extension UnitSet {
    /// The literal of an `int8multirange`.
    var multirangeLiteral: String {
        "{" + ranges.map { "[\($0.lowerBound),\($0.upperBound))" }.joined(separator: ",") + "}"
    }
}
