import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

extension Diagnosis {
    /// What there is to say of the Citus cluster that the database belongs to.
    static func cluster(on session: Session) async throws -> (findings: [Finding], isWorker: Bool) {
        guard try await session.query(try Statements.findCluster.bound()).only().get("found", as: Bool.self) else {
            return ([], false)
        }
        if let problem = try await TableSpread.load(nil, on: session).nodeProblem {
            return ([Finding(level: .bad, text: problem)], true)
        }
        var silent: [Finding] = []
        var count = 0
        for row in try await session.query(try Statements.listNodes.bound()) {
            count += 1
            guard try !row.get("success", as: Bool.self) else { continue }
            let reason = try row.getIfPresent("result", as: String.self) ?? "no reason is given"
            let text = "node \(try row.get("node", as: String.self)) of the cluster does not answer: \(reason)"
            silent.append(Finding(level: .bad, text: text))
        }
        let all = Finding(level: .good, text: "Citus: \(count) node\(count == 1 ? "" : "s"), and this one coordinates")
        return (silent.isEmpty ? [all] : silent, false)
    }

    /// What follows of how a table lies in the cluster.
    static func spread(of stream: ResolvedStream) -> [Finding] {
        if let problem = stream.loadProblem { return [Finding(level: .bad, text: problem)] }
        if let warning = stream.spreadWarning { return [Finding(level: .warning, text: warning)] }
        guard let description = stream.table.spread.description else { return [] }
        let atomic = stream.atomicity == .partition && stream.table.spread.hasShards
        return [
            Finding(
                level: .good,
                text: "\(description)\(atomic ? ": a catchup commits each partition by itself" : "")")
        ]
    }
}
