import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

extension Reconciler {
    /// Whether the run before this one left trouble behind: by the journal, the last run of the same kind that ended and
    /// was not deferred failed, was not complete, or left units missing.
    ///
    /// It only decides whether people are told. If the journal was truncated, nothing was in trouble.
    ///
    /// - Parameter report: of a run of this stream.
    /// - Throws: ``PostgresError``.
    package func wasInTrouble(before report: RunReport) async throws -> Bool {
        guard let runID = report.runID else { return false }
        let statement = try Statements.selectRunBefore.bound(values: [
            "id": String(runID), "stream": definition.name, "mode": report.mode.rawValue,
        ])
        let rows = try await withSession { try await $0.query(statement) }
        return try rows.contains { row in
            let state: String = try row.get("state")
            let leftGaps: Bool = try row.get("left_gaps")
            return state != RunReport.State.done.rawValue || leftGaps
        }
    }
}
