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
    /// The units of the window that are expected.
    let expected: UnitSet
    /// The end (exclusive) of the units that an empty answer proves something about.
    let attestableEnd: Int64
    /// The end (exclusive) of what the source has: of units that it does not have yet an empty answer says nothing.
    let sourceEnd: Int64
    /// The partition's stored extents when the run began.
    let extents: Extents?
    /// The cell of the grid that the window lies in.
    let cell: Range<Int64>
}

/// What a batch's transaction did.
struct CommittedBatch: Sendable {
    var inserted = 0
    var updated = 0
    var emptied: UInt64 = 0
    /// Whether there was anything to commit.
    var isChanged = false

    mutating func add(_ other: CommittedBatch) {
        inserted += other.inserted
        updated += other.updated
        emptied += other.emptied
        isChanged = isChanged || other.isChanged
    }
}

/// The statements of a batch's transaction, from its token to its extents (design: a batch, step by step).
struct BatchCommit: Sendable {
    let stream: ResolvedStream
    let runID: Int64
    let scan: any GapScan
    let userSearchPath: String

    /// Sets what the transaction relies on. The first statement of every transaction that loads batches.
    func begin(on session: isolated Session) async throws {
        try await session.query(
            try Statements.setTransactionParameters.bound(values: [
                "search_path": lacunaSearchPath, "lock_timeout": "30s", "idle_timeout": "120s",
                "timezone": stream.definition.keyType.timezone.sqlName,
            ]))
    }

    /// Claims the token of a batch.
    ///
    /// - Returns: false where the batch was committed before, by a transaction whose answer was lost.
    func claim(_ fetched: FetchedBatch, on session: isolated Session) async throws -> Bool {
        var values = stream.evidenceValues(fetched.batch.partition)
        values["run"] = String(runID)
        values["batch"] = String(fetched.number)
        values["lower"] = String(fetched.batch.window.lowerBound)
        values["upper"] = String(fetched.batch.window.upperBound)
        values["started"] = fetched.started
        return try await !session.query(try Statements.insertBatch.bound(values: values)).isEmpty
    }

    /// Waits for whoever else is committing to the same cell of the grid.
    func lock(_ fetched: FetchedBatch, on session: isolated Session) async throws {
        let lane = TextArray.literal(fetched.batch.partition.values)
        let name = "lacuna.window/\(stream.definition.name)/\(lane)/\(fetched.cell.lowerBound)"
        try await session.query(try Statements.lockWindow.bound(values: ["window": name]))
    }

    /// Loads, proves and records one batch.
    ///
    /// - Parameters:
    ///   - straight: whether records may be copied straight into a window without rows.
    ///   - table: the transaction's temporary table.
    func apply(
        _ fetched: FetchedBatch, straight: Bool, table: inout BatchTable, on session: isolated Session
    ) async throws -> CommittedBatch {
        let batch = fetched.batch
        let before = try await state(of: batch, on: session)
        if batch.reason == .gap, before.open(in: batch, expected: fetched.expected).isEmpty { return CommittedBatch() }

        try proveCount(fetched)
        let loader = BatchLoader(stream: stream, userSearchPath: userSearchPath)
        let windowIsEmpty = before.missing.count == batch.request.unitCount
        let loaded = try await loader.load(
            fetched.records, partition: batch.partition, request: batch.request, straight: straight && windowIsEmpty,
            table: &table, on: session)

        let missing = try await missingAfter(fetched, before: before, on: session)
        let due = batch.window.lowerBound..<max(fetched.attestableEnd, batch.window.lowerBound)
        let answered = missing.intersection(due).intersection(batch.units)
        // A unit that records came for is not empty, even where a script of the user's wrote no row for it.
        let spokenOf = fetched.summary.answered ?? batch.window
        let empty = answered.intersection(spokenOf.clamped(to: Int64.min..<fetched.sourceEnd))
            .subtracting(fetched.records.units)
            // What was not asked for stays as it was.
            .union(before.verified.subtracting(batch.units))
        if stream.definition.empty == .error, let first = answered.intersection(fetched.expected).ranges.first {
            throw ProofError(
                "the source returned nothing for \(stream.definition.keyType.text(first)), and empty: error says that "
                    + "every expected unit has rows")
        }
        var result = CommittedBatch(inserted: loaded.inserted, updated: loaded.updated)
        result.isChanged = loaded.wroteSomething || missing != before.missing.intersection(batch.window)
        try await recordEvidence(fetched, before: before, empty: empty, into: &result, on: session)
        let covered = UnitSet(batch.window).subtracting(missing).union(empty)
        try await extend(to: covered, fetched, into: &result, on: session)
        if result.isChanged { try await finish(fetched, result, on: session) }
        return result
    }

