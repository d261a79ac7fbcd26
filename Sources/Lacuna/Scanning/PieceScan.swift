import Postgres
import SQLStatements

/// The scans that go through a measured table piece by piece.
extension MeasuredTable {
    /// How many pieces one statement takes.
    private static let statementPieces = 65_536

    /// Looks into segments that fall short: counts the rows of parts of them, and finds what is missing in those that fall
    /// short themselves. The units have to be unique.
    ///
    /// - Parameter gaps: what is missing besides, of each lane.
    func open(
        _ segments: [Piece], besides gaps: [[Range<Int64>]], on session: isolated Session
    ) async throws -> GapScanResult {
        let units = segments.reduce(UInt64(0)) { sum, piece in
            let (total, overflows) = sum.addingReportingOverflow(piece.units.unitCount)
            return overflows ? .max : total
        }
        let size = max(256, Int64(clamping: units / UInt64(MeasuredTable.statementPieces)))
        let range = try stream.key.inRange(from: "lacuna_piece.lacuna_lower", to: "lacuna_piece.lacuna_upper")
        return try await look(into: cut(segments, to: size), besides: gaps, on: session) { pieces in
            try statement(Statements.countSegments, table: "segments", over: pieces, ["in_piece": range])
        }
    }

    /// Hops from unit to unit. Units have to grow with keys.
    func skipUnits(on session: isolated Session) async throws -> GapScanResult {
        let first = try stream.key.inRange(from: "lacuna_piece.lacuna_lower", to: "lacuna_piece.lacuna_upper")
        let rest = try stream.key.inRange(from: "lacuna_walk.lacuna_unit + 1", to: "lacuna_piece.lacuna_upper")
        return try await look(into: cut(hulls, to: .max), besides: noGaps, on: session) { pieces in
            try statement(Statements.skipUnits, over: pieces, ["in_first": first, "in_rest": rest])
        }
    }

    /// Asks the index for each unit of the hulls.
    ///
    /// - Parameter slices: how many parts of the statement may run in parallel.
    func probeUnits(slices: Int, on session: isolated Session) async throws -> GapScanResult {
        let size = min(max(256, Int64(clamping: spannedUnits / 64)), 65_536)
        let unit = try stream.key.inRange(from: "lacuna_wanted.lacuna_unit", to: "lacuna_wanted.lacuna_unit + 1")
        var gaps = noGaps
        let all = cut(hulls, to: size)
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
                if let last = gaps[lane].last, last.upperBound == unit {
                    gaps[lane][gaps[lane].count - 1] = last.lowerBound..<unit + 1
                } else {
                    gaps[lane].append(unit..<unit + 1)
                }
            }
        }
        return result(&gaps)
    }

    /// Runs statements whose rows are a piece's number and a range.
    ///
    /// - Parameter known: what is missing besides, of each lane.
    func look(
        into pieces: [Piece], besides known: [[Range<Int64>]], on session: isolated Session,
        _ statement: (ArraySlice<Piece>) throws -> BoundStatement
    ) async throws -> GapScanResult {
        var gaps = known
        for start in stride(from: 0, to: pieces.count, by: MeasuredTable.statementPieces) {
            let part = pieces[start..<min(start + MeasuredTable.statementPieces, pieces.count)]
            try await session.forEachRow(try statement(part)) { row in
                guard let piece = try row.getIfPresent(at: 0, as: Int.self),
                    let lower = try row.getIfPresent(at: 1, as: Int64.self),
                    let upper = try row.getIfPresent(at: 2, as: Int64.self)
                else { return }
                gaps[part[start + piece - 1].lane].append(lower..<upper)
            }
        }
        return result(&gaps)
    }
}
