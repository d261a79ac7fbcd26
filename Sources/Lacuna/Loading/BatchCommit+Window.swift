import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What the table and the evidence say of a batch's window.
struct WindowState: Sendable {
    /// The units of the request that have no row.
    var missing: UnitSet
    /// The units of the window that are verified empty.
    var verified = UnitSet()
    /// The units of the window that were answered with nothing, and wait.
    var provisional = UnitSet()
    /// Those of them that are empty for good if the source has nothing again.
    var confirmable = UnitSet()
    /// The units of the batch that were declared wrong.
    var refetch = UnitSet()
    /// Of the units that the batch takes for thin those that are.
    var thin = ThinUnits()
    /// Those of them that may lose any number of rows, as whoever marked them said.
    var replacing = UnitSet()

    /// What there is to close.
    func open(in batch: PlannedBatch) -> UnitSet {
        missing.intersection(batch.window).intersection(batch.expected).subtracting(verified).union(refetch)
            .union(batch.flagged).union(thin.units).intersection(batch.units)
    }
}

extension BatchCommit {
    /// The largest window whose gaps are read whole, together with other answers: those of a larger one may be so many that
    /// they are taken row by row. At most half of its units are gaps of their own.
    private static let wholeAnswerLimit: UInt64 = 131_072

    /// Looks at a window inside the batch's transaction.
    ///
    /// - Parameters:
    ///   - asked: when the source is asked, by the server's clock.
    ///   - next: a statement to run in the same round trip afterwards.
    func look(
        at batch: PlannedBatch, asked: String = "now", then next: BoundStatement? = nil, on session: isolated Session
    ) async throws -> WindowState {
        var state = try await rowsAndEvidence(of: batch, asked: asked, then: next, on: session)
        if !batch.thin.isEmpty { state.thin = try await thinUnits(of: batch, on: session) }
        return state
    }

    private func rowsAndEvidence(
        of batch: PlannedBatch, asked: String, then next: BoundStatement?, on session: isolated Session
    ) async throws -> WindowState {
        let following = next.map { [$0] } ?? []
        let evidence = try evidence(of: batch, asked: asked)
        if isAnsweredWhole(batch) {
            let answers = try await session.query([evidence, try gaps(of: batch)] + following)
            return try state(of: batch, evidence: answers[0], gaps: answers[1])
        }
        let ranges = try await session.query(evidence)
        let gaps = try await windowScan.scan(
            stream, range: batch.request, partition: batch.partition, on: session)
        try following.forEach(session.enqueue)
        return try state(of: batch, evidence: ranges, missing: gaps.missing(in: batch.partition))
    }

    /// Runs a statement and looks at the window of a batch before it is fetched: another run may have closed it since it was
    /// planned.
    ///
    /// - Returns: the statement's answer, and whether there is still something to close.
    func look(
        at batch: PlannedBatch, after statement: BoundStatement, on session: Session
    ) async throws -> (answer: Rows, isOpen: Bool) {
        guard batch.reason == .gap else { return (try await session.query(statement), true) }
        let path = try BoundStatement.searchPath(lacunaSearchPath)
        let answer: Rows
        let state: WindowState
        if isAnsweredWhole(batch), batch.thin.isEmpty {
            let answers = try await session.query([
                statement, path, try evidence(of: batch, asked: "now"), try gaps(of: batch),
            ])
            answer = answers[0]
            state = try self.state(of: batch, evidence: answers[2], gaps: answers[3])
        } else {
            answer = try await session.query(statement)
            state = try await session.withTransaction(.snapshot) { session in
                // The user's SQL reads days of the stream's zone, as in a batch's own transaction.
                if batch.thin.isEmpty { try session.enqueue(path) } else { try begin(on: session) }
                return try await look(at: batch, on: session)
            }
        }
        return (answer, !state.open(in: batch).isEmpty)
    }

    /// Most windows have no rows yet. If Lacuna writes the table itself, an index of its keys says so at once.
    private var windowScan: WindowGapScan {
        WindowGapScan(looksFirst: stream.definition.load.isEmpty)
    }

    private func isAnsweredWhole(_ batch: PlannedBatch) -> Bool {
        batch.request.unitCount <= BatchCommit.wholeAnswerLimit
    }

    private func evidence(of batch: PlannedBatch, asked: String) throws -> BoundStatement {
        try Statements.selectWindowEvidence.bound(values: confirmValues(batch, asked: asked))
    }

    /// The values of a statement that goes by when the source was asked.
    func confirmValues(_ batch: PlannedBatch, asked: String) -> [String: String?] {
        var values = windowValues(batch)
        values["before"] = asked
        values["confirm"] = String(stream.definition.confirmSeconds)
        return values
    }

    private func gaps(of batch: PlannedBatch) throws -> BoundStatement {
        try windowScan.statement(stream, range: batch.request, partition: batch.partition)
    }

    private func state(of batch: PlannedBatch, evidence: Rows, gaps: Rows) throws -> WindowState {
        let gaps = try windowScan.result(of: gaps, stream, range: batch.request)
        return try state(of: batch, evidence: evidence, missing: gaps.missing(in: batch.partition))
    }

    private func state(of batch: PlannedBatch, evidence: Rows, missing: UnitSet) throws -> WindowState {
        var state = WindowState(missing: missing)
        for row in evidence {
            let kind: String = try row.get("kind")
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            let range = (lower..<upper).clamped(to: batch.window)
            switch kind {
            case "verified": state.verified.insert(range)
            case "refetch": state.refetch.insert(range)
            case "replacing":
                state.refetch.insert(range)
                state.replacing.insert(range)
            case "confirmable": state.confirmable.insert(range)
            default: state.provisional.insert(range)
            }
        }
        state.provisional = state.provisional.union(state.confirmable)
        state.refetch = state.refetch.intersection(batch.units)
        return state
    }
}
