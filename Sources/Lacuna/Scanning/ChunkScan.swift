import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The scans that go through a measured table chunk by chunk, shared out among parallel readers.
extension MeasuredTable {
    /// What is read of some chunks: ranges of their partitions.
    typealias Reading = @Sendable (_ part: ArraySlice<Chunk>, isolated Session) async throws -> [Chunk]

    /// The units of a segment that is asked for its last unit: enough that its rows cost more than to find the first of
    /// them, and no more segments than an array holds with ease.
    private static let segmentUnits: Int64 = 1024
    private static let mostSegments: UInt64 = 131_072
    /// How many times longer it takes to look into a unit's segment than to read the unit in a pass over all.
    private static let costOfLooking: UInt64 = 6

    /// What asking segments for their last units found.
    enum SegmentScan: Sendable {
        case complete(GapScanResult)
        /// So many segments fall short that looking into each takes longer than a pass over all.
        case tooManyShort
    }

    /// Asks segments for their last units, and looks into those that fall short. The units have to be unique.
    ///
    /// - Parameter opensAll: whether to look into all segments that fall short, however many they are.
    func openShortSegments(
        opensAll: Bool, with readers: ParallelReaders, on session: isolated Session
    ) async throws -> SegmentScan {
        var size = MeasuredTable.segmentUnits
        while spannedUnits / UInt64(size) > MeasuredTable.mostSegments { size *= 2 }
        let start = try stream.key.from("lacuna_chunk.lacuna_lower")
        let short = try await share(cut(hulls, to: size), besides: noGaps, among: readers, on: session) {
            part, session in
            let statement = try statement(Statements.findShortSegments, over: part, ["from_lower": start])
            var short: [Chunk] = []
            try await session.forEachRow(statement) { row in
                short.append(part[part.startIndex + (try row.get(at: 0, as: Int.self)) - 1])
            }
            return short
        }
        let units = short.joined().reduce(UInt64(0)) { $0.adding(saturating: $1.unitCount) }
        if !opensAll, units > spannedUnits / MeasuredTable.costOfLooking { return .tooManyShort }
        let segments = short.enumerated().flatMap { index, ranges in
            ranges.map { Chunk(partitionIndex: index, units: $0) }
        }
        return .complete(try await open(segments, with: readers, on: session))
    }

    /// Counts the rows of parts of segments, and finds what is missing in those that fall short.
    private func open(
        _ segments: [Chunk], with readers: ParallelReaders, on session: isolated Session
    ) async throws -> GapScanResult {
        let range = try stream.key.inRange(from: "lacuna_chunk.lacuna_lower", to: "lacuna_chunk.lacuna_upper")
        return try await look(into: cut(segments, to: 256), with: readers, on: session) { part in
            try statement(Statements.countSegments, over: part, ["in_chunk": range])
        }
    }

    /// Hops from unit to unit. Units have to grow with keys.
    func skipUnits(on session: isolated Session) async throws -> GapScanResult {
        let first = try stream.key.inRange(from: "lacuna_chunk.lacuna_lower", to: "lacuna_chunk.lacuna_upper")
        let rest = try stream.key.inRange(from: "lacuna_walk.lacuna_unit + 1", to: "lacuna_chunk.lacuna_upper")
        return try await look(into: cut(hulls, to: .max), with: .alone, on: session) { part in
            try statement(Statements.skipUnits, over: part, ["in_first": first, "in_rest": rest])
        }
    }

    /// Asks the index for each unit of the hulls.
    ///
    /// - Parameter nextColumn: the column behind the key in the index.
    func probeUnits(nextColumn: String?, with readers: ParallelReaders, on session: isolated Session) async throws
        -> GapScanResult
    {
        let size = min(max(256, Int64(clamping: spannedUnits / 64)), 65_536)
        var fragments = ["in_unit": try stream.key.equals("lacuna_chunk.lacuna_unit")]
        // A bound on the next column narrows what is read only where it follows one key. To find it takes two looks a chunk.
        if let nextColumn, stream.key.isOneKeyPerUnit, spannedUnits / 16 >= UInt64(partitions.count) {
            let next = try SQLFragment(identifier: nextColumn)
            let unit = try stream.key.equals("lacuna_wanted.lacuna_unit")
            fragments["next"] = next
            fragments["from_lower"] = try stream.key.from("lacuna_chunk.lacuna_lower")
            fragments["from_last"] = try stream.key.from("lacuna_chunk.lacuna_upper - 1")
            fragments["is_common"] = SQLFragment(trusted: "\(unit) AND \(next) <= lacuna_common.lacuna_bound")
        } else {
            fragments["next"] = SQLFragment(trusted: "NULL::integer")
            fragments["from_lower"] = SQLFragment(trusted: "true")
            fragments["from_last"] = SQLFragment(trusted: "true")
            fragments["is_common"] = SQLFragment(trusted: "false")
        }
        let known = fragments
        var gaps = try await share(cut(hulls, to: size), besides: noGaps, among: readers, on: session) {
            part, session in
            let statement = try statement(Statements.probeUnits, over: part, known)
            var missing: [Chunk] = []
            try await session.forEachRow(statement) { row in
                let index = part[part.startIndex + (try row.get(at: 0, as: Int.self)) - 1].partitionIndex
                let unit = try row.get(at: 1, as: Int64.self)
                if let last = missing.last, last.partitionIndex == index, last.units.upperBound == unit {
                    missing[missing.count - 1] = Chunk(partitionIndex: index, units: last.units.lowerBound..<unit + 1)
                } else {
                    missing.append(Chunk(partitionIndex: index, units: unit..<unit + 1))
                }
            }
            return missing
        }
        return result(&gaps)
    }

    /// Runs statements whose rows are a chunk's number and a missing range.
    func look(
        into chunks: [Chunk], with readers: ParallelReaders, on session: isolated Session,
        _ statement: @escaping @Sendable (ArraySlice<Chunk>) throws -> BoundStatement
    ) async throws -> GapScanResult {
        var gaps = try await share(chunks, besides: noGaps, among: readers, on: session) { part, session in
            var missing: [Chunk] = []
            try await session.forEachRow(try statement(part)) { row in
                let index = part[part.startIndex + (try row.get(at: 0, as: Int.self)) - 1].partitionIndex
                let lower = try row.get(at: 1, as: Int64.self)
                missing.append(Chunk(partitionIndex: index, units: lower..<(try row.get(at: 2, as: Int64.self))))
            }
            return missing
        }
        return result(&gaps)
    }
}
