import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Scans in the way that costs least by the table's statistics, or in a way that was asked for.
///
/// Without statistics, and outside a snapshot, it is the window scan: a statement of its own is a snapshot of its own,
/// and the other ways take several.
package struct ChosenGapScan: GapScan {
    /// The way to scan; nil: the best one.
    package var strategy: ScanStrategy?
    /// How long a way may take in place of the time that ``ScanChoice`` lets it have; nil: that time.
    package var longestTime: Duration?

    /// A scan.
    package init(_ strategy: ScanStrategy? = nil) {
        self.strategy = strategy
    }

    /// Scans `range` of the stream's table.
    ///
    /// - Throws: ``StreamError/invalid(_:)`` if the way that was asked for does not work on the table;
    ///   ``PostgresError``.
    package func scan(
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
        if session.transactionMode != nil, !range.isEmpty, let spread = stream.table.spread.description {
            guard strategy == nil || strategy == .bits else {
                throw StreamError.invalid(
                    "table \(stream.table.name) cannot be scanned by \(strategy?.rawValue ?? ""): \(spread). Take bits or window"
                )
            }
            do {
                return try await session.withDiscardedSavepoint { session in
                    try await ShardGapScan().scan(stream, range: range, partition: partition, on: session)
                }
            } catch PostgresError.server(let error) where error.sqlState.conditionClass == "0A" {
                return try await window("\(spread), and Citus does not sum its units up: \(error.message)")
            }
        }
        guard session.transactionMode == .snapshot, !range.isEmpty else {
            return try await window("the scan is one statement of a transaction that writes")
        }
        if strategy == nil, let mostRows = try await ScanStatistics.mostRows(of: stream.table, on: session),
            mostRows < ScanChoice.smallTable
        {
            return try await window("the table is small")
        }
        let statistics = try await ScanStatistics.load(
            stream.table, partitionColumns: stream.definition.partitions.columns,
            keyColumn: stream.definition.keyColumn, on: session)
        let partitions = stream.definition.partitions
        let choice = ScanChoice(
            statistics, key: stream.key, declared: partitions.declared?.count,
            readsPartitions: partition == nil && !partitions.columns.isEmpty)
        if let strategy, let problem = choice.problem(with: strategy) {
            throw StreamError.invalid(
                "table \(stream.table.name) cannot be scanned by \(strategy.rawValue): \(problem)")
        }
        if strategy == nil, let reason = choice.reasonForWindow {
            return try await window(reason, isUnique: choice.unitsAreUnique, rows: statistics.rows)
        }
        do {
            let table = try await session.walkingIndexes { session in
                try await MeasuredTable.measure(stream, range: range, partition: partition, on: session)
            }
            switch try await scan(table, choice, on: session) {
            case .complete(let result): return result
            case .windowIsBest(let reason):
                return try await window(reason, isUnique: choice.unitsAreUnique, rows: statistics.rows)
            }
        } catch PostgresError.server(let error) where error.sqlState.conditionClass == "0A" {
            return try await window("the server does not support a faster scan of this table: \(error.message)")
        }
    }

    /// What came of a measured table.
    private enum Outcome: Sendable {
        case complete(GapScanResult)
        /// The window scan is the best way, for this reason.
        case windowIsBest(String)
    }

    /// Scans a table that was measured.
    private func scan(
        _ measured: MeasuredTable, _ choice: ScanChoice, on session: isolated Session
    ) async throws -> Outcome {
        var table = measured
        let spanned = table.spannedUnits
        if let strategy, let problem = table.problem(with: strategy) {
            throw StreamError.invalid(
                "table \(table.stream.table.name) cannot be scanned by \(strategy.rawValue): \(problem)")
        }
        var decision =
            strategy.map { ScanChoice.Decision(strategy: $0, reason: "it was asked for") }
            ?? choice.decision(spannedUnits: spanned, measuredCount: table.partitions.count, fitsBits: table.fitsBits)
        guard decision.strategy != .window else { return .windowIsBest("the rows lie too far apart for anything else") }
        // A way that was asked for has all the time it takes.
        if strategy == nil, let most = choice.longestTime(of: decision.strategy, spannedUnits: spanned) {
            table.limit = .now + (longestTime ?? most)
        }
        var result: GapScanResult
        do {
            (result, decision) = try await scan(table, by: decision, choice, on: session)
        } catch is ScanTookTooLong {
            let reason = "\(decision.strategy.rawValue) took far longer than such a table lets expect, and was given up"
            guard table.fitsBits else { return .windowIsBest(reason) }
            decision = ScanChoice.Decision(strategy: .bits, reason: reason)
            (result, decision) = try await scan(table, by: decision, choice, on: session)
        }
        result.account = ScanAccount(
            strategy: decision.strategy, reason: decision.reason,
            rowEstimate: choice.statistics.rows.map { Int64($0) })
        result.account.spannedUnits = spanned
        return .complete(result)
    }

    /// Scans a table that was measured in a way that is not the window scan.
    ///
    /// - Returns: what was found, and the way that was taken in the end.
    /// - Throws: ``ScanTookTooLong`` at the table's limit; ``PostgresError``.
    private func scan(
        _ table: MeasuredTable, by decision: ScanChoice.Decision, _ choice: ScanChoice, on session: isolated Session
    ) async throws -> (GapScanResult, ScanChoice.Decision) {
        let spanned = table.spannedUnits
        let sequentially = choice.readsSequentially(spannedUnits: spanned)
        func readers(from units: UInt64) async throws -> ParallelReaders {
            guard spanned >= units else { return .alone }
            return try await ParallelReaders.assemble(helpers: min(choice.statistics.workers, 3), on: session)
        }
        switch decision.strategy {
        case .window, .bits: return (try await table.readBits(sequentially: sequentially, on: session), decision)
        case .skip: return (try await session.walkingIndexes { try await table.skipUnits(on: $0) }, decision)
        case .probe:
            let readers = try await readers(from: ParallelReaders.unitsWorthProbing)
            let next = choice.statistics.nextColumn
            let result = try await session.walkingIndexes {
                try await table.probeUnits(nextColumn: next, with: readers, on: $0)
            }
            return (result, decision)
        case .segments:
            let readers = try await readers(from: ParallelReaders.unitsWorthReading)
            let opensAll = strategy != nil || !table.fitsBits
            let scan = try await session.walkingIndexes {
                try await table.openShortSegments(opensAll: opensAll, with: readers, on: $0)
            }
            if case .complete(let complete) = scan { return (complete, decision) }
            let reason = "too many segments of the units fell short"
            return (
                try await table.readBits(sequentially: sequentially, on: session),
                ScanChoice.Decision(strategy: .bits, reason: reason)
            )
        }
    }
}

extension Session {
    /// Runs `body` with the settings for statements that walk an index chunk by chunk.
    func walkingIndexes<Value: Sendable>(
        _ body: @Sendable (isolated Session) async throws -> Value
    ) async throws -> Value {
        try await withDiscardedSavepoint { session in
            try await session.query(try Statements.setScanParameters.bound())
            return try await body(session)
        }
    }
}
