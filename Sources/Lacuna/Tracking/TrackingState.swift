import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Whether a stream's changes are recorded, and the summary that they follow on (`sql/statements/describe_tracking.sql`).
struct TrackingState: Sendable {
    /// What was missing in a snapshot.
    struct Summary: Sendable {
        let snapshot: String
        let fingerprint: [String?]
        let range: Range<Int64>
        let since: String
    }

    /// The parts of a fingerprint, and what it means that one of them is another one.
    private static let parts = [
        ("tables", "the table was rewritten, or its partitions changed"), ("triggers", "its triggers were altered"),
        ("columns", "its columns were altered"), ("recorder", "the schema lacuna was altered"),
    ]

    /// Why changes are not recorded; nil if they are.
    let problem: String?
    /// Whether `lacuna init` helps.
    let canBeTracked: Bool
    let id: Int
    let generation: Int64
    let fingerprint: [String?]
    /// The transaction's own snapshot; nil on a standby.
    let snapshot: String?
    /// Whether the partitions that a scan reads now are those of the snapshot.
    let isSettled: Bool
    let summary: Summary?

    /// Asks the server. Only in a snapshot does the answer mean more than that triggers are there.
    ///
    /// - Throws: ``PostgresError``; ``StreamError/noSuchTable(_:)``.
    static func load(_ stream: ResolvedStream, on session: isolated Session) async throws -> TrackingState {
        let values = [
            "stream": stream.definition.name,
            "arguments": TextArray.literal(try ChangeTracking.arguments(of: stream)),
        ]
        let rows = try await session.query(
            try Statements.describeTracking.bound(values: stream.trackedColumns.merging(values) { $1 }))
        guard let row = rows.first else { throw StreamError.noSuchTable(stream.definition.table) }
        var summary: Summary?
        if let snapshot: String = try row.getIfPresent("summary") {
            summary = Summary(
                snapshot: snapshot, fingerprint: try row.get("fingerprint", as: TextArray.self).elements,
                range: try row.get("lower")..<row.get("upper"), since: try row.get("since"))
        }
        return TrackingState(
            problem: try row.getIfPresent("problem"), canBeTracked: try row.get("can_be_tracked"),
            id: try row.getIfPresent("id") ?? 0, generation: try row.getIfPresent("generation") ?? 0,
            fingerprint: try parts.map { try row.getIfPresent($0.0) }, snapshot: try row.getIfPresent("snapshot"),
            isSettled: try row.get("settled"), summary: summary)
    }

    /// Why the summary does not hold for a range; nil if it does.
    func objection(to summary: Summary?, range: Range<Int64>) -> String? {
        guard let summary else { return "there is no summary yet" }
        guard isSettled else { return "its partitions are changing" }
        for (part, (then, now)) in zip(TrackingState.parts, zip(summary.fingerprint, fingerprint)) where then != now {
            return part.1
        }
        guard summary.fingerprint.count == fingerprint.count else { return "there is no summary yet" }
        guard summary.range.lowerBound <= range.lowerBound, range.upperBound <= summary.range.upperBound else {
            return "the last one did not reach as far"
        }
        return nil
    }
}
