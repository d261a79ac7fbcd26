import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The partitions of a table with the first and last unit of each, and the statements that look between them.
struct MeasuredTable: Sendable {
    /// A partition that has a row in the range.
    struct Lane: Sendable {
        let partition: Partition
        /// From the first unit to the last; empty where only the key 2^63−1 has a row.
        let hull: Range<Int64>
        let hasLargestKey: Bool
    }

    /// A part of a partition's hull.
    struct Piece: Sendable {
        let lane: Int
        let units: Range<Int64>
    }

    /// The most units that are looked at one by one.
    static let mostUnits: UInt64 = 1 << 32

    let stream: ResolvedStream
    let range: Range<Int64>
    /// The only partition that was asked for; nil: all.
    let partition: Partition?
    let lanes: [Lane]
    /// When a scan that walks an index piece by piece has taken too long; nil: never.
    var limit: ContinuousClock.Instant?

    /// The units of all hulls.
    var spannedUnits: UInt64 {
        lanes.reduce(0) { sum, lane in
            let (total, overflows) = sum.addingReportingOverflow(lane.hull.unitCount)
            return overflows ? .max : total
        }
    }

    /// Measures the table: two steps down the index for each partition.
    ///
    /// - Throws: ``PostgresError``.
    static func measure(
        _ stream: ResolvedStream, range: Range<Int64>, partition: Partition?, on session: isolated Session
    ) async throws -> MeasuredTable {
        let table = MeasuredTable(stream: stream, range: range, partition: partition, lanes: [])
        let key = try SQLFragment(identifier: stream.definition.keyColumn)
        let reachesLargest = range.upperBound == .max
        var fragments = [
            "first": try stream.key.aggregated(by: "min").unit, "last": try stream.key.aggregated(by: "max").unit,
            "largest": SQLFragment(trusted: reachesLargest ? "\(key) = \(Int64.max)" : "false"),
            "in_range": try stream.key.inRange(),
        ]
        let template: StatementTemplate
        if table.walksLanes {
            let this = try stream.definition.partitions.columns.map {
                try SQLFragment(identifier: "lacuna_this", $0).description
            }
            let equal = try zip(stream.definition.partitions.columns, this).map {
                "\(try SQLFragment(identifier: $0)) = \($1)"
            }
            fragments["lane_columns"] = try stream.laneColumns
            fragments["this_lane"] = SQLFragment(trusted: this.joined(separator: ", "))
            fragments["lane"] = try stream.lane
            fragments["in_lane"] = SQLFragment(trusted: equal.joined(separator: " AND "))
            template = Statements.measureLanes
        } else {
            fragments["in_lane"] = try stream.inPartition(partition ?? .whole)
            template = Statements.measureLane
        }
        let statement = try template.bound(
            identifiers: stream.identifiers, fragments: fragments,
            values: ["lower": String(range.lowerBound), "upper": String(range.upperBound)])
        var lanes: [Lane] = []
        let only = partition ?? .whole
        let walksLanes = table.walksLanes
        try await session.forEachRow(statement) { row in
            let found = walksLanes ? try row.get("lane", as: TextArray.self).partition : only
            guard let found else { return }
            let hasLargestKey: Bool = try row.get("has_largest")
            let first: Int64? = try row.getIfPresent("first")
            let last: Int64? = try row.getIfPresent("last")
            if let first, let last {
                lanes.append(Lane(partition: found, hull: first..<last + 1, hasLargestKey: hasLargestKey))
            } else if hasLargestKey {
                lanes.append(
                    Lane(partition: found, hull: range.lowerBound..<range.lowerBound, hasLargestKey: true))
            }
        }
        return MeasuredTable(stream: stream, range: range, partition: partition, lanes: lanes)
    }

    /// Whether partitions are found in the table: there are some, and not one alone was asked for.
    var walksLanes: Bool {
        partition == nil && !stream.definition.partitions.columns.isEmpty
    }

    /// Why a way takes too much on this table; nil where it does not.
    func problem(with strategy: ScanStrategy) -> String? {
        switch strategy {
        case .probe where spannedUnits > MeasuredTable.mostUnits,
            .segments where spannedUnits > MeasuredTable.mostUnits:
            "\(spannedUnits) units lie between its first and last rows, and all would be asked for; it takes at most "
                + "\(MeasuredTable.mostUnits). Take skip or window"
        case .bits where !fitsBits:
            "\(spannedUnits) units lie between its first and last rows, in \(lanes.count) partitions, and a bit for each "
                + "takes too much memory. Take window"
        default: nil
        }
    }

