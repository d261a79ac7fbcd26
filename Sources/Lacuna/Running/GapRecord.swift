import LacunaModel
import Postgres
import SQLStatements

/// What evidence, journal and earlier surveys know of the missing units of a stream.
package struct GapRecord: Sendable {
    /// A window or a mark.
    struct Window: Sendable, Hashable {
        var range: Range<Int64>
        /// Seconds since the epoch.
        var at: Int64
        var detail = ""
        var tries = 0
        /// The role that made a mark; empty: nobody knows.
        var by = ""
    }

    /// Windows that failed and were not committed since; as all windows here by their first unit.
    var failed: [Partition: [Window]] = [:]
    /// Marks.
    var marked: [Partition: [Window]] = [:]
    /// Windows that were committed.
    var committed: [Partition: [Window]] = [:]
    /// The partitions that the source refused in the last reconcile, and how.
    var refused: [Partition: String] = [:]
    /// Why the last reconcile was deferred; nil: it was not.
    var deferral: String?
    /// Whether nothing was taken away from the journal.
    var isWhole = true
    /// From when on the journal tells all, seconds since the epoch.
    var since: Int64?
    /// What lost its rows since changes were summed up.
    var lost: [Partition: [LostUnits]] = [:]
    /// What was kept of earlier surveys, ascending.
    var known: [Partition: [ExplainedGap]] = [:]

    /// Reads what there is to know of a survey's gaps.
    ///
    /// - Returns: nil if this role cannot read it, or if the schema is an older program's.
    /// - Throws: ``PostgresError``.
    package static func load(of survey: Survey, on session: Session) async throws -> GapRecord? {
        let schema = try await SchemaAccess.load(on: session)
        guard schema.isReadable, schema.tables.contains("gap") else { return nil }
        var record = try await journal(of: survey, on: session)
        record.known = try await known(of: survey.stream, on: session)
        return record
    }

    /// The same without what was kept of earlier surveys.
    static func journal(of survey: Survey, on session: Session) async throws -> GapRecord {
        var record = GapRecord()
        record.lost = survey.lost
        let stream = survey.definition.name
        let wanted = survey.partitions.compactMap { coverage in
            let gaps = ExplainedGaps.listed(coverage.gaps, of: survey.definition.keyType, limit: ExplainedGaps.limit)
            return gaps.isEmpty ? nil : (partition: coverage.partition, gaps: gaps)
        }
        guard !wanted.isEmpty else { return record }
        let ranges = wanted.map(\.gaps.ranges)
        let statement = try Statements.selectGapRecord.bound(values: [
            "stream": stream, "columns": TextArray.literal(survey.definition.partitions.columns),
            "partitions": TextArray.literal(wanted.map { TextArray.literal($0.partition.values) }),
            "numbers": SQLArray.literal(ranges.enumerated().flatMap { index, ranges in ranges.map { _ in index + 1 } }),
            "lowers": SQLArray.literal(ranges.joined().map(\.lowerBound)),
            "uppers": SQLArray.literal(ranges.joined().map(\.upperBound)),
        ])
        for row in try await session.query(statement) {
            let number: Int = try row.get("number")
            guard wanted.indices.contains(number - 1) else { continue }
            let partition = wanted[number - 1].partition
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            let detail = String(try row.get("detail", as: String.self).prefix(GapRecord.detailLength))
            let window = Window(
                range: lower..<upper, at: try row.get("at"), detail: detail, tries: try row.get("tries"),
                by: try row.get("who"))
            switch try row.get("kind", as: String.self) {
            case "failed": record.failed[partition, default: []].append(window)
            case "marked": record.marked[partition, default: []].append(window)
            case "committed": record.committed[partition, default: []].append(window)
            default: record.refused[partition] = detail
            }
        }
        let reach = try await session.query(try Statements.measureJournal.bound(values: ["stream": stream])).only()
        record.isWhole = try reach.get("whole")
        record.since = try reach.getIfPresent("since")
        record.deferral = try reach.getIfPresent("deferral", as: String.self).map {
            String($0.prefix(GapRecord.detailLength))
        }
        return record
    }

    /// An error that is longer says no more of why a unit is missing.
    private static let detailLength = 500

    /// What is kept of earlier surveys.
    static func known(of stream: ResolvedStream, on session: Session) async throws -> [Partition: [ExplainedGap]] {
        let statement = try Statements.selectGaps.bound(values: [
            "stream": stream.definition.name, "columns": TextArray.literal(stream.definition.partitions.columns),
        ])
        var known: [Partition: [ExplainedGap]] = [:]
        for row in try await session.query(statement) {
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else { continue }
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            let cause = GapCause(
                kind: GapCause.Kind(rawValue: try row.get("cause")) ?? .unknown, detail: try row.get("detail"),
                at: try row.getIfPresent("cause_at"), tries: try row.getIfPresent("tries"),
                nextTry: try row.getIfPresent("next_try"), markedBy: try row.getIfPresent("marked_by"))
            known[partition, default: []].append(
                ExplainedGap(
                    range: lower..<upper, isThin: try row.get("kind", as: String.self) == "thin", cause: cause,
                    hadRowsUntil: try row.getIfPresent("had_rows_until"), firstSeen: try row.get("first_seen")))
        }
        return known
    }
}
