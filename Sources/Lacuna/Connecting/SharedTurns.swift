import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The turns of shared limits, kept in the database that all processes share.
///
/// A session of its own asks for them, because the others are in transactions. It is opened for the first request, and anew
/// after an error.
package actor SharedTurns: TurnBook {
    private let database: Database
    /// This process, among those that take turns.
    private let taker: String
    private var opening: Task<Session, any Error>?
    private var prepared: Set<String> = []

    /// Turns in this database. Nothing is opened yet.
    package init(_ database: Database) {
        self.database = database
        taker = "\(database.host) \(database.processID) \(UInt64.random(in: .min ... .max))"
    }

    /// Gives turns back and takes others.
    ///
    /// - Throws: ``SourceError`` of the kind transient, and of the kind permanent if the schema lacks the tables.
    package func exchange(_ wish: TurnWish) async throws -> TurnsTaken {
        do {
            return try await RetryPolicy(attempts: 5, backoff: .seconds(1)).run(mayPass: PostgresError.mayPass) { _ in
                try await attempt(wish)
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch PostgresError.server(let error) where error.sqlState == .undefinedTable {
            throw SourceError(
                .permanent, "a limit that processes share needs tables that the schema lacks; run `lacuna init`")
        } catch {
            throw SourceError(.transient, "the database gave no turn of a shared limit: \(error)")
        }
    }

    private func attempt(_ wish: TurnWish) async throws -> TurnsTaken {
        let opening = opening ?? Task { [database] in try await database.connect("limit") }
        self.opening = opening
        do {
            return try await exchange(wish, on: try await opening.value)
        } catch {
            // Whoever opened another one meanwhile keeps it.
            if self.opening == opening { self.opening = nil }
            if let session = try? await opening.value { await session.close() }
            throw error
        }
    }

    private func exchange(_ wish: TurnWish, on session: Session) async throws -> TurnsTaken {
        if !prepared.contains(wish.name) {
            try await session.query(
                try Statements.insertTurns.bound(values: ["name": wish.name, "turns": String(wish.turns)]))
            prepared.insert(wish.name)
        }
        if !wish.returned.isEmpty {
            try await session.query(
                try Statements.returnTurns.bound(values: [
                    "name": wish.name, "numbers": "{\(wish.returned.map { String($0.number) }.joined(separator: ","))}",
                    "leases": "{\(wish.returned.map { "\"\($0.lease)\"" }.joined(separator: ","))}",
                    "waits": "{\(wish.returned.map { String($0.wait.microseconds) }.joined(separator: ","))}",
                ]))
        }
        let rows = try await session.query(
            try Statements.takeTurns.bound(values: [
                "name": wish.name, "taker": taker, "turns": String(wish.turns), "wanted": String(wish.wanted),
                "shared": String(wish.together), "ahead": String(wish.ahead.microseconds),
                "hold": String(wish.hold.microseconds),
            ]))
        var turns: [TurnsTaken.Turn] = []
        var next: Duration?
        for row in rows {
            let wait = Duration.microseconds(try row.get("wait") as Int64)
            let number: Int64? = try row.getIfPresent("number")
            if let number {
                turns.append(TurnsTaken.Turn(number: Int(number), lease: try row.get("lease"), wait: wait))
            } else {
                next = wait
            }
        }
        return TurnsTaken(turns: turns, next: next)
    }
}

extension Duration {
    /// In microseconds, rounded up.
    fileprivate var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + (attoseconds + 999_999_999_999) / 1_000_000_000_000
    }
}
