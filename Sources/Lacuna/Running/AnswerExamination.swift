import LacunaModel
import LacunaRecords

/// An answer of a source's, examined: how far it proves that units are empty, and that all rows of others came. What it cannot
/// tell by itself is asked for once more.
struct AnswerExamination: Sendable {
    let context: RunContext
    let batch: PlannedBatch
    let records: SpooledRecords
    let summary: FetchSummary
    /// The units of which an answer without a record for them says something.
    let open: UnitSet
    /// The newest unit that the source had shown before it was asked.
    let shownBefore: Int64?
    /// How often a question is asked.
    let policy: RetryPolicy

    private var definition: StreamDefinition { context.definition }
    private var shown: ShownRecords { context.shown }
    private var isOrdered: Bool { definition.keyType.isOrdered }
    /// Whether the edges of an answer are asked for once more if nothing else proves them.
    private var asksEdges: Bool { definition.empty == .confirm || definition.empty == .verify }
    /// Whether an answer that was cut by a cap would look the same.
    private var isOpen: Bool { summary.end == .open && summary.declaredRecords == nil }
    /// The units of which it matters whether all of their rows came: others of their rows are to go, or they are thin and are
    /// to be settled.
    private var wantedWhole: UnitSet { definition.rows == .replace ? UnitSet(batch.request) : batch.thin }

    /// What the answer proves.
    ///
    /// - Throws: ``SourceError`` if a cap shows itself or the source cannot tell whether there is more; `CancellationError`.
    func proof() async throws -> AnswerProof {
        var proof = AnswerProof(spoken: spoken)
        judgeTrust(&proof)
        if summary.goneReason != nil { return loss(proof) }
        let claimed = open.intersection(proof.spoken)
        if asksEdges { try requireUncapped() }
        proof.cut = try await cut(besides: claimed)
        guard asksEdges else { return proof }
        if isOpen, !records.units.isEmpty {
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
        guard isOpen else { return proof }
        try await resolveEdges(of: claimed, in: &proof)
        return proof
    }

    // MARK: What the answer says by itself

    /// The units that the answer says something about.
    private var spoken: UnitSet {
        let spoken = UnitSet(summary.answered ?? batch.request)
        guard summary.end == .unproven else { return spoken }
        // Cut anywhere, it still proves what lies between its records, if they came in order.
        guard isOrdered, records.keysAreExact, records.edges.isAscending, let hull = records.units.hull else {
            return UnitSet()
        }
        return spoken.intersection(hull)
    }

    /// Whether the source is believed that something is empty: it has given a row before, or somebody says so.
    private func judgeTrust(_ proof: inout AnswerProof) {
        proof.isTrusted = shown.hasRows || context.options.trustsEmpty
        guard !proof.isTrusted, !open.isEmpty else { return }
        context.notes.add(
            "the source has never given a row of this stream, so that nothing is taken for empty yet; if that is "
                + "right, say --trust-empty")
        // Of an address that answers with one status to everything, nothing is worth remembering.
        if summary.isEmptyByStatus || !isOrdered { proof.spoken = UnitSet() }
    }

    /// What the answer proves if the source says that it has lost what was asked for.
    private func loss(_ proof: AnswerProof) -> AnswerProof {
        var proof = proof
        proof.spoken = UnitSet()
        guard proof.isTrusted else { return proof }
        let closable = open.intersection(context.unitsToClose(of: batch)).union(batch.thin)
        proof.gone = closable.subtracting(batch.standing.accepted)
        if !proof.gone.subtracting(batch.standing.present.missing(in: batch.window)).subtracting(batch.thin).isEmpty {
            context.notes.add(
                "the source has lost units that are marked and have rows: the rows stay, and the marks are gone")
        }
        return proof
    }

    /// Rejects an answer that is as long as those that a cap cut: it may have cut through a unit, of which a part is there.
    private func requireUncapped() throws {
        guard isOpen, let cap = shown.cap, records.recordCount >= cap, batch.units.count > 1 else { return }
        throw SourceError(
            .permanent,
            "the source gives at most \(cap) records at once, and of \(definition.keyType.text(batch.request)) it sent "
                + "\(records.recordCount); declare a `paginator` or a smaller `batch`")
    }

    // MARK: What has to be asked once more

    /// Asks once more for the edges of what the answer claims to be empty, because a cap may have cut them off.
    private func resolveEdges(of claimed: UnitSet, in proof: inout AnswerProof) async throws {
        let edges =
            isOrdered
            ? EdgeDoubt.edges(of: claimed, records: records.units) : EdgeDoubt.missing(claimed, records: records.units)
        var unresolved = UnitSet()
        for edge in edges { unresolved = unresolved.union(try await ask(again: edge, unresolved: edge.units)) }
        proof.doubtful = proof.doubtful.union(unresolved)
        guard !wantedWhole.isEmpty, isOrdered, let hull = records.units.hull else { return }
        // The outermost units with records were to be asked for with them.
        for range in unresolved.ranges {
            let unit = range.lowerBound < hull.lowerBound ? hull.lowerBound : hull.upperBound - 1
            proof.cut.insert(unit..<unit + 1)
        }
    }

    /// The units with records that a limit of the source's may have cut through, as far as that matters.
    ///
    /// - Parameter claimed: the units that the answer claims to be empty.
    private func cut(besides claimed: UnitSet) async throws -> UnitSet {
        var cut = UnitSet()
        if !wantedWhole.isEmpty, definition.empty != .trust {
            cut = try await unitsCutThrough(edges: asksEdges ? claimed : UnitSet())
        }
        // Whoever cannot tell whether there is more settles nothing.
        return summary.objection == nil ? cut : cut.union(batch.thin)
    }

    /// The units with records that a limit of the source's may have cut through, so that more of their rows may be there.
    ///
    /// An outermost unit of an open answer is asked for once more alone, if it has rows to lose. If it is the only one with
    /// records, no smaller answer could be asked for: it is believed unless a cap has shown itself that may have cut it.
    ///
    /// - Parameter edges: the units without records that are asked for once more, each edge with the unit beside it.
    private func unitsCutThrough(edges: UnitSet) async throws -> UnitSet {
        guard let hull = records.units.hull, summary.end == .unproven || isOpen else { return UnitSet() }
        // Of ids nobody knows in which order they come.
        guard isOrdered else {
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
        for unit in [first, last]
        where batch.window.contains(unit) && batch.units.contains(unit) && wantedWhole.contains(unit) {
            let beside = unit == first ? edges.intersection(Int64.min..<first) : edges.subtracting(Int64.min..<last)
            guard beside.isEmpty else { continue }
            let range = unit..<unit + 1
            let hadRows = batch.standing.present.missing(in: range).isEmpty
            cut = cut.union(
                hadRows ? try await ask(again: .outermost(unit), unresolved: UnitSet(range)) : UnitSet(range))
        }
        return cut
    }

    /// Asks once more for an edge of the answer.
    ///
    /// - Parameter unresolved: the units of which nothing is known if it cannot be asked for.
    /// - Returns: those units, or none.
    /// - Throws: ``SourceError`` if a cap shows itself.
    private func ask(again edge: EdgeDoubt, unresolved: UnitSet) async throws -> UnitSet {
        let again: SpooledRecords
        let summary: FetchSummary
        do {
            (again, summary) = try await policy.run(mayPass: BatchFault.mayPass, onRetry: context.report(batch)) { _ in
                try await context.fetcher.fetchAgain(edge, of: batch)
            }
        } catch let error where !(error is CancellationError) {
            if case .deferRun = BatchFault(error) { throw error }
            context.notes.add(
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
}