    /// Whether a window still has something to close: another run may have closed it since it was planned.
    func isOpen(_ batch: PlannedBatch, expected: UnitSet, on session: isolated Session) async throws -> Bool {
        try await !state(of: batch, on: session).open(in: batch, expected: expected).isEmpty
    }

    private struct WindowState {
        var missing: UnitSet
        var verified = UnitSet()
        var refetch = UnitSet()

        func open(in batch: PlannedBatch, expected: UnitSet) -> UnitSet {
            missing.intersection(batch.window).intersection(expected).subtracting(verified).union(refetch)
                .union(batch.suspects).intersection(batch.units)
        }
    }

    private func state(of batch: PlannedBatch, on session: isolated Session) async throws -> WindowState {
        let gaps = try await scan.scan(stream, range: batch.request, partition: batch.partition, on: session)
        var state = WindowState(missing: gaps.missing(in: batch.partition))
        let rows = try await session.query(
            try Statements.selectWindowEvidence.bound(values: windowValues(batch)))
        for row in rows {
            let kind: String = try row.get("kind")
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            let range = (lower..<upper).clamped(to: batch.window)
            if kind == "verified" { state.verified.insert(range) } else { state.refetch.insert(range) }
        }
        state.refetch = state.refetch.intersection(batch.units)
        return state
    }

    private func proveCount(_ fetched: FetchedBatch) throws {
        guard let declared = fetched.summary.declaredRecords, declared != fetched.records.recordCount else { return }
        throw ProofError("the source declared \(declared) records and sent \(fetched.records.recordCount)")
    }

    /// The units of the window without a row after the load: computed where the records' keys are known, asked for
    /// where a script or the server decided what was written.
    private func missingAfter(
        _ fetched: FetchedBatch, before: WindowState, on session: isolated Session
    ) async throws -> UnitSet {
        let batch = fetched.batch
        let isKnown =
            fetched.records.keysAreExact && stream.key.acceptsExactText && stream.definition.load.isEmpty
        guard fetched.records.recordCount > 0, !isKnown else {
            return before.missing.intersection(batch.window).subtracting(fetched.records.units)
        }
        let after = try await scan.scan(stream, range: batch.window, partition: batch.partition, on: session)
        return after.missing(in: batch.partition)
    }

    private func recordEvidence(
        _ fetched: FetchedBatch, before: WindowState, empty: UnitSet, into result: inout CommittedBatch,
        on session: isolated Session
    ) async throws {
        let batch = fetched.batch
        let verifiedChanges = empty != before.verified.intersection(batch.window)
        guard verifiedChanges || !before.refetch.isEmpty else { return }
        result.isChanged = true
        let lane = stream.evidenceValues(batch.partition)
        try await session.query(try Statements.lockEvidence.bound(values: lane))
        if verifiedChanges {
            var values = windowValues(batch)
            values["empty"] = empty.multirangeLiteral
            try await session.query(try Statements.replaceVerified.bound(values: values))
            result.emptied = empty.subtracting(before.verified).count
        }
        guard !before.refetch.isEmpty else { return }
        for range in batch.units.ranges {
            var values = lane
            values["lower"] = String(range.lowerBound)
            values["upper"] = String(range.upperBound)
            values["before"] = fetched.started
            try await session.query(try Statements.removeRefetch.bound(values: values))
        }
    }

    /// UpdateMin and UpdateMax: the last writes but the journal's figures, because their row lock is shared by all batches.
    private func extend(
        to covered: UnitSet, _ fetched: FetchedBatch, into result: inout CommittedBatch, on session: isolated Session
    ) async throws {
        guard stream.definition.keyType.isOrdered, let hull = covered.hull else { return }
        let latest = hull.upperBound - 1
        if let extents = fetched.extents, extents.oldest <= hull.lowerBound, extents.latest >= latest { return }
        result.isChanged = true
        var values = stream.evidenceValues(fetched.batch.partition)
        values["oldest"] = String(hull.lowerBound)
        values["latest"] = String(latest)
        try await session.query(try Statements.extendExtents.bound(values: values))
    }

    private func finish(
        _ fetched: FetchedBatch, _ result: CommittedBatch, on session: isolated Session
    ) async throws {
        try await session.query(
            try Statements.finishBatch.bound(values: [
                "run": String(runID), "batch": String(fetched.number), "attempts": String(fetched.attempts),
                "pages": String(fetched.summary.pages), "fetched": String(fetched.records.recordCount),
                "inserted": String(result.inserted), "updated": String(result.updated),
                "empty": String(result.emptied),
            ]))
        guard !stream.definition.after.isEmpty else { return }
        try await session.query(
            try Statements.insertOwedAfter.bound(values: [
                "stream": stream.definition.name, "run": String(runID), "batch": String(fetched.number),
            ]))
    }

    private func windowValues(_ batch: PlannedBatch) -> [String: String?] {
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
