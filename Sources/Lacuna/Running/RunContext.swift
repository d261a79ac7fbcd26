import Postgres
import SQLStatements

/// What the parts of one run share and nobody changes.
struct RunContext: Sendable {
    let database: Database
    let survey: Survey
    let fetcher: Fetcher
    let commit: BatchCommit
    let journal: RunJournal
    let options: RunOptions
    /// The ends (exclusive) of what the source has, by partition; none where it cannot tell.
    let attestationEnds: [Partition: Int64]

    var stream: ResolvedStream { survey.stream }
    var definition: StreamDefinition { survey.stream.definition }

    /// A fetched batch with all that its transaction needs to know.
    func fetched(
        _ batch: PlannedBatch, number: Int64, records: SpooledRecords, summary: FetchSummary, started: String,
        attempts: Int
    ) -> FetchedBatch {
        let coverage = survey.coverage(of: batch.partition)
        let evidence = survey.evidence[batch.partition]
        let end = attestationEnds[batch.partition]
        let newest = [coverage?.latest, end.map { $0.subtracting(saturating: 1) }].compactMap(\.self).max()
        let attestable = definition.attestableEnd(now: survey.now, newest: newest)
        return FetchedBatch(
            batch: batch, number: number, records: records, summary: summary, started: started, attempts: attempts,
            expected: expectedUnits(of: batch),
            attestableEnd: attestable, sourceEnd: end ?? .max, extents: evidence?.extents,
            cell: Planner(definition).cell(of: batch))
    }

    /// The units of a batch's window that are expected.
    func expectedUnits(of batch: PlannedBatch) -> UnitSet {
        let calendar = definition.calendarUnits(in: batch.window, partition: batch.partition)
        return survey.evidence[batch.partition]?.expected.map(calendar.intersection) ?? calendar
    }

    /// What the lease of a window is taken on.
    func leaseName(of batch: PlannedBatch) -> String {
        "lacuna.lease/\(definition.name)/\(TextArray.literal(batch.partition.values))/\(batch.window.lowerBound)/"
            + "\(batch.window.upperBound)"
    }

    /// What `pg_stat_activity` shows of a worker; PostgreSQL cuts it at 63 bytes.
    func activity(of batch: PlannedBatch?) -> String {
        guard let batch else { return "lacuna \(definition.name)" }
        let lane = batch.partition.values.joined(separator: " ")
        return "lacuna \(definition.name)\(lane.isEmpty ? "" : " \(lane)"): \(definition.keyType.text(batch.window))"
    }
}
