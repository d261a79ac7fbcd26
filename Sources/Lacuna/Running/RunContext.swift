import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What the parts of one run share and nobody changes.
struct RunContext: Sendable {
    let database: Database
    let stream: ResolvedStream
    /// The database's clock when the run was planned, seconds since the epoch.
    let plannedAt: Int64
    var fetcher: Fetcher
    let commit: BatchCommit
    let journal: RunJournal
    let options: RunOptions
    /// The ends (exclusive) of what the source has, by partition; none if it cannot tell.
    var attestationEnds: [Partition: Int64]
    /// What the source has shown so far.
    let shown: ShownRecords
    /// Whether the stream had a row when the run was planned.
    let hadRows: Bool
    /// Which fields the records had.
    let fieldUse = FieldUse()
    /// What the batches have to say.
    let notes = RunNotes()

    var definition: StreamDefinition { stream.definition }

    /// Fetches a batch whole, again if it fails in a way that may pass, and finds out how far the answer proves that units are
    /// empty.
    ///
    /// - Parameters:
    ///   - number: the batch's number in the run.
    ///   - started: when the source is asked, by the server's clock.
    ///   - policy: how often it is tried.
    @concurrent
    func fetch(
        _ batch: PlannedBatch, number: Int64, started: String, policy: RetryPolicy
    ) async -> Result<FetchedBatch, FetchFailure> {
        var attempts = 1
        // What is shown later says nothing of this answer.
        let shownBefore = shown.newest(of: batch.partition)
        do {
            let (records, summary) = try await policy.run(
                mayPass: BatchFault.mayPass, onRetry: report(batch)
            ) { attempt in
                attempts = attempt
                return try await fetcher.fetch(batch)
            }
            fieldUse.note(records)
            if let note = summary.note { notes.add(note) }
            try requireTakenFields(records)
            try requireFilledColumns(records)
            shown.note(records.units, of: batch.partition)
            let end = attestationEnds[batch.partition]
            let newest = [batch.standing.latest, end.map { $0.subtracting(saturating: 1) }].compactMap(\.self).max()
            let attestableEnd = definition.attestableEnd(now: plannedAt, newest: newest)
            let sourceEnd = end ?? .max
            let open = openUnits(of: batch, before: min(attestableEnd, sourceEnd)).subtracting(records.units)
            let proof = try await proof(
                of: batch, records, summary, open: open, shownBefore: shownBefore, policy: policy)
            if definition.rows == .replace, !proof.cut.intersection(batch.standing.refetch).isEmpty {
                notes.add(
                    "a limit of the source's may have cut through units that are marked: what of their rows it no longer has "
                        + "stays, and so do the marks; a total, a `paginator` or a smaller `batch` would prove more")
            }
            return .success(
                FetchedBatch(
                    batch: batch, number: number, records: records, summary: summary, started: started,
                    attempts: attempts, attestableEnd: attestableEnd, sourceEnd: sourceEnd, proof: proof))
        } catch {
            return .failure(FetchFailure(error: error, attempts: attempts))
        }
    }

    /// The units that an answer had nothing for when nothing newer had been shown, and something newer has been since.
    func unitsShownSince(_ fetched: FetchedBatch) -> UnitSet {
        guard let newest = shown.newest(of: fetched.batch.partition), fetched.proof.shownEnd < newest else {
            return UnitSet()
        }
        return openUnits(of: fetched.batch, before: min(fetched.attestableEnd, fetched.sourceEnd))
            .subtracting(fetched.records.units).intersection(fetched.proof.spoken)
            .intersection(fetched.proof.shownEnd..<newest)
    }

    /// Rejects records with fields that no column takes, if the stream wants that.
    private func requireTakenFields(_ records: SpooledRecords) throws {
        guard definition.unknownFields == .fail, records.recordCount > 0,
            let told = stream.untakenFields(of: records.fields)
        else { return }
        throw StreamError.invalid(
            "no column of \(stream.table.name) takes \(told), and on_unknown_field: fail says that each has one")
    }