    /// The hulls of all partitions.
    var hulls: [Piece] {
        lanes.indices.map { Piece(lane: $0, units: lanes[$0].hull) }
    }

    /// Pieces, cut into such of at most `size` units.
    func cut(_ pieces: [Piece], to size: Int64) -> [Piece] {
        var parts: [Piece] = []
        for piece in pieces {
            var lower = piece.units.lowerBound
            while lower < piece.units.upperBound {
                let isLast = (lower..<piece.units.upperBound).unitCount <= UInt64(size)
                let upper = isLast ? piece.units.upperBound : lower + size
                parts.append(Piece(lane: piece.lane, units: lower..<upper))
                lower = upper
            }
        }
        return parts
    }

    /// A statement over `lacuna_piece`.
    ///
    /// - Parameters:
    ///   - fragments: what the statement takes besides pieces, `in_lane` and `unit`.
    func statement(
        _ template: StatementTemplate, over pieces: ArraySlice<Piece>,
        _ fragments: [String: SQLFragment]
    ) throws -> BoundStatement {
        var arrays = [":'lower'::bigint[]", ":'upper'::bigint[]"]
        var columns = ["lacuna_lower", "lacuna_upper"]
        var values = [
            "lower": array(pieces) { String($0.units.lowerBound) },
            "upper": array(pieces) { String($0.units.upperBound) },
        ]
        var inLane = try stream.inPartition(partition ?? .whole).description
        if walksLanes {
            let columnNames = stream.definition.partitions.columns
            inLane = try columnNames.indices.map { index in
                let column = try SQLFragment(identifier: columnNames[index])
                return "\(column) = lacuna_piece.lacuna_lane_\(index)::\(laneType(columnNames[index]))"
            }.joined(separator: " AND ")
            for index in columnNames.indices {
                arrays.append(":'lane_\(index)'::text[]")
                columns.append("lacuna_lane_\(index)")
                values["lane_\(index)"] = TextArray.literal(pieces.lazy.map { lanes[$0.lane].partition.values[index] })
            }
        }
        let unnested = arrays.map { "pg_catalog.unnest(\($0))" }.joined(separator: ", ")
        let source =
            "ROWS FROM (\(unnested)) WITH ORDINALITY AS lacuna_piece (\((columns + ["lacuna_number"]).joined(separator: ", ")))"
        return try template.bound(
            identifiers: stream.identifiers,
            fragments: fragments.merging([
                "pieces": SQLFragment(trusted: source), "in_lane": SQLFragment(trusted: inLane),
                "unit": try stream.key.unit, "key": try SQLFragment(identifier: stream.definition.keyColumn),
            ]) { $1 },
            values: values.mapValues(Optional.some))
    }

    /// What a partition's text is read as. The types are those that `describe_scan.sql` calls plain.
    private func laneType(_ column: String) -> String {
        let type = stream.table.column(column)?.baseType ?? "text"
        return type == "character varying" ? "text" : type
    }

    private func array(_ pieces: ArraySlice<Piece>, _ text: (Piece) -> String) -> String {
        "{\(pieces.map(text).joined(separator: ","))}"
    }

    /// No missing ranges, lane by lane.
    var noGaps: [[Range<Int64>]] { [[Range<Int64>]](repeating: [], count: lanes.count) }

    /// The answer, once it is known what is missing in the hulls.
    ///
    /// - Parameter gaps: of each lane, in any order. They are moved from here: there may be millions.
    func result(_ gaps: inout [[Range<Int64>]]) -> GapScanResult {
        var present: [Partition: PresentUnits] = [:]
        var largestKey: Set<Partition> = []
        present.reserveCapacity(lanes.count)
        for (index, lane) in lanes.enumerated() {
            var holes: [Range<Int64>] = []
            swap(&holes, &gaps[index])
            present[lane.partition] = PresentUnits(hull: lane.hull, holes: UnitSet(holes))
            if lane.hasLargestKey { largestKey.insert(lane.partition) }
        }
        return GapScanResult(range: range, present: present, largestKey: largestKey)
    }
}
