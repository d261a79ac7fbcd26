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
    let fetcher: Fetcher
    let commit: BatchCommit
    let journal: RunJournal
    let options: RunOptions
    /// The ends (exclusive) of what the source has, by partition; none if it cannot tell.
    let attestationEnds: [Partition: Int64]
    /// Which fields the records had.
    let fieldUse = FieldUse()

    var definition: StreamDefinition { stream.definition }

    /// Fetches a batch whole, again if it fails in a way that may pass.
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
        do {
            let (records, summary) = try await policy.run(
                mayPass: BatchFault.mayPass, onRetry: report(batch)
            ) { attempt in
                attempts = attempt
                return try await fetcher.fetch(batch)
            }
            fieldUse.note(records)
            let end = attestationEnds[batch.partition]
            let newest = [batch.standing.latest, end.map { $0.subtracting(saturating: 1) }].compactMap(\.self).max()
            return .success(
                FetchedBatch(
                    batch: batch, number: number, records: records, summary: summary, started: started,
                    attempts: attempts, attestableEnd: definition.attestableEnd(now: plannedAt, newest: newest),
                    sourceEnd: end ?? .max))
        } catch {
            return .failure(FetchFailure(error: error, attempts: attempts))
        }
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
