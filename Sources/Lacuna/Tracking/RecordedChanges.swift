import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The units that may have changed since a summary.
struct RecordedChanges: Sendable {
    /// By partition, inside the range that was asked for.
    private(set) var units: [Partition: UnitSet] = [:]
    /// Whether no partition is sure to be as it was: the table was truncated, or a row with the key 2^63−1 came or went,
    /// which is no unit of a range.
    private(set) var touchesEverything = false
    /// How many rows recorded them.
    private(set) var rowCount = 0

    /// Reads what the transaction's snapshot sees and the summary's did not.
    ///
    /// - Throws: ``PostgresError``.
    static func load(
        of stream: ResolvedStream, id: Int, since summary: TrackingState.Summary, range: Range<Int64>,
        partition only: Partition?, on session: isolated Session
    ) async throws -> RecordedChanges {
        var changes = RecordedChanges()
        var ranges: [Partition: [Range<Int64>]] = [:]
        let statement = try Statements.selectChanges.bound(values: [
            "id": String(id), "snapshot": summary.snapshot,
        ])
        try await session.forEachRow(statement) { row in
            changes.rowCount += 1
            guard let first = try row.getIfPresent(at: 1, as: Int64.self),
                let last = try row.getIfPresent(at: 2, as: Int64.self),
                let partition = try row.getIfPresent(at: 0, as: TextArray.self)?.partition
            else {
                changes.touchesEverything = true
                return
            }
            guard only == nil || only == partition else { return }
            if last == .max, range.upperBound == .max { changes.touchesEverything = true }
            let changed = (first..<max(first, last == .max ? last : last + 1)).clamped(to: range)
            if !changed.isEmpty { ranges[partition, default: []].append(changed) }
        }
        changes.units = ranges.mapValues { UnitSet($0) }
        return changes
    }

    /// Looks each of the units up, and returns those that have no row.
    ///
    /// - Throws: ``PostgresError``.
    func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition only: Partition?, on session: isolated Session
    ) async throws -> [Partition: UnitSet] {
        let measured = units.map { partition, units in
            MeasuredTable.MeasuredPartition(partition: partition, hull: units.hull ?? range, hasLargestKey: false)
        }
        let table = MeasuredTable(stream: stream, range: range, only: only, partitions: measured)
        let chunks = measured.enumerated().flatMap { index, each in
            (units[each.partition] ?? UnitSet()).ranges.map { MeasuredTable.Chunk(partitionIndex: index, units: $0) }
        }
        let inChunk = try stream.key.inRange(from: "lacuna_chunk.lacuna_lower", to: "lacuna_chunk.lacuna_upper")
        let found = try await session.walkingIndexes { session in
            try await table.look(into: chunks, with: .alone, on: session) { chunks in
                try table.statement(Statements.scanChangedChunks, over: chunks, ["in_chunk": inChunk])
            }
        }
        return units.reduce(into: [:]) { missing, each in
            missing[each.key] = found.missing(in: each.key).intersection(each.value)
        }
    }
}
