import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The scan that reads a measured table in one pass, in whatever way and as many processes the server finds best, into a bit
/// for each unit (`sql/statements/group_units.sql`).
extension MeasuredTable {
    /// What passes have found: the missing ranges of each partition, in any order.
    private struct Findings {
        var gaps: [[Range<Int64>]]
        var isEmpty = true

        /// A word of 64 units, of which some have rows.
        ///
        /// - Parameters:
        ///   - units: what of its partition was looked at.
        ///   - neighbours: the words with rows next to it, of those that were looked at.
        mutating func add(
            _ word: Int64, _ bits: Int64, partition: Int, units: Range<Int64>, neighbours: (Int64?, Int64?)
        ) {
            UnitWord.forEachGap(of: word, bits, units: units, neighbours: neighbours) { append($0, partition) }
        }

        private mutating func append(_ gap: Range<Int64>, _ partition: Int) {
            if let last = gaps[partition].last, last.upperBound == gap.lowerBound {
                gaps[partition][gaps[partition].count - 1] = last.lowerBound..<gap.upperBound
            } else {
                gaps[partition].append(gap)
            }
        }
    }

    /// The most units whose bits one statement holds, and of several partitions the most that are held at all.
    static let bitsOfStatement: Int64 = 131_072 << 6
    private static let bitsOfPartitions: UInt64 = 524_288 << 6

    /// Whether a bit for each unit fits in the server's memory, statement by statement.
    var fitsBits: Bool {
        partitions.count <= 1
            ? spannedUnits <= MeasuredTable.mostUnits
            : spannedUnits + UInt64(partitions.count) << 6 <= MeasuredTable.bitsOfPartitions
    }

    /// Reads all units into bits. Takes any number of rows per unit.
    func readBits(sequentially: Bool, on session: isolated Session) async throws -> GapScanResult {
        var gaps = noGaps
        // Several partitions are read at once: their keys are no ranges of one index.
        let hulls = partitions.count == 1 ? hulls.map(\.units) : [range]
        for hull in hulls {
            var lower = hull.lowerBound
            while lower < hull.upperBound {
                let end = lower.adding(saturating: MeasuredTable.bitsOfStatement)
                let upper = partitions.count == 1 && end < .max ? end & ~63 : .max
                let slice = lower..<min(upper, hull.upperBound)
                var findings = try await pass(over: slice, sequentially: sequentially, on: session)
                if findings.isEmpty, partitions.count == 1 { findings.gaps[0].append(slice) }
                if slice.lowerBound == hull.lowerBound {
                    swap(&gaps, &findings.gaps)
                } else {
                    gaps[0] += findings.gaps[0]
                }
                lower = slice.upperBound
            }
        }
        return result(&gaps)
    }

    private func pass(
        over slice: Range<Int64>, sequentially: Bool, on session: isolated Session
    ) async throws -> Findings {
        let none = Findings(gaps: noGaps)
        guard spannedUnits > 0 else { return none }
        let columns = walksPartitions ? stream.definition.partitions.columns : []
        let inSlice = [
            "in_partition": try stream.inPartition(only ?? .whole), "in_range": try stream.key.inRange(),
        ]
        let edges = ["lower": String(slice.lowerBound), "upper": String(slice.upperBound)]
        let statement = try Statements.groupUnits.bound(
            identifiers: stream.identifiers,
            fragments: inSlice.merging([
                "partition_list": SQLFragment(
                    trusted: try columns.map { "\(try SQLFragment(identifier: $0)), " }.joined()),
                "partition_values": walksPartitions ? try stream.partitionValues : SQLFragment(trusted: "'{}'::text[]"),
                "unit": try stream.key.unit,
            ]) { $1 },
            values: edges)
        // Only tables of unique units are read in their own order. To count the rows takes a third of the time of a pass,
        // and often nothing is missing, as after a load. (Rows whose partition is NULL would count, too.)
        let count =
            sequentially && !walksPartitions
            ? try Statements.countUnits.bound(identifiers: stream.identifiers, fragments: inSlice, values: edges) : nil
        let numbers =
            walksPartitions
            ? Dictionary(partitions.indices.map { (partitions[$0].partition, $0) }) { first, _ in first } : [:]
        let known = partitions
        let walksPartitions = walksPartitions
        return try await session.withDiscardedSavepoint { session in
            try await session.query(
                try Statements.setPassParameters.bound(values: ["sequentially": String(sequentially)]))
            var found = none
            if let count {
                let rows = UInt64(try await session.query(count).only().get("rows", as: Int64.self))
                if rows == slice.unitCount {
                    found.isEmpty = false
                    return found
                }
            }
            try await session.forEachRow(statement) { row in
                let values = walksPartitions ? try row.getIfPresent(at: 0, as: TextArray.self)?.partition : nil
                let index = walksPartitions ? values.flatMap { numbers[$0] } : 0
                guard let index, let word = try row.getIfPresent(at: 1, as: Int64.self),
                    let bits = try row.getIfPresent(at: 4, as: Int64.self)
                else { return }
                found.isEmpty = false
                found.add(
                    word, bits, partition: index, units: known[index].hull.clamped(to: slice),
                    neighbours: (try row.getIfPresent(at: 2), try row.getIfPresent(at: 3)))
            }
            return found
        }
    }
}

/// 64 units as the bits of a word: 1 where the unit has a row.
enum UnitWord {
    /// Hands over the ranges without rows in a word and before it, and behind it if no word with rows follows.
    ///
    /// - Parameters:
    ///   - word: its units are the 64 from `word * 64` on.
    ///   - bits: which of them have rows, the lowest bit for the first.
    ///   - units: what was looked at.
    ///   - neighbours: the words with rows next to it, of those that were looked at.
    static func forEachGap(
        of word: Int64, _ bits: Int64, units: Range<Int64>, neighbours: (Int64?, Int64?),
        _ body: (Range<Int64>) -> Void
    ) {
        let first = word << 6
        // The last unit of the last word is 2^63−1, after which there is none.
        let own = max(first, units.lowerBound)..<min(first | 63, units.upperBound - 1) + 1
        let before = neighbours.0.map { ($0 + 1) << 6 } ?? units.lowerBound
        if before < own.lowerBound { body(before..<own.lowerBound) }
        for gap in missing(bits, first: first, within: own) { body(gap) }
        if neighbours.1 == nil, own.upperBound < units.upperBound { body(own.upperBound..<units.upperBound) }
    }

    /// The ranges of units that have no row.
    ///
    /// - Parameters:
    ///   - bits: the word.
    ///   - first: the unit of the lowest bit.
    ///   - units: of the word's units those that count.
    static func missing(_ bits: Int64, first: Int64, within units: Range<Int64>) -> [Range<Int64>] {
        var ranges: [Range<Int64>] = []
        var unit = units.lowerBound
        while unit < units.upperBound {
            let rest = UInt64(bitPattern: bits) >> UInt64(unit - first)
            let lower = unit.adding(saturating: Int64((~rest).trailingZeroBitCount))
            guard lower < units.upperBound else { break }
            let holes = UInt64(bitPattern: bits) >> UInt64(lower - first)
            unit = min(lower.adding(saturating: Int64(holes.trailingZeroBitCount)), units.upperBound)
            ranges.append(lower..<unit)
        }
        return ranges
    }
}