    /// Rejects records that leave columns empty which they look as if they should fill, before the first row of a stream is
    /// there. Later it is a note: the rows are right as far as they go.
    private func requireFilledColumns(_ records: SpooledRecords) throws {
        guard records.recordCount > 0, definition.load.isEmpty,
            let problem = FieldMatch(records, stream: stream).problem
        else { return }
        guard hadRows else { throw StreamError.invalid(problem) }
        notes.add(problem)
    }

    /// The units of a batch that a second answer with nothing would prove empty: something newer has been shown since the first.
    func answerableUnits(of batch: PlannedBatch) -> UnitSet {
        guard shown.hasRows || options.trustsEmpty else { return UnitSet() }
        guard definition.keyType.isOrdered, definition.empty == .confirm else { return batch.units }
        return shown.newest(of: batch.partition).map { batch.units.intersection(Int64.min..<$0) } ?? UnitSet()
    }

    /// The units of a batch of which an answer without a record for them would say something: that they are empty, that
    /// their mark is done with, or that their rows are to go.
    private func openUnits(of batch: PlannedBatch, before end: Int64) -> UnitSet {
        let rows = definition.rows == .replace ? UnitSet(batch.window) : UnitSet()
        return unitsToClose(of: batch).union(rows.subtracting(batch.standing.verified)).intersection(batch.units)
            .intersection(Int64.min..<end)
    }

    /// The units of a batch that are missing or marked.
    private func unitsToClose(of batch: PlannedBatch) -> UnitSet {
        batch.standing.present.missing(in: batch.window).subtracting(batch.standing.verified)
            .union(batch.standing.refetch.intersection(batch.window))
    }

    /// How far an answer proves that units are empty. Its edges are asked for once more if nothing else proves them.
    private func proof(
        of batch: PlannedBatch, _ records: SpooledRecords, _ summary: FetchSummary, open: UnitSet,
        shownBefore: Int64?, policy: RetryPolicy
    ) async throws -> AnswerProof {
        let isOrdered = definition.keyType.isOrdered
        var proof = AnswerProof(spoken: spoken(batch, records, summary))
        proof.isTrusted = shown.hasRows || options.trustsEmpty
        if !proof.isTrusted, !open.isEmpty {
            notes.add(
                "the source has never given a row of this stream, so that nothing is taken for empty yet; if that is "
                    + "right, say --trust-empty")
            // Of an address that answers with one status to everything, nothing is worth remembering.
            if summary.isEmptyByStatus || !isOrdered { proof.spoken = UnitSet() }
        }
        if summary.goneReason != nil {
            proof.spoken = UnitSet()
            guard proof.isTrusted else { return proof }
            let closable = open.intersection(unitsToClose(of: batch)).union(batch.thin)
            proof.gone = closable.subtracting(batch.standing.accepted)
            if !proof.gone.subtracting(batch.standing.present.missing(in: batch.window)).subtracting(batch.thin).isEmpty
            {
                notes.add(
                    "the source has lost units that are marked and have rows: the rows stay, and the marks are gone")
            }
            return proof
        }
        let claimed = open.intersection(proof.spoken)
        let asksEdges = definition.empty == .confirm || definition.empty == .verify
        if asksEdges { try requireUncapped(batch, records, summary) }
        // Whether all rows of a unit came matters if others are to go, or if a thin unit is to be settled.
        let wanted = definition.rows == .replace ? UnitSet(batch.request) : batch.thin
        if !wanted.isEmpty, definition.empty != .trust {
            proof.cut = try await unitsCutThrough(
                of: batch, records, summary, edges: asksEdges ? claimed : UnitSet(), policy: policy
            ) { wanted.contains($0) }
        }
        // Whoever cannot tell whether there is more settles nothing.
        if summary.objection != nil { proof.cut = proof.cut.union(batch.thin) }
        guard asksEdges else { return proof }
        if isOpen(summary), !records.units.isEmpty {
            // Units that have rows now may lose them before the commit: nobody asked whether a cap cut these off.
            let between = isOrdered ? UnitSet(records.units.hull ?? 0..<0) : records.units
            proof.doubtful = UnitSet(batch.window).subtracting(between).subtracting(claimed)
        }
        guard !claimed.isEmpty else { return proof }
        if let objection = summary.objection { throw SourceError(.rejected, objection) }
        if isOrdered, definition.empty == .confirm {
            // Newer than what is empty: strictly before the newest record that was shown.
            proof.shownEnd =
                [batch.standing.newestRow, shownBefore, records.units.hull.map { $0.upperBound - 1 }]
                .compactMap(\.self).max() ?? .min
        }
        guard isOpen(summary) else { return proof }
        let unresolved = try await unresolvedDoubts(of: batch, records, open: claimed, policy: policy)
        proof.doubtful = proof.doubtful.union(unresolved)
        if !wanted.isEmpty, isOrdered, let hull = records.units.hull {
            // The outermost units with records were to be asked for with them.
            for range in unresolved.ranges {
                let unit = range.lowerBound < hull.lowerBound ? hull.lowerBound : hull.upperBound - 1
                proof.cut.insert(unit..<unit + 1)
            }
        }
        return proof
    }

