import Postgres
import SQLStatements

/// The scans that go through a measured table piece by piece.
extension MeasuredTable {
    /// How many pieces one statement takes.
    private static let statementPieces = 65_536

    /// Counts the rows of segments, and looks into those that fall short. The units have to be unique.
    func countSegments(on session: isolated Session) async throws -> GapScanResult {
        let perLane = Int64(clamping: spannedUnits / UInt64(max(lanes.count, 1)))
        // A gap costs a look into its segment, a segment costs a step down the index: many small partitions are likely
        // to have a gap each, one long one is not.
        let size = max(
            min(max(perLane / 4, 256), 2048), Int64(clamping: spannedUnits / UInt64(MeasuredTable.statementPieces)))
        let range = try stream.key.inRange(from: "lacuna_piece.lacuna_lower", to: "lacuna_piece.lacuna_upper")
        return try await gaps(in: pieces(of: size), on: session) { pieces in
            try statement(Statements.countSegments, table: "segments", over: pieces, ["in_piece": range])
        }
    }

    /// Hops from unit to unit. Units have to grow with keys.
    func skipUnits(on session: isolated Session) async throws -> GapScanResult {
        let first = try stream.key.inRange(from: "lacuna_piece.lacuna_lower", to: "lacuna_piece.lacuna_upper")
        let rest = try stream.key.inRange(from: "lacuna_walk.lacuna_unit + 1", to: "lacuna_piece.lacuna_upper")
        return try await gaps(in: pieces(of: .max), on: session) { pieces in
            try statement(Statements.skipUnits, over: pieces, ["in_first": first, "in_rest": rest])
        }
    }

    /// Asks the index for each unit of the hulls.
    ///
    /// - Parameter slices: how many parts of the statement may run in parallel.
    func probeUnits(slices: Int, on session: isolated Session) async throws -> GapScanResult {
        let size = min(max(256, Int64(clamping: spannedUnits / 64)), 65_536)
        let unit = try stream.key.inRange(from: "lacuna_wanted.lacuna_unit", to: "lacuna_wanted.lacuna_unit + 1")
        var gaps: [Int: [Range<Int64>]] = [:]
        let all = pieces(of: size)
        for start in stride(from: 0, to: all.count, by: MeasuredTable.statementPieces) {
            let part = all[start..<min(start + MeasuredTable.statementPieces, all.count)]
            // The same values in the same places, so that one list of them serves all slices.
            let statements = try (0..<slices).map { slice in
                try statement(
                    Statements.probeUnits, over: part,
                    [
                        "in_unit": unit, "slices": SQLFragment(trusted: String(slices)),
                        "slice": SQLFragment(trusted: String(slice)),
                    ])
            }
            guard let first = statements.first else { break }
            let whole = BoundStatement(
                name: first.name, sql: statements.map(\.sql).joined(separator: "\nUNION ALL\n"), values: first.values)
            try await session.forEachRow(whole) { row in
                guard let piece = try row.getIfPresent(at: 0, as: Int.self),
                    let unit = try row.getIfPresent(at: 1, as: Int64.self)
                else { return }
                let lane = part[start + piece - 1].lane
                if let last = gaps[lane]?.last, last.upperBound == unit {
                    gaps[lane, default: []][gaps[lane, default: []].count - 1] = last.lowerBound..<unit + 1
                } else {
                    gaps[lane, default: []].append(unit..<unit + 1)
                }
            }
        }
        return result(gaps)
    }

    /// Runs statements whose rows are a piece's number and a range.
    func gaps(
        in pieces: [Piece], on session: isolated Session, _ statement: (ArraySlice<Piece>) throws -> BoundStatement
    ) async throws -> GapScanResult {
        var gaps: [Int: [Range<Int64>]] = [:]
        for start in stride(from: 0, to: pieces.count, by: MeasuredTable.statementPieces) {
            let part = pieces[start..<min(start + MeasuredTable.statementPieces, pieces.count)]
            try await session.forEachRow(try statement(part)) { row in
                guard let piece = try row.getIfPresent(at: 0, as: Int.self),
                    let lower = try row.getIfPresent(at: 1, as: Int64.self),
                    let upper = try row.getIfPresent(at: 2, as: Int64.self)
                else { return }
                gaps[part[start + piece - 1].lane, default: []].append(lower..<upper)
            }
        }
        return result(gaps)
    }
}
