import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// An answer is older than what another transaction committed in its window meanwhile: it has to be fetched again.
struct StaleFetch: Error, CustomStringConvertible {
    /// Which of the answers that were held against the journal, by index.
    let indices: [Int]

    let description =
        "another run kept committing to the window while it was fetched; the next run asks again for what is missing"

    /// How often an answer is fetched again before the batch counts as failed.
    static let limit = 3
}

extension BatchCommit {
    /// Rejects answers whose windows somebody committed to since they were asked for.
    ///
    /// It is called after the load. A transaction that wrote the same rows and committed before is seen by then. One that
    /// is still open waits for this one's rows, or this one for its, and the one that commits last looks last. So no lock
    /// is needed between windows that differ, and leases decide nothing.
    ///
    /// - Parameter fetched: all of one run; more than one if one transaction holds the whole run.
    /// - Throws: ``StaleFetch``.
    func requireNewest(_ fetched: [FetchedBatch], on session: isolated Session) async throws {
        guard let first = fetched.first, let started = fetched.map(\.started).min() else { return }
        let hull = UnitSet(fetched.map(\.batch.window)).hull ?? first.batch.window
        let rows = try await session.query(
            try Statements.findNewerBatches.bound(values: [
                "stream": stream.definition.name, "columns": TextArray.literal(stream.definition.partitions.columns),
                "run": String(runID), "batch": fetched.count == 1 ? String(first.number) : nil,
                "lower": String(hull.lowerBound), "upper": String(hull.upperBound), "started": started,
            ]))
        guard !rows.isEmpty else { return }
        var newer: [Partition: [(window: Range<Int64>, ended: String)]] = [:]
        for row in rows {
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else { continue }
            let lower: Int64 = try row.get("lower")
            newer[partition, default: []].append((lower..<(try row.get("upper")), try row.get("ended")))
        }
        let indices = fetched.indices.filter { index in
            let batch = fetched[index].batch
            return newer[batch.partition]?.contains {
                $0.window.overlaps(batch.window) && $0.ended > fetched[index].started
            } ?? false
        }
        if !indices.isEmpty { throw StaleFetch(indices: indices) }
    }
}
