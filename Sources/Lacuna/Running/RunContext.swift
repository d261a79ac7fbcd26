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
            let proof = try await AnswerExamination(
                context: self, batch: batch, records: records, summary: summary, open: open, shownBefore: shownBefore,
                policy: policy
            ).proof()
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
    func unitsToClose(of batch: PlannedBatch) -> UnitSet {
        batch.standing.present.missing(in: batch.window).subtracting(batch.standing.verified)
            .union(batch.standing.refetch.intersection(batch.window))
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
