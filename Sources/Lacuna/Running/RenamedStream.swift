import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// A stream that gets another name.
package enum RenamedStream {
    /// Gives a stream another name, with all that was learned of it and its journal. Its rows are not touched, and the journal
    /// says what was done.
    ///
    /// The names are all that is needed: the config may declare either of them.
    ///
    /// - Returns: whether a stream is registered under the name.
    /// - Throws: ``StreamError`` while a run of either is at work, or if something is known under the new name already;
    ///   ``PostgresError``.
    package static func rename(_ stream: String, to name: String, in database: Database) async throws -> Bool {
        try await database.withSession("rename") { session in
            try await SchemaInstaller.requireWritable(on: session)
            // What a run learns after this would be under the old name.
            for name in [stream, name] {
                if let activity = try await StreamStatus.sessions(of: name, on: session).first {
                    throw StreamError.invalid("a run of stream \(name) is at work (\(activity.text)): stop it first")
                }
            }
            let id: Int64 = try await session.query(try Statements.nextRun.bound()).only().get("id")
            return try await session.withTransaction { session in
                try session.useLacunaSearchPath()
                let row = try await session.query(
                    try Statements.renameStream.bound(values: ["stream": stream, "name": name])
                ).only()
                guard try row.get("others", as: Int.self) == 0 else {
                    throw StreamError.invalid(
                        "something is known of a stream \(name) already, and two histories cannot become one: "
                            + "`lacuna forget \(name)` first if it is of no use")
                }
                guard try row.get("registrations", as: Int.self) > 0 else { return false }
                try await session.query(
                    try Statements.insertFinishedRun.bound(values: [
                        "id": String(id), "stream": name, "mode": RunMode.rename.rawValue, "host": database.host,
                        "process": String(database.processID), "note": "its name was \(stream)",
                    ]))
                return true
            }
        }
    }
}
