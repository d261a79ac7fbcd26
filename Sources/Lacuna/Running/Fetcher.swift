import LacunaModel
import LacunaRecords
import Postgres

/// Asks a source for windows, whole.
struct Fetcher: Sendable {
    let stream: ResolvedStream
    let source: any Source
    /// Whether records outside of a window are passed over, whatever the source says: what is asked for may be a part of what it
    /// gives at once.
    var skipsStrays = false
    /// How much of an answer is kept in memory before it goes to a file.
    var spoolMemoryLimit = 2 << 20

    /// Fetches one batch's records and checks each against the request.
    ///
    /// - Throws: ``SourceError``, ``RecordError``, ``SpoolError``; `CancellationError`.
    func fetch(_ batch: PlannedBatch) async throws -> (SpooledRecords, FetchSummary) {
        try await fetch(
            batch, window: batch.request, units: batch.units, stray: skipsStrays ? .skip : source.strayRecords)
    }

    /// Asks for an edge of a batch's answer alone.
    ///
    /// A source that answers with whole months, say, whatever part of one it is asked for, gives records outside of the edge.
    ///
    /// - Throws: as ``fetch(_:)``.
    func fetchAgain(_ edge: EdgeDoubt, of batch: PlannedBatch) async throws -> (SpooledRecords, FetchSummary) {
        try await fetch(batch, window: edge.range, units: edge.units, stray: .skip)
    }

    private func fetch(
        _ batch: PlannedBatch, window: Range<Int64>, units: UnitSet, stray: StrayRecordPolicy
    ) async throws -> (SpooledRecords, FetchSummary) {
        let definition = stream.definition
        let fields = zip(definition.partitions.columns, batch.partition.values).map { column, value in
            PartitionField(field: definition.field(of: column), value: value)
        }
        var keyType = definition.keyType
        if case .text(let keys) = keyType { keyType = .text(keys.only(units)) }
        let sink = RecordSink(
            layout: RecordLayout(
                keyField: definition.field(of: definition.keyColumn), keyType: keyType,
                window: window, partition: fields, stray: stray, spoolMemoryLimit: spoolMemoryLimit))
        let keys = definition.keyType.isOrdered ? [] : units.ranges.flatMap { $0.map(definition.keyType.text) }
        let request = FetchRequest(stream: definition, partition: batch.partition, window: window, keys: keys)
        requireNoTransaction()
        let summary = try await source.fetch(request, into: sink)
        return (try sink.finish(), summary)
    }

    /// The ends (exclusive) of what the source has now: an empty answer says nothing of units that it does not have yet.
    ///
    /// - Parameters:
    ///   - partitions: whose.
    ///   - knownTips: the tips that were asked for already.
    ///   - onEvent: told of each wait before the source is asked again.
    /// - Returns: none for a partition whose source has no way to tell; the smallest number if it has nothing, or if it
    ///   could not be asked, so that nothing is attested.
    func attestationEnds(
        of partitions: Set<Partition>, knownTips: [Partition: Int64], _ onEvent: @Sendable (RunEvent) -> Void
    ) async -> [Partition: Int64] {
        var ends: [Partition: Int64] = [:]
        guard stream.definition.keyType.isOrdered else { return ends }
        for partition in partitions {
            if let tip = knownTips[partition] {
                ends[partition] = tip.adding(saturating: 1)
                continue
            }
            do {
                let tip = try await tip(of: partition, onEvent)
                ends[partition] = tip.map { $0.adding(saturating: 1) } ?? .min
            } catch let error as SourceError where error.kind == .unavailable {
                continue
            } catch {
                ends[partition] = .min
            }
        }
        return ends
    }

    /// The newest unit of a partition that the source has, asked for again as the stream's `retry` says; nil if it has none.
    ///
    /// - Parameter onEvent: told of each wait.
    /// - Throws: ``SourceError``; `CancellationError`.
    func tip(of partition: Partition, _ onEvent: @Sendable (RunEvent) -> Void) async throws -> Int64? {
        try await stream.definition.retry.run(
            mayPass: BatchFault.mayPass,
            onRetry: { error, wait in
                let message = "the tip could not be asked for: \(error.message)"
                onEvent(.retrying(window: 0..<0, partition: partition, message: message, wait: wait))
            },
            { _ in try await tip(of: partition) })
    }

    /// The newest unit of a partition that the source has; nil if it has none.
    ///
    /// - Throws: ``SourceError``, also if the tip is not a key of the stream.
    func tip(of partition: Partition) async throws -> Int64? {
        let request = TipRequest(stream: stream.definition, partition: partition)
        requireNoTransaction()
        guard let text = try await source.tip(request) else { return nil }
        do {
            return try stream.definition.keyType.ordinal(of: text)
        } catch {
            throw SourceError(.permanent, "the source's tip is no key: \(error)")
        }
    }

    /// A transaction holds locks, and a source may take hours to answer.
    private func requireNoTransaction() {
        precondition(!TransactionScope.isOpen, "no transaction waits for a source")
    }
}
