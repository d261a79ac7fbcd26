import LacunaModel
import Postgres
import SQLStatements

extension Survey {
    /// Keeps what a survey found in `lacuna.gap`, for dashboards and for jobs that wait for a history.
    ///
    /// It decides nothing. Only differences are written, in a transaction of its own. Of two surveys the later one is kept,
    /// whichever is written first.
    ///
    /// - Parameter isWhole: whether it was one of all partitions.
    /// - Returns: false if this role may not write, or if the schema is an older program's.
    /// - Throws: ``PostgresError``.
    package func save(isWhole: Bool = true, in database: Database) async throws -> Bool {
        try await database.withSession("gaps", stream: definition) { try await save(isWhole: isWhole, on: $0) }
    }

    func save(isWhole: Bool, on session: Session) async throws -> Bool {
        let schema = try await SchemaAccess.load(on: session)
        guard schema.isWritable, schema.tables.contains("gap"), try await WritableServer.problem(on: session) == nil
        else { return false }
        // What only the source knows of a partition is no gap of it.
        let survey = withoutTips
        let journal = try await GapRecord.journal(of: survey, on: session)
        let lock = "lacuna.gap/\(definition.name)"
        return try await session.withTransaction { session in
            try session.useLacunaSearchPath()
            try await session.query(try Statements.lockWindow.bound(values: ["window": lock]))
            let newest = try Statements.surveyIsNewest.bound(values: ["stream": definition.name, "as_of": asOf])
            guard try await session.query(newest).only().get("newest") else { return true }
            var record = journal
            record.known = try await GapRecord.known(of: stream, on: session)
            let gaps = ExplainedGaps(survey, record)
            try await survey.write(GapDifferences(from: record.known, to: gaps, isWhole: isWhole), on: session)
            try await survey.writePartitions(gaps, isWhole: isWhole, on: session)
            return true
        }
    }

    /// So many ranges go into one statement.
    private static let chunk = 10_000

    private func write(_ differences: GapDifferences, on session: isolated Session) async throws {
        for start in stride(from: 0, to: differences.gone.count, by: Survey.chunk) {
            let part = differences.gone[start...].prefix(Survey.chunk)
            let values = values(part.map(\.partition))
            try await session.query(
                try Statements.deleteGaps.bound(
                    values: values.merging(["lowers": SQLArray.literal(part.map(\.lower))]) { $1 }))
        }
        for start in stride(from: 0, to: differences.changed.count, by: Survey.chunk) {
            try await session.query(try upsert(differences.changed[start...].prefix(Survey.chunk)))
        }
    }

    private func upsert(_ part: ArraySlice<(partition: Partition, gap: ExplainedGap)>) throws -> BoundStatement {
        let type = definition.keyType
        let gaps = part.map(\.gap)
        let causes = gaps.map(\.cause)
        return try Statements.upsertGaps.bound(
            values: values(part.map(\.partition)).merging([
                "as_of": asOf, "lowers": SQLArray.literal(gaps.map(\.range.lowerBound)),
                "uppers": SQLArray.literal(gaps.map(\.range.upperBound)),
                "firsts": TextArray.literal(gaps.map { type.text($0.range.lowerBound) }),
                "lasts": TextArray.literal(gaps.map { type.text($0.range.upperBound - 1) }),
                "kinds": TextArray.literal(gaps.map { $0.isThin ? "thin" : "missing" }),
                "first_seen": SQLArray.literal(gaps.map(\.firstSeen)),
                "had_rows": SQLArray.literal(gaps.map(\.hadRowsUntil)),
                "causes": TextArray.literal(causes.map(\.kind.rawValue)),
                "details": TextArray.literal(causes.map(\.detail)),
                "marked_by": TextArray.literal(causes.map { $0.markedBy ?? "" }),
                "cause_at": SQLArray.literal(causes.map(\.at)), "next_try": SQLArray.literal(causes.map(\.nextTry)),
                "tries": SQLArray.literal(causes.map(\.tries)),
            ]) { $1 })
    }

    private func writePartitions(_ gaps: ExplainedGaps, isWhole: Bool, on session: isolated Session) async throws {
        let through = partitions.map(\.completeThrough)
        let isOrdered = definition.keyType.isOrdered
        try await session.query(
            try Statements.writeSurvey.bound(
                values: values(partitions.map(\.partition)).merging([
                    "as_of": asOf, "whole": isWhole ? "true" : "false",
                    "through": TextArray.literal(through.map { $0.map(definition.keyType.text) ?? "" }),
                    "ordinals": SQLArray.literal(through), "missing": SQLArray.literal(partitions.map(\.gaps.count)),
                    "unlisted": SQLArray.literal(partitions.map { gaps.unlisted[$0.partition] ?? 0 }),
                    "gaps": SQLArray.literal(
                        partitions.map { isOrdered ? UInt64($0.gaps.ranges.count) : $0.gaps.count }),
                ]) { $1 }))
    }

    private func values(_ partitions: [Partition]) -> [String: String?] {
        [
            "stream": definition.name, "columns": TextArray.literal(definition.partitions.columns),
            "partitions": TextArray.literal(partitions.map { TextArray.literal($0.values) }),
        ]
    }
}

/// What has to be written so that what is kept is what was found.
struct GapDifferences: Sendable {
    /// The ranges that are to go.
    private(set) var gone: [(partition: Partition, lower: Int64)] = []
    /// The ranges that are new, or not as they were.
    private(set) var changed: [(partition: Partition, gap: ExplainedGap)] = []

    /// - Parameters:
    ///   - known: what is kept.
    ///   - gaps: what was found.
    ///   - isWhole: whether it was found of all partitions, so that no other is there any more.
    init(from known: [Partition: [ExplainedGap]], to gaps: ExplainedGaps, isWhole: Bool) {
        for (partition, old) in known.sorted(by: { $0.key < $1.key }) {
            guard isWhole || gaps.partitions[partition] != nil else { continue }
            let lowers = Set((gaps.partitions[partition] ?? []).map(\.range.lowerBound))
            gone += old.map(\.range.lowerBound).filter { !lowers.contains($0) }.map { (partition, $0) }
        }
        for (partition, new) in gaps.partitions.sorted(by: { $0.key < $1.key }) {
            let same = Set(known[partition] ?? [])
            changed += new.filter { !same.contains($0) }.map { (partition, $0) }
        }
    }
}

/// Arrays of numbers, fit for a parameter.
enum SQLArray {
    static func literal(_ numbers: [some BinaryInteger]) -> String {
        "{\(numbers.map { "\($0)" }.joined(separator: ","))}"
    }

    static func literal(_ numbers: [(some BinaryInteger)?]) -> String {
        "{\(numbers.map { $0.map { "\($0)" } ?? "NULL" }.joined(separator: ","))}"
    }
}
