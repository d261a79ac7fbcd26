import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

extension Diagnosis {
    /// What there is to say of a stream's triggers; nil if it declares none and has none.
    static func tracking(of stream: ResolvedStream, on session: Session) async throws -> Finding? {
        let rights = try await session.query(try Statements.trackingReadable.bound()).only()
        guard try rights.getIfPresent("readable", as: Bool.self) == true else {
            guard stream.definition.tracksChanges else { return nil }
            return Finding(level: .warning, text: "this role may not read the changes that are tracked")
        }
        guard stream.definition.tracksChanges else {
            let known = try await session.query(
                try Statements.selectTracking.bound(values: ["stream": stream.definition.name]))
            return known.isEmpty
                ? nil
                : Finding(
                    level: .warning,
                    text: "the table still has triggers that track changes, which is not declared: run `lacuna init`")
        }
        let state = try await session.withTransaction(.snapshot) { session in
            try session.useLacunaSearchPath()
            return try await TrackingState.load(stream, on: session)
        }
        return switch ChangeTracking.problem(with: stream) ?? state.problem {
        case let problem?:
            Finding(
                level: .warning, text: "changes are not tracked, each scan reads the whole table: \(problem)")
        case nil: Finding(level: .good, text: "changes are tracked")
        }
    }
}
