import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What a scan found, to be kept for the next one, and what it rests on.
struct PendingSummary: Sendable, Hashable {
    /// The stream's in lacuna.tracking.
    let id: Int
    /// Of the summary that the scan saw. Where another one was kept meanwhile, this one is dropped.
    let generation: Int64
    /// In which the table was read.
    let snapshot: String
    let fingerprint: [String?]
    /// How many rows of recorded changes it takes the place of.
    let changeCount: Int
    /// Whether the table was scanned whole.
    let isWhole: Bool

    /// How many ranges a row holds, and a statement.
    private static let rowRanges = 4096

    /// Keeps a scan's result, in a transaction of its own, and drops the changes that it holds.
    ///
    /// The generation is the guard: this scan's snapshot sees the transaction that wrote it, and so all that its summary
    /// held and all changes that were dropped with it.
    ///
    /// - Throws: ``PostgresError``.
    func keep(_ result: GapScanResult, on session: Session) async throws {
        try await session.withTransaction { session in
            try session.useLacunaSearchPath()
            let id = String(id)
            let locked = try await session.query(
                try Statements.lockSummary.bound(values: ["id": id, "generation": String(generation)]))
            guard !locked.isEmpty else { return }
            try await session.query(try Statements.deleteChanges.bound(values: ["id": id, "snapshot": snapshot]))
            try await session.query(try Statements.deleteSummary.bound(values: ["id": id]))
            var rows: [(partition: Partition, ranges: ArraySlice<Range<Int64>>)] = []
            var count = 0
            for (partition, present) in result.present {
                var rest = present.missing(in: result.range).ranges[...]
                repeat {
                    let part = rest.prefix(PendingSummary.rowRanges)
                    rest = rest.dropFirst(part.count)
                    rows.append((partition, part))
                    count += part.count + 1
                    if count >= PendingSummary.rowRanges {
                        try await insert(rows, largestKey: result.largestKey, on: session)
                        rows = []
                        count = 0
                    }
                } while !rest.isEmpty
            }
            if !rows.isEmpty { try await insert(rows, largestKey: result.largestKey, on: session) }
            try await session.query(
                try Statements.finishSummary.bound(values: [
                    "id": id, "snapshot": snapshot,
                    "fingerprint": TextArray.literal(fingerprint.map { $0 ?? "" }),
                    "lower": String(result.range.lowerBound), "upper": String(result.range.upperBound),
                ]))
        }
    }

    private func insert(
        _ rows: [(partition: Partition, ranges: ArraySlice<Range<Int64>>)], largestKey: Set<Partition>,
        on session: isolated Session
    ) async throws {
        let missing = rows.map { row in
            "{\(row.ranges.map { "[\($0.lowerBound),\($0.upperBound))" }.joined(separator: ","))}"
        }
        try await session.query(
            try Statements.insertSummary.bound(values: [
                "id": String(id), "partitions": TextArray.literal(rows.map { TextArray.literal($0.partition.values) }),
                "largest": TextArray.literal(rows.map { largestKey.contains($0.partition) ? "t" : "f" }),
                "missing": TextArray.literal(missing),
            ]))
    }
}
