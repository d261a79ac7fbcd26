import Postgres
import SQLStatements

/// What is missing between two units of a table, lane by lane.
public struct GapScanResult: Sendable, Hashable {
    /// The range that was asked for.
    public let range: Range<Int64>
    /// The missing units of every lane that has a row in the range. A lane that is not here has none.
    public let missing: [Partition: UnitSet]
    /// The lanes that have a row with the key 2^63−1, which no range of units holds.
    public var largestKey: Set<Partition> = []
    /// How it was found out.
    public var account = ScanAccount(strategy: .window, reason: "")
    /// What may be kept of it for the next scan.
    var summary: PendingSummary?

    /// The missing units of a lane: all of them where it has no row.
    public func missing(in partition: Partition) -> UnitSet {
        missing[partition] ?? UnitSet(range)
    }

    /// The units that have rows.
    public func present(in partition: Partition) -> UnitSet {
        UnitSet(range).subtracting(missing(in: partition))
    }
}

/// A way to find the missing units of a table. All ways give the same answer; they differ in cost.
public protocol GapScan: Sendable {
    /// Scans `range` of the stream's table, in one lane or in all of them at once.
    ///
    /// - Throws: ``PostgresError``.
    func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult
}

/// The canonical scan: a window function over the distinct units (`sql/statements/find_gaps.sql`).
public struct WindowGapScan: GapScan {
    /// Whether no two rows have the same unit in a partition, so that none need be dropped.
    let unitsAreUnique: Bool

    /// The scan, which takes rows of any kind.
    public init() {
        self.init(unitsAreUnique: false)
    }

    init(unitsAreUnique: Bool) {
        self.unitsAreUnique = unitsAreUnique
    }

    /// Scans `range` of the stream's table.
    ///
    /// - Throws: ``PostgresError``.
    public func scan(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> GapScanResult {
        guard !range.isEmpty else { return GapScanResult(range: range, missing: [:]) }
        var lanes = LaneGaps()
        try await session.forEachRow(try statement(stream, range: range, partition: partition)) { try lanes.take($0) }
        return lanes.result(range: range)
    }

    /// The statement, for callers that send it together with others. A window of n units has at most n rows to answer.
    func statement(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?
    ) throws -> BoundStatement {
        var inRange = try stream.key.inRange(includesLargestKey: range.upperBound == .max).description
        if let partition, !partition.values.isEmpty { inRange += " AND \(try stream.inPartition(partition))" }
        return try Statements.findGaps.bound(
            identifiers: stream.identifiers,
            fragments: [
                "lane_columns": try stream.laneColumns, "lane": try stream.lane, "unit": try stream.key.unit,
                "in_range": SQLFragment(trusted: inRange),
                "distinct": SQLFragment(trusted: unitsAreUnique ? "" : "DISTINCT"),
            ],
            values: ["lower": String(range.lowerBound), "upper": String(range.upperBound)])
    }

    /// What the statement answered.
    func result(of rows: Rows, range: Range<Int64>) throws -> GapScanResult {
        var lanes = LaneGaps()
        for row in rows { try lanes.take(row) }
        return lanes.result(range: range)
    }
}

/// Gathers the rows of `find_gaps.sql`.
private struct LaneGaps {
    private var lanes: [Partition: [Range<Int64>]] = [:]
    private var largestKey: Set<Partition> = []

    mutating func take(_ row: Row) throws {
        guard let lane = try row.getIfPresent(at: 0, as: TextArray.self)?.partition,
            let upper = try row.getIfPresent(at: 2, as: Int64.self)
        else { return }
        guard let lower = try row.getIfPresent(at: 1, as: Int64.self) else {
            largestKey.insert(lane)
            return
        }
        lanes[lane, default: []].append(lower..<upper)
    }

    func result(range: Range<Int64>) -> GapScanResult {
        GapScanResult(range: range, missing: lanes.mapValues { UnitSet($0) }, largestKey: largestKey)
    }
}

extension TextArray {
    /// The partition with these values; nil where one of them is NULL, which no declared partition has.
    var partition: Partition? {
        let values = elements.compactMap(\.self)
        return values.count == elements.count ? Partition(values) : nil
    }
}