    /// The units that an answer says something about.
    private func spoken(_ batch: PlannedBatch, _ records: SpooledRecords, _ summary: FetchSummary) -> UnitSet {
        let spoken = UnitSet(summary.answered ?? batch.request)
        guard summary.end == .unproven else { return spoken }
        // Cut anywhere, it still proves what lies between its records, if they came in order.
        guard definition.keyType.isOrdered, records.keysAreExact, records.edges.isAscending,
            let hull = records.units.hull
        else { return UnitSet() }
        return spoken.intersection(hull)
    }

    /// Rejects an answer that is as long as those that a cap cut: it may have cut through a unit, of which a part is there.
    private func requireUncapped(_ batch: PlannedBatch, _ records: SpooledRecords, _ summary: FetchSummary) throws {
        guard isOpen(summary), let cap = shown.cap, records.recordCount >= cap, batch.units.count > 1 else { return }
        throw SourceError(
            .permanent,
            "the source gives at most \(cap) records at once, and of \(definition.keyType.text(batch.request)) it sent "
                + "\(records.recordCount); declare a `paginator` or a smaller `batch`")
    }

    /// Whether an answer that was cut by a cap would look the same.
    private func isOpen(_ summary: FetchSummary) -> Bool {
        summary.end == .open && summary.declaredRecords == nil
    }

    /// Asks once more for what a cap may have cut off.
    ///
    /// - Returns: the units that could not be asked for again.
    /// - Throws: ``SourceError`` if a cap shows itself.
    private func unresolvedDoubts(
        of batch: PlannedBatch, _ records: SpooledRecords, open: UnitSet, policy: RetryPolicy
    ) async throws -> UnitSet {
        let edges =
            definition.keyType.isOrdered
            ? EdgeDoubt.edges(of: open, records: records.units) : EdgeDoubt.missing(open, records: records.units)
        var unresolved = UnitSet()
        for edge in edges {
            unresolved = unresolved.union(
                try await ask(again: edge, of: batch, records, unresolved: edge.units, policy: policy))
        }
        return unresolved
    }

    /// Asks once more for an edge of an answer.
    ///
    /// - Parameter unresolved: the units of which nothing is known if it cannot be asked for.
    /// - Returns: those units, or none.
    /// - Throws: ``SourceError`` if a cap shows itself.
    private func ask(
        again edge: EdgeDoubt, of batch: PlannedBatch, _ records: SpooledRecords, unresolved: UnitSet,
        policy: RetryPolicy
    ) async throws -> UnitSet {
        let again: SpooledRecords
        let summary: FetchSummary
        do {
            (again, summary) = try await policy.run(mayPass: BatchFault.mayPass, onRetry: report(batch)) { _ in
                try await fetcher.fetchAgain(edge, of: batch)
            }
        } catch let error where !(error is CancellationError) {
            if case .deferRun = BatchFault(error) { throw error }
            notes.add(
                "\(definition.keyType.text(edge.range)) could not be asked for once more, so that it is not taken for "
                    + "\(edge.units.isEmpty ? "whole" : "empty"): \(error.message)")
            return unresolved
        }
        // Lost is not empty: the next run asks for these units alone, and hears it of them.
        guard summary.goneReason == nil else { return unresolved }
        let isCutThrough = edge.outermost.map { unit in
            (again.edges.count(of: unit) ?? 0) > (records.edges.count(of: unit) ?? 0)
        }
        // Also a record beside the window, which `overlap` asks for, was left out before.
        guard again.units.subtracting(records.units).isEmpty, isCutThrough != true else {
            shown.noteCut(at: records.recordCount)
            throw SourceError(
                .permanent,
                "the source leaves records out: of \(definition.keyType.text(batch.request)) it sent "
                    + "\(records.recordCount), and of \(definition.keyType.text(edge.range)) alone it sends others; "
                    + "if it gives at most \(records.recordCount) at once, declare a `paginator` or a smaller `batch`"
            )
        }
        return UnitSet()
    }

