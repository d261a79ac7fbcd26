import LacunaModel
import LacunaRecords
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
    /// Which fields the records had.
    let fieldUse = FieldUse()
    /// Where each partition stands in the survey.
    private let places: [Partition: Int]

    init(
        database: Database, survey: Survey, fetcher: Fetcher, commit: BatchCommit, journal: RunJournal,
        options: RunOptions, attestationEnds: [Partition: Int64]
    ) {
        self.database = database
        self.survey = survey
        self.fetcher = fetcher
        self.commit = commit
        self.journal = journal
        self.options = options
        self.attestationEnds = attestationEnds
        places = Dictionary(survey.partitions.enumerated().map { ($1.partition, $0) }) { first, _ in first }
    }

    var stream: ResolvedStream { survey.stream }
    var definition: StreamDefinition { survey.stream.definition }

    /// A fetched batch with all that its transaction needs to know.
    func fetched(
        _ batch: PlannedBatch, number: Int64, records: SpooledRecords, summary: FetchSummary, started: String,
        attempts: Int
    ) -> FetchedBatch {
        fieldUse.note(records)
        let coverage = coverage(of: batch)
        let end = attestationEnds[batch.partition]
        let newest = [coverage?.latest, end.map { $0.subtracting(saturating: 1) }].compactMap(\.self).max()
        let attestable = definition.attestableEnd(now: survey.now, newest: newest)
        return FetchedBatch(
            batch: batch, number: number, records: records, summary: summary, started: started, attempts: attempts,
            expected: expectedUnits(of: batch),
            attestableEnd: attestable, sourceEnd: end ?? .max, extents: coverage?.evidence.extents,
            cell: Planner(definition).cell(of: batch))
    }

    /// The units of a batch's window that are expected.
    func expectedUnits(of batch: PlannedBatch) -> UnitSet {
        let calendar = definition.calendarUnits(in: batch.window, partition: batch.partition)
        return coverage(of: batch)?.evidence.expected.map(calendar.intersection) ?? calendar
    }

    private func coverage(of batch: PlannedBatch) -> PartitionCoverage? {
        places[batch.partition].map { survey.partitions[$0] }
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
