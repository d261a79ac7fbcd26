import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The partitions of a table with the first and last unit of each, and the statements that look between them.
struct MeasuredTable: Sendable {
    /// A partition that has a row in the range.
    struct MeasuredPartition: Sendable {
        let partition: Partition
        /// From the first unit to the last; empty if only the key 2^63−1 has a row.
        let hull: Range<Int64>
        let hasLargestKey: Bool
    }

    /// A part of a partition's hull.
    struct Chunk: Sendable {
        /// The index in ``partitions``.
        let partitionIndex: Int
        let units: Range<Int64>
    }

    /// The most units that are looked at one by one.
    static let mostUnits: UInt64 = 1 << 32

    let stream: ResolvedStream
    let range: Range<Int64>
    /// The only partition that was asked for; nil: all.
    let only: Partition?
    let partitions: [MeasuredPartition]
    /// When a scan that walks an index chunk by chunk has taken too long; nil: never.
    var limit: ContinuousClock.Instant?

    /// The units of all hulls.
    var spannedUnits: UInt64 {
        partitions.reduce(0) { sum, each in
            let (total, overflows) = sum.addingReportingOverflow(each.hull.unitCount)
            return overflows ? .max : total
        }
    }

    /// Measures the table: two steps down the index for each partition.
    ///
    /// - Throws: ``PostgresError``.
    static func measure(
        _ stream: ResolvedStream, range: Range<Int64>, partition only: Partition?, on session: isolated Session
    ) async throws -> MeasuredTable {
        let table = MeasuredTable(stream: stream, range: range, only: only, partitions: [])
        let key = try SQLFragment(identifier: stream.definition.keyColumn)
        let reachesLargest = range.upperBound == .max
        var fragments = [
            "first": try stream.key.aggregated(by: "min").unit, "last": try stream.key.aggregated(by: "max").unit,
            "largest": SQLFragment(trusted: reachesLargest ? "\(key) = \(Int64.max)" : "false"),
            "in_range": try stream.key.inRange(),
        ]
        let template: StatementTemplate
        if table.walksPartitions {
            let this = try stream.definition.partitions.columns.map {
                try SQLFragment(identifier: "lacuna_this", $0).description
            }
            let equal = try zip(stream.definition.partitions.columns, this).map {
                "\(try SQLFragment(identifier: $0)) = \($1)"
            }
            fragments["partition_columns"] = try stream.partitionColumns
            fragments["this_partition"] = SQLFragment(trusted: this.joined(separator: ", "))
            fragments["partition_values"] = try stream.partitionValues
            fragments["in_partition"] = SQLFragment(trusted: equal.joined(separator: " AND "))
            template = Statements.measurePartitions
        } else {
            fragments["in_partition"] = try stream.inPartition(only ?? .whole)
            template = Statements.measurePartition
        }
        let statement = try template.bound(
            identifiers: stream.identifiers, fragments: fragments,
            values: ["lower": String(range.lowerBound), "upper": String(range.upperBound)])
        var partitions: [MeasuredPartition] = []
        let whole = only ?? .whole
        let walksPartitions = table.walksPartitions
        try await session.forEachRow(statement) { row in
            let found = walksPartitions ? try row.get("partition_values", as: TextArray.self).partition : whole
            guard let found else { return }
            let hasLargestKey: Bool = try row.get("has_largest")
            let first: Int64? = try row.getIfPresent("first")
            let last: Int64? = try row.getIfPresent("last")
            if let first, let last {
                partitions.append(
                    MeasuredPartition(partition: found, hull: first..<last + 1, hasLargestKey: hasLargestKey))
            } else if hasLargestKey {
                partitions.append(
                    MeasuredPartition(partition: found, hull: range.lowerBound..<range.lowerBound, hasLargestKey: true))
            }
        }
        return MeasuredTable(stream: stream, range: range, only: only, partitions: partitions)
    }

    /// Whether partitions are found in the table: there are some, and not one alone was asked for.
    var walksPartitions: Bool {
        only == nil && !stream.definition.partitions.columns.isEmpty
    }

    /// Why a way takes too much on this table; nil if it does not.
    func problem(with strategy: ScanStrategy) -> String? {
        switch strategy {
        case .probe where spannedUnits > MeasuredTable.mostUnits,
            .segments where spannedUnits > MeasuredTable.mostUnits:
            "\(spannedUnits) units lie between its first and last rows, and all would be asked for; it takes at most "
                + "\(MeasuredTable.mostUnits). Take skip or window"
        case .bits where !fitsBits:
            "\(spannedUnits) units lie between its first and last rows, in \(partitions.count) partitions, and a bit for each "
                + "takes too much memory. Take window"
        default: nil
        }
    }

