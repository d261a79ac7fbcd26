import Postgres
import SQLStatements

/// The transactions that may be seen half on the nodes of a Citus cluster: they are committed on one node and not yet on another.
///
/// A transaction over several nodes is prepared on each of them before it is committed on the first. So one that a look saw half is
/// among the prepared ones of some node right after the look, or has ended. One that a client of another kind left unprepared
/// is among those that write on some node.
package struct CommitsUnderWay: Sendable, Hashable {
    /// The numbers of the transactions that write, by node.
    private(set) var writing: [String: Set<String>] = [:]
    /// The names of the prepared transactions, by node.
    private(set) var prepared: [String: Set<String>] = [:]

    /// How long transactions are waited for that write and are not prepared: most of them are not being committed at all.
    private static let longestWaitForWriters = Duration.seconds(1)
    /// How long prepared transactions are waited for: Citus takes up what a crash has left once a minute.
    private static let longestWait = Duration.seconds(150)

    /// What nodes answered.
    ///
    /// - Parameter answers: of each node the text of `list_commits_under_way.sql`.
    package init(_ answers: [String: String]) {
        for (node, text) in answers {
            let parts = text.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
            func names(_ index: Int) -> Set<String> {
                index < parts.count ? Set(parts[index].split(separator: " ").map(String.init)) : []
            }
            writing[node] = names(0)
            prepared[node] = names(1)
        }
    }

    /// Whether nothing is under way.
    package var isEmpty: Bool { writing.values.allSatisfy(\.isEmpty) && prepared.values.allSatisfy(\.isEmpty) }

    /// What of this is still under way.
    ///
    /// - Parameter now: what nodes answered later.
    package func stillUnderWay(_ now: CommitsUnderWay) -> CommitsUnderWay {
        var rest = self
        rest.writing = writing.reduce(into: [:]) { $0[$1.key] = $1.value.intersection(now.writing[$1.key] ?? []) }
        rest.prepared = prepared.reduce(into: [:]) { $0[$1.key] = $1.value.intersection(now.prepared[$1.key] ?? []) }
        return rest
    }

    /// Whether none of them is prepared.
    package var arePreparedDone: Bool { prepared.values.allSatisfy(\.isEmpty) }

    /// Asks all nodes.
    ///
    /// - Throws: ``PostgresError``, also if a node does not answer.
    static func load(on session: Session) async throws -> CommitsUnderWay {
        var answers: [String: String] = [:]
        for row in try await session.query(try Statements.listCommitsUnderWay.bound()) {
            let node: String = try row.get("node")
            let result = try row.getIfPresent("result", as: String.self)
            guard try row.get("success", as: Bool.self) else {
                throw PostgresError.connectionLost(
                    statement: Statements.listCommitsUnderWay.name,
                    message: "node \(node) of the cluster does not answer: \(result ?? "")")
            }
            answers[node] = result ?? ""
        }
        return CommitsUnderWay(answers)
    }

    /// Waits until every transaction has ended that a look which is over could have seen half.
    ///
    /// - Throws: ``StreamError`` if prepared transactions do not end; ``PostgresError``; `CancellationError`.
    static func waitUntilEnded(on session: Session) async throws {
        let begin = Timing.now
        var rest = try await load(on: session)
        var pause = Duration.milliseconds(5)
        while !rest.isEmpty {
            let waited = Timing.now - begin
            if waited >= longestWaitForWriters, rest.arePreparedDone { return }
            guard waited < longestWait else {
                let count = Set(rest.prepared.values.joined()).count
                throw StreamError.invalid(
                    "\(count) prepared transaction\(count == 1 ? "" : "s") of the cluster did not end within "
                        + "\(longestWait.components.seconds) s, so that nobody can tell gaps from rows that are being committed: see "
                        + "pg_prepared_xacts on each node, and whether the coordinator recovers them (citus.recover_2pc_interval)"
                )
            }
            try await Timing.sleep(pause)
            pause = min(pause * 2, .milliseconds(100))
            rest = rest.stillUnderWay(try await load(on: session))
        }
    }
}
