import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Scans only what has changed since the last whole scan, if the stream tracks changes and nothing speaks against it.
///
/// In any other case it is a whole scan, and the account says why.
package struct TrackedGapScan: GapScan {
    /// How the table is scanned where it is scanned whole.
    let whole: any GapScan

    /// A scan.
    package init(whole: any GapScan = ChosenGapScan()) {
        self.whole = whole
    }

    /// Scans `range` of the stream's table.
    ///
    /// - Throws: ``PostgresError``.
    package func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult {
        guard stream.definition.tracksChanges, session.transactionMode == .snapshot, !range.isEmpty else {
            return try await whole.scan(stream, range: range, partition: partition, on: session)
        }
        let clock = ContinuousClock()
        let start = clock.now
        func scanWhole(_ reason: String) async throws -> GapScanResult {
            var result = try await whole.scan(stream, range: range, partition: partition, on: session)
            result.account.changes = .scannedWhole(reason)
            return result
        }
        if let problem = ChangeTracking.problem(with: stream) { return try await scanWhole(problem) }
        guard stream.table.privileges.canSelect else { return try await scanWhole("this role may not read the table") }
        let rights = try await session.query(try Statements.trackingReadable.bound()).only()
        guard try rights.getIfPresent("readable", as: Bool.self) == true else {
            return try await scanWhole(
                try rights.get("installed", as: Bool.self)
                    ? "this role may not read lacuna.tracking, summary and change"
                    : "the lacuna schema is older than this program: run `lacuna init`")
        }
        // From here on no partition can be taken away; one that is attached is noticed afterwards.
        try await session.query(try Statements.lockTrackedTable.bound(identifiers: stream.identifiers))
        let state = try await TrackingState.load(stream, on: session)
        if let problem = state.problem { return try await scanWhole(problem) }
        var result: GapScanResult
        var changeCount = 0
        if let objection = state.objection(to: state.summary, range: range) {
            result = try await scanWhole(objection)
        } else if let summary = state.summary {
            let changes = try await RecordedChanges.load(
                of: stream, id: state.id, since: summary, range: range, partition: partition, on: session)
            changeCount = changes.rowCount
            switch try await apply(changes, to: summary, stream, state.id, range, partition, on: session) {
            case .found(let found):
                result = found
                result.account.duration = clock.now - start
            case .costsTooMuch(let reason): result = try await scanWhole(reason)
            }
        } else {
            return try await scanWhole("there is no summary yet")
        }
        let isWhole = result.account.changes?.isWhole ?? true
        guard isWhole || changeCount > 0, partition == nil, let snapshot = state.snapshot,
            try rights.get("writable", as: Bool.self),
            state.isSettled, try await TrackingState.load(stream, on: session).isSettled
        else { return result }
        result.summary = PendingSummary(
            id: state.id, generation: state.generation, snapshot: snapshot, fingerprint: state.fingerprint,
            changeCount: changeCount, isWhole: isWhole)
        return result
    }

    private enum Application {
        case found(GapScanResult)
        /// A whole scan costs less, and why.
        case costsTooMuch(String)
    }

    /// The summary with the changed units read again.
    private func apply(
        _ changes: RecordedChanges, to summary: TrackingState.Summary, _ stream: ResolvedStream, _ id: Int,
        _ range: Range<Int64>, _ partition: Partition?, on session: isolated Session
    ) async throws -> Application {
        guard !changes.touchesEverything else {
            return .costsTooMuch("all of it may have changed since \(summary.since)")
        }
        var (partitions, largestKey) = try await summarized(id, range, partition, on: session)
        var lost: [Partition: UnitSet] = [:]
        let units = changes.units.values.reduce(UInt64(0)) { $0.adding(saturating: $1.count) }
        if units > 0 {
            let present = partitions.values.reduce(UInt64(0)) { $0.adding(saturating: $1.count) }
            let chunks = changes.units.values.reduce(0) { $0 + $1.ranges.count }
            let statistics = try await ScanStatistics.load(
                stream.table, partitionColumns: stream.definition.partitions.columns,
                keyColumn: stream.definition.keyColumn, on: session)
            if !statistics.isIndexed, present > UInt64(ScanChoice.smallTable) {
                return .costsTooMuch("no index begins with the partition columns and the key")
            }
            let rows = max(statistics.rows ?? 0, Double(present))
            if units > present / 2 + 10_000 || Double(chunks) * ScanChoice.rowsPerProbe > rows + ScanChoice.smallTable {
                return .costsTooMuch("much of it has changed since \(summary.since)")
            }
            let found = try await changes.scan(stream, range: range, partition: partition, on: session)
            for (each, changed) in changes.units {
                let before = (partitions[each] ?? PresentUnits()).missing(in: range)
                let missing = before.subtracting(changed).union(found[each] ?? UnitSet())
                let gone = (found[each] ?? UnitSet()).subtracting(before)
                if !gone.isEmpty { lost[each] = gone }
                partitions[each] = PresentUnits(range, missing: missing)
            }
        }
        // As any scan has it: a partition without rows in the range is not there.
        partitions = partitions.filter { largestKey.contains($0.key) || !$0.value.hull.isEmpty }
        largestKey.formIntersection(partitions.keys)
        var result = GapScanResult(range: range, present: partitions, largestKey: largestKey)
        result.lost = lost
        result.account.changes = .readAgain(units: units, since: summary.since)
        return .found(result)
    }

    private func summarized(
        _ id: Int, _ range: Range<Int64>, _ only: Partition?, on session: isolated Session
    ) async throws -> (partitions: [Partition: PresentUnits], largestKey: Set<Partition>) {
        var partitions: [Partition: [Range<Int64>]] = [:]
        var largestKey: Set<Partition> = []
        let statement = try Statements.selectSummary.bound(values: [
            "id": String(id), "lower": String(range.lowerBound), "upper": String(range.upperBound),
        ])
        try await session.forEachRow(statement) { row in
            guard let partition = try row.getIfPresent(at: 0, as: TextArray.self)?.partition,
                only == nil || only == partition
            else { return }
            if try row.getIfPresent(at: 1, as: Bool.self) == true, range.upperBound == .max {
                largestKey.insert(partition)
            }
            guard let lower = try row.getIfPresent(at: 2, as: Int64.self),
                let upper = try row.getIfPresent(at: 3, as: Int64.self)
            else {
                partitions[partition, default: []] += []
                return
            }
            partitions[partition, default: []].append(lower..<upper)
        }
        return (partitions.mapValues { PresentUnits(range, missing: UnitSet($0)) }, largestKey)
    }
}
