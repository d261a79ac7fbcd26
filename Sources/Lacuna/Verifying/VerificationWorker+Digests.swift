import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The source's database does not take the statement that computes digests.
struct DigestsRefused: Error {
    let message: String
}

extension VerificationWorker {
    /// Searches by digests for what differs in the windows of an item, and compares the rows there.
    ///
    /// - Returns: nil if the run is to end before all is known.
    func search(
        _ item: VerificationItem, _ coverage: PartitionCoverage, in queried: any QueriedSource
    ) async throws -> [WindowVerdict]? {
        if row == nil, context.proof == .digest { row = try await canonicalRow(item, queried) }
        var search = DigestSearch(item.windows)
        while let parts = search.question {
            guard !state.isOver else { return nil }
            let there = try await digestsThere(parts, of: coverage.partition, in: queried)
            let here = try await digestsHere(parts, of: coverage.partition, row: row?.here)
            search.take(here, there)
        }
        var found: [WindowVerdict] = []
        for range in search.toCompare {
            guard !state.isOver else { return nil }
            found.append(try await compare(range, coverage))
        }
        return item.windows.map { window in
            let own = found.filter { window.overlaps($0.range) }
            var verdict = WindowVerdict(range: window, proof: own.isEmpty ? context.proof : .rows)
            for part in own {
                verdict.differences += part.differences
                verdict.unproven = verdict.unproven.union(part.unproven)
                verdict.movedCount += part.movedCount
            }
            verdict.differences.sort { $0.range.lowerBound < $1.range.lowerBound }
            return verdict
        }
    }

    /// How rows are digested: by the columns that the source's query has.
    private func canonicalRow(_ item: VerificationItem, _ queried: any QueriedSource) async throws -> CanonicalRow {
        guard let window = item.windows.first else { throw StreamError.invalid("no window") }
        let query = try queried.query(
            FetchRequest(stream: context.definition, partition: item.partition, window: window))
        let statement = try Statements.describeSource.bound(userSQL: ["query": query])
        let columns = try await compute(statement).columns
        return try CanonicalRow(context.stream, columns: columns)
    }

    /// The digests of parts of what the source has, or only their numbers of rows if ``row`` is not known.
    func digestsThere(
        _ parts: [Range<Int64>], of partition: Partition, in queried: any QueriedSource
    ) async throws -> [DigestSearch.Digest] {
        let hull = PartBounds(parts)
        let query = try queried.query(
            FetchRequest(stream: context.definition, partition: partition, window: hull.range))
        let unit =
            if let row { row.unitThere } else { try CanonicalRow.unitThere(context.stream) }
        let statement = try Statements.digestSource.bound(
            fragments: ["row": row?.there ?? SQLFragment(trusted: "NULL"), "unit": unit],
            values: hull.values, userSQL: ["query": query])
        let rows = try await compute(statement).rows
        return try hull.digests(
            rows.map { row in
                guard row.count == 3, let part = row[0].flatMap({ Int($0) }), let count = row[1].flatMap({ Int64($0) }),
                    let sum = row[2]
                else { throw DigestsRefused(message: "the answer is no digest") }
                return (part, DigestSearch.Digest(rows: count, sum: sum))
            })
    }

    /// Runs a statement in the source's database.
    private func compute(_ statement: BoundStatement) async throws -> (columns: [String], rows: [[String?]]) {
        do {
            return try await asking { source in
                guard let session = source as? any SourceSession else {
                    throw DigestsRefused(message: "the source is no database")
                }
                return try await session.rows(statement.sql, statement.values)
            }
        } catch let error as SourceError where [.permanent, .rejected].contains(error.kind) {
            throw DigestsRefused(message: error.message)
        }
    }

    /// The digests of parts of the table.
    ///
    /// - Parameter row: a row as canonical text; nil: rows are only counted.
    func digestsHere(
        _ parts: [Range<Int64>], of partition: Partition, row: SQLFragment?
    ) async throws -> [DigestSearch.Digest] {
        let hull = PartBounds(parts)
        let stream = context.stream
        let inWindow = "(\(try stream.key.inRange())) AND (\(try stream.inPartition(partition)))"
        let statement = try Statements.digestTable.bound(
            identifiers: stream.identifiers,
            fragments: [
                "row": row ?? SQLFragment(trusted: "NULL"), "unit": try stream.key.unit,
                "in_window": SQLFragment(trusted: inWindow),
            ],
            values: hull.values)
        let settings = try [("IntervalStyle", "postgres"), ("bytea_output", "hex")].map { name, value in
            try Statements.setParameter.bound(values: ["name": name, "value": value])
        }
        let answers = try await onDatabase { session, context in
            try await session.withTransaction(.snapshot) { session in
                try context.run.commit.begin(on: session)
                for setting in settings { try session.enqueue(setting) }
                return try await session.query(statement).map { row in
                    (
                        try row.get("part", as: Int.self),
                        DigestSearch.Digest(rows: try row.get("rows"), sum: try row.get("digest"))
                    )
                }
            }
        }
        return try hull.digests(answers)
    }
}

/// The bounds of parts, as statements number them.
private struct PartBounds {
    let parts: [Range<Int64>]
    private let bounds: [Int64]

    init(_ parts: [Range<Int64>]) {
        self.parts = parts
        var bounds: [Int64] = []
        for part in parts {
            if bounds.last != part.lowerBound { bounds.append(part.lowerBound) }
            bounds.append(part.upperBound)
        }
        self.bounds = bounds
    }

    /// From the first part to the last.
    var range: Range<Int64> { (bounds.first ?? 0)..<(bounds.last ?? 0) }

    var values: [String: String?] {
        [
            "lower": String(range.lowerBound), "upper": String(range.upperBound),
            "bounds": "{" + bounds.map(String.init).joined(separator: ",") + "}",
        ]
    }

    /// The digests part by part, from answers by number.
    func digests(_ answers: [(part: Int, digest: DigestSearch.Digest)]) throws -> [DigestSearch.Digest] {
        let known = Dictionary(answers.map { ($0.part, $0.digest) }, uniquingKeysWith: { first, _ in first })
        var number = 0
        return parts.map { part in
            while number < bounds.count, bounds[number] <= part.lowerBound { number += 1 }
            return known[number] ?? DigestSearch.Digest()
        }
    }
}
