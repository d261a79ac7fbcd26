import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Whether the `lacuna` schema is there, and what the session's role may do with it.
struct SchemaAccess: Sendable {
    let isInstalled: Bool
    let isReadable: Bool
    let isWritable: Bool
    /// Its tables. That of an older program has fewer, and nothing is known of what they would hold.
    let tables: Set<String>

    /// Asks the server.
    static func load(on session: Session) async throws -> SchemaAccess {
        let row = try await session.query(try Statements.schemaExists.bound()).only()
        return SchemaAccess(
            isInstalled: try row.get("installed"), isReadable: try row.get("readable"),
            isWritable: try row.get("writable"),
            tables: Set(try row.get("tables", as: TextArray.self).elements.compactMap(\.self)))
    }

    /// - Throws: ``StreamError/schemaNotInstalled``, ``StreamError/schemaNotReadable``.
    func requireReadable() throws {
        guard isInstalled else { throw StreamError.schemaNotInstalled }
        guard isReadable else { throw StreamError.schemaNotReadable }
    }

    /// - Throws: ``StreamError/schemaNotInstalled``, ``StreamError/schemaNotReadable``,
    ///   ``StreamError/schemaNotWritable``.
    func requireWritable() throws {
        try requireReadable()
        guard isWritable else { throw StreamError.schemaNotWritable }
    }
}
