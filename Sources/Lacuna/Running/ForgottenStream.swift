import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What was known of a stream before it was forgotten.
package struct ForgottenStream: Sendable {
    /// The partitions that had extents.
    package let extents: Int
    /// The ranges that were verified empty.
    package let verified: Int
    /// The marks.
    package let marks: Int
    /// The ranges that were accepted as missing.
    package let accepted: Int
    /// The ids that had an ordinal.
    package let keys: Int

    /// Forgets all that was learned of a stream, and which table and units it was registered with. Its rows stay, and the
    /// journal says what was done.
    ///
    /// The name is all that is needed: the stream may have left the config.
    ///
    /// - Returns: nil if nothing is known under that name.
    /// - Throws: ``StreamError`` while a run of the stream is at work; ``PostgresError``.
    package static func forget(_ name: String, in database: Database) async throws -> ForgottenStream? {
        try await database.withSession("forget") { session in
            try await SchemaInstaller.requireWritable(on: session)
            // What a run learns after this would outlive it.
            if let activity = try await StreamStatus.sessions(of: name, on: session).first {
                throw StreamError.invalid("a run of stream \(name) is at work (\(activity.text)): stop it first")
            }
            let id: Int64 = try await session.query(try Statements.nextRun.bound()).only().get("id")
            return try await session.withTransaction { session in
                try session.useLacunaSearchPath()
                try await ChangeTracking.remove(name, on: session)
                let row = try await session.query(try Statements.forgetStream.bound(values: ["stream": name])).only()
                let forgotten = ForgottenStream(
                    extents: try row.get("extents"), verified: try row.get("verified"), marks: try row.get("marks"),
                    accepted: try row.get("accepted"), keys: try row.get("keys"))
                guard try row.get("registrations", as: Int.self) > 0 || !forgotten.isEmpty else { return nil }
                try await session.query(
                    try Statements.insertFinishedRun.bound(values: [
                        "id": String(id), "stream": name, "mode": RunMode.forget.rawValue, "host": database.host,
                        "process": String(database.processID), "note": forgotten.summary,
                    ]))
                return forgotten
            }
        }
    }

    /// The streams that are registered.
    ///
    /// - Throws: ``PostgresError``.
    package static func known(in database: Database) async throws -> [String] {
        try await database.withSession("forget") { session in
            try await session.query(try Statements.selectStreamNames.bound()).map { try $0.get("name") }
        }
    }

    private var isEmpty: Bool { extents + verified + marks + accepted + keys == 0 }

    /// What was forgotten, for the journal and a person.
    package var summary: String {
        let counted: [(count: Int, one: String, many: String)] = [
            (extents, "the extents of a partition", "the extents of % partitions"),
            (verified, "a verified-empty range", "% verified-empty ranges"),
            (marks, "a mark", "% marks"),
            (accepted, "an accepted range", "% accepted ranges"),
            (keys, "an id", "% ids"),
        ]
        let parts = counted.filter { $0.count > 0 }
            .map { $0.count == 1 ? $0.one : $0.many.replacing("%", with: String($0.count)) }
        return (["the registration"] + parts).joined(separator: ", ")
    }
}
