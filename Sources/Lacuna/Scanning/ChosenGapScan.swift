import Postgres
import SQLStatements

/// Scans in the way that costs least by the table's statistics, or in a way that was asked for.
///
/// Without statistics, and outside a snapshot, it is the window scan: a statement of its own is a snapshot of its own,
/// and the other ways take several.
public struct ChosenGapScan: GapScan {
    /// The way to scan; nil: the best one.
    public var strategy: ScanStrategy?

    /// A scan.
    public init(_ strategy: ScanStrategy? = nil) {
        self.strategy = strategy
    }

    /// Scans `range` of the stream's table.
    ///
    /// - Throws: ``StreamError/invalid(_:)`` where the way that was asked for does not work on the table;
    ///   ``PostgresError``.
    public func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult {
        let clock = ContinuousClock()
        let start = clock.now
        var result = try await run(stream, range: range, partition: partition, on: session)
        result.account.duration = clock.now - start
        return result
    }

    private func run(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult {
        func window(_ reason: String, isUnique: Bool = false, rows: Double? = nil) async throws -> GapScanResult {
            var result = try await WindowGapScan(unitsAreUnique: isUnique).scan(
                stream, range: range, partition: partition, on: session)
            result.account = ScanAccount(strategy: .window, reason: reason, rowEstimate: rows.map { Int64($0) })
            return result
        }
        guard strategy != .window else { return try await window("it was asked for") }
        guard session.transactionMode == .snapshot, !range.isEmpty else {
            return try await window("the scan is one statement of a transaction that writes")
        }
        let statistics = try await ScanStatistics.load(
            stream.table, partitionColumns: stream.definition.partitions.columns,
            keyColumn: stream.definition.keyColumn, on: session)
        let choice = ScanChoice(
            statistics, key: stream.key, partitionCount: partition == nil ? nil : 1,
            hasPartitions: !stream.definition.partitions.columns.isEmpty)
        if let strategy, let problem = choice.problem(with: strategy) {
            throw StreamError.invalid(
                "table \(stream.table.name) cannot be scanned by \(strategy.rawValue): \(problem)")
        }
        if strategy == nil, let reason = choice.reasonForWindow {
            return try await window(reason, isUnique: choice.unitsAreUnique, rows: statistics.rows)
        }
        do {
            let asked = strategy
            let fast = try await session.withDiscardedSavepoint { session -> GapScanResult? in
                try await session.query(try Statements.setScanParameters.bound())
                let table = try await MeasuredTable.measure(stream, range: range, partition: partition, on: session)
                let spanned = table.spannedUnits
                let decision =
                    asked.map { ScanChoice.Decision(strategy: $0, reason: "it was asked for") }
                    ?? choice.decision(spannedUnits: spanned)
                var result: GapScanResult
                switch decision.strategy {
                case .window: return nil
                case .segments: result = try await table.countSegments(on: session)
                case .skip: result = try await table.skipUnits(on: session)
                case .probe:
                    let slices = spanned < 20_000 ? 1 : min(2 * max(statistics.workers, 0) + 1, 8)
                    result = try await table.probeUnits(slices: slices, on: session)
                }
                result.account = ScanAccount(
                    strategy: decision.strategy, reason: decision.reason,
                    rowEstimate: statistics.rows.map { Int64($0) })
                result.account.spannedUnits = spanned
                return result
            }
            if let fast { return fast }
        } catch PostgresError.server(let error) where error.sqlState.conditionClass == "0A" {
            return try await window("the server does not support a faster scan of this table: \(error.message)")
        }
        return try await window(
            "the rows lie too far apart for anything else", isUnique: choice.unitsAreUnique, rows: statistics.rows)
    }
}
