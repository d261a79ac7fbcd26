import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The scan of a table that lies in shards: each shard sums its own rows up into a bit for each unit, and the words of all shards
/// are joined (`sql/statements/group_shard_units.sql`).
package struct ShardGapScan: GapScan {
    /// A scan.
    package init() {}

    /// Scans `range` of the stream's table.
    ///
    /// - Throws: ``PostgresError``.
    package func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult {
        guard !range.isEmpty else { return GapScanResult(range: range, present: [:]) }
        let statement = try Statements.groupShardUnits.bound(
            identifiers: stream.identifiers,
            fragments: [
                "partition_values": try stream.partitionValues,
                "in_partition": try stream.inPartition(partition ?? .whole),
                "in_range": try stream.key.inRange(includesLargestKey: range.upperBound == .max),
                "unit": try stream.key.unit,
            ],
            values: ["lower": String(range.lowerBound), "upper": String(range.upperBound)])
        var words = OrderedWords(range: range)
        try await session.forEachRow(statement) { row in
            guard let partition = try row.getIfPresent(at: 0, as: TextArray.self)?.partition,
                let word = try row.getIfPresent(at: 1, as: Int64.self),
                let bits = try row.getIfPresent(at: 2, as: Int64.self)
            else { return }
            words.take(partition, word, bits)
        }
        var result = words.result()
        result.account = ScanAccount(
            strategy: .bits,
            reason: "\(stream.table.spread.description ?? "the rows lie in shards"), and each shard sums up its own")
        return result
    }
}

/// Words of 64 units that come partition by partition, in order.
struct OrderedWords {
    private let range: Range<Int64>
    private var partition: Partition?
    /// The last word of the partition, and the one before it.
    private var last: (word: Int64, bits: Int64)?
    private var before: Int64?
    private var gaps: [Range<Int64>] = []
    private var present: [Partition: PresentUnits] = [:]
    private var largestKey: Set<Partition> = []

    init(range: Range<Int64>) {
        self.range = range
    }

    /// Takes the next word.
    mutating func take(_ partition: Partition, _ word: Int64, _ bits: Int64) {
        if partition != self.partition { finish() }
        self.partition = partition
        close(followedBy: word)
        last = (word, bits)
        if range.upperBound == .max, word == Int64.max >> 6, bits < 0 { largestKey.insert(partition) }
    }

    private mutating func close(followedBy next: Int64?) {
        guard let last else { return }
        UnitWord.forEachGap(of: last.word, last.bits, units: range, neighbours: (before, next)) { gaps.append($0) }
        before = last.word
        self.last = nil
    }

    private mutating func finish() {
        close(followedBy: nil)
        if let partition { present[partition] = PresentUnits(range, missing: UnitSet(gaps)) }
        (partition, before) = (nil, nil)
        gaps = []
    }

    /// What they say.
    consuming func result() -> GapScanResult {
        finish()
        return GapScanResult(range: range, present: present, largestKey: largestKey)
    }
}