    /// The units with records that a limit of the source's may have cut through, so that more of their rows may be there.
    ///
    /// An outermost unit of an open answer is asked for once more alone, if it has rows to lose. If it is the only one with
    /// records, no smaller answer could be asked for: it is believed unless a cap has shown itself that may have cut it.
    ///
    /// - Parameters:
    ///   - edges: the units without records that are asked for once more, each edge with the unit beside it.
    ///   - matters: whether a unit is asked for once more for this alone.
    private func unitsCutThrough(
        of batch: PlannedBatch, _ records: SpooledRecords, _ summary: FetchSummary, edges: UnitSet,
        policy: RetryPolicy, _ matters: (Int64) -> Bool
    ) async throws -> UnitSet {
        guard let hull = records.units.hull, summary.end == .unproven || isOpen(summary) else { return UnitSet() }
        // Of ids nobody knows in which order they come.
        guard definition.keyType.isOrdered else {
            return records.units.count > 1 || shown.mayBeCut(at: records.recordCount) ? records.units : UnitSet()
        }
        let (first, last) = (hull.lowerBound, hull.upperBound - 1)
        guard summary.end == .open, records.keysAreExact else {
            return UnitSet([first, last].map { $0.subtracting(saturating: 1)..<$0.adding(saturating: 2) })
        }
        guard first < last else {
            return shown.mayBeCut(at: records.recordCount) ? records.units : UnitSet()
        }
        var cut = UnitSet()
        for unit in [first, last] where batch.window.contains(unit) && batch.units.contains(unit) && matters(unit) {
            let beside = unit == first ? edges.intersection(Int64.min..<first) : edges.subtracting(Int64.min..<last)
            guard beside.isEmpty else { continue }
            let range = unit..<unit + 1
            let hadRows = batch.standing.present.missing(in: range).isEmpty
            guard hadRows else {
                cut.insert(range)
                continue
            }
            cut = cut.union(
                try await ask(
                    again: .outermost(unit), of: batch, records, unresolved: UnitSet(range), policy: policy))
        }
        return cut
    }

    /// Tells the run's display of a wait before a batch is tried again.
    func report(_ batch: PlannedBatch) -> (any Error, Duration) -> Void {
        { error, wait in
            options.onEvent(
                .retrying(window: batch.window, partition: batch.partition, message: error.message, wait: wait))
        }
    }

    /// What the lease of a window is taken on.
    func leaseName(of batch: PlannedBatch) -> String {
        "lacuna.lease/\(definition.name)/\(TextArray.literal(batch.partition.values))/\(batch.window.lowerBound)/"
            + "\(batch.window.upperBound)"
    }

    /// What `pg_stat_activity` shows of a worker; PostgreSQL cuts it at 63 bytes.
    func activity(of batch: PlannedBatch?) -> String {
        guard let batch else { return "lacuna \(definition.name)" }
        let values = batch.partition.values.joined(separator: " ")
        let name = "lacuna \(definition.name)\(values.isEmpty ? "" : " \(values)")"
        return "\(name): \(definition.keyType.text(batch.window))"
    }
}

/// Why a batch could not be fetched, and after how many attempts.
struct FetchFailure: Error {
    let error: any Error
    let attempts: Int
}

extension BatchFailure {
    /// What is told of a batch that an error ended.
    init(_ error: any Error, of batch: PlannedBatch) {
        self.init(partition: batch.partition, window: batch.window, message: error.message, sqlState: error.sqlState)
    }
}