    /// The hulls of all partitions.
    var hulls: [Chunk] {
        partitions.indices.map { Chunk(partitionIndex: $0, units: partitions[$0].hull) }
    }

    /// Chunks, cut into such of at most `size` units.
    func cut(_ chunks: [Chunk], to size: Int64) -> [Chunk] {
        var parts: [Chunk] = []
        for chunk in chunks {
            var lower = chunk.units.lowerBound
            while lower < chunk.units.upperBound {
                let isLast = (lower..<chunk.units.upperBound).unitCount <= UInt64(size)
                let upper = isLast ? chunk.units.upperBound : lower + size
                parts.append(Chunk(partitionIndex: chunk.partitionIndex, units: lower..<upper))
                lower = upper
            }
        }
        return parts
    }

    /// A statement over `lacuna_chunk`.
    ///
    /// - Parameters:
    ///   - fragments: what the statement takes besides chunks, `in_partition` and `unit`.
    func statement(
        _ template: StatementTemplate, over chunks: ArraySlice<Chunk>,
        _ fragments: [String: SQLFragment]
    ) throws -> BoundStatement {
        var arrays = [":'lower'::bigint[]", ":'upper'::bigint[]"]
        var columns = ["lacuna_lower", "lacuna_upper"]
        var values = [
            "lower": array(chunks) { String($0.units.lowerBound) },
            "upper": array(chunks) { String($0.units.upperBound) },
        ]
        var inPartition = try stream.inPartition(only ?? .whole).description
        if walksPartitions {
            let columnNames = stream.definition.partitions.columns
            inPartition = try columnNames.indices.map { index in
                let column = try SQLFragment(identifier: columnNames[index])
                return "\(column) = lacuna_chunk.lacuna_partition_\(index)::\(partitionType(columnNames[index]))"
            }.joined(separator: " AND ")
            for index in columnNames.indices {
                arrays.append(":'partition_\(index)'::text[]")
                columns.append("lacuna_partition_\(index)")
                values["partition_\(index)"] = TextArray.literal(
                    chunks.lazy.map { partitions[$0.partitionIndex].partition.values[index] })
            }
        }
        let unnested = arrays.map { "pg_catalog.unnest(\($0))" }.joined(separator: ", ")
        let source =
            "ROWS FROM (\(unnested)) WITH ORDINALITY AS lacuna_chunk (\((columns + ["lacuna_number"]).joined(separator: ", ")))"
        return try template.bound(
            identifiers: stream.identifiers,
            fragments: fragments.merging([
                "chunks": SQLFragment(trusted: source), "in_partition": SQLFragment(trusted: inPartition),
                "unit": try stream.key.unit, "key": try SQLFragment(identifier: stream.definition.keyColumn),
            ]) { $1 },
            values: values.mapValues(Optional.some))
    }

    /// What a partition's text is read as. The types are those that `describe_scan.sql` calls plain.
    private func partitionType(_ column: String) -> String {
        let type = stream.table.column(column)?.baseType ?? "text"
        return type == "character varying" ? "text" : type
    }

    private func array(_ chunks: ArraySlice<Chunk>, _ text: (Chunk) -> String) -> String {
        "{\(chunks.map(text).joined(separator: ","))}"
    }

    /// No missing ranges, partition by partition.
    var noGaps: [[Range<Int64>]] { [[Range<Int64>]](repeating: [], count: partitions.count) }

    /// The answer, once it is known what is missing in the hulls.
    ///
    /// - Parameter gaps: of each partition, in any order. They are moved from here: there may be millions.
    func result(_ gaps: inout [[Range<Int64>]]) -> GapScanResult {
        var present: [Partition: PresentUnits] = [:]
        var largestKey: Set<Partition> = []
        present.reserveCapacity(partitions.count)
        for (index, measured) in partitions.enumerated() {
            var holes: [Range<Int64>] = []
            swap(&holes, &gaps[index])
            present[measured.partition] = PresentUnits(hull: measured.hull, holes: UnitSet(holes))
            if measured.hasLargestKey { largestKey.insert(measured.partition) }
        }
        return GapScanResult(range: range, present: present, largestKey: largestKey)
    }
}
