import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Keeps in the database how each stream's keys map to ordinals, so that other ingesters can extend its extents and a
/// changed declaration cannot misread them.
package enum StreamRegistry {
    /// Registers a stream; writes nothing if it is known already.
    ///
    /// - Throws: ``StreamError/unitsChanged(stream:registered:declared:)``; ``PostgresError``.
    package static func register(_ stream: ResolvedStream, on session: Session) async throws {
        let type = stream.definition.keyType
        let relation = "\(stream.table.schema).\(stream.table.name)"
        if let row = try await requireSameUnits(stream, on: session) {
            let columns = try row.get("partition_columns", as: TextArray.self).elements
            if try row.get("relation") == relation, try row.get("key_column") == stream.definition.keyColumn,
                columns == stream.definition.partitions.columns
            {
                return
            }
        }
        try await session.query(
            try Statements.upsertStream.bound(values: [
                "stream": stream.definition.name, "relation": relation, "key_column": stream.definition.keyColumn,
                "key_type": type.name, "step": String(type.step), "anchor": String(type.anchorSeconds),
                "timezone": type.timezone.sqlName,
                "columns": TextArray.literal(stream.definition.partitions.columns),
            ]))
    }

    /// Holds a stream against what is registered under its name.
    ///
    /// - Returns: its row; nil if it is not registered.
    /// - Throws: ``StreamError/unitsChanged(stream:registered:declared:)``; ``PostgresError``.
    @discardableResult
    static func requireSameUnits(_ stream: ResolvedStream, on session: Session) async throws -> Row? {
        let type = stream.definition.keyType
        let declared = description(
            type: type.name, step: type.step, timezone: type.timezone.sqlName, anchor: type.anchorSeconds)
        let known = try await session.query(
            try Statements.selectStream.bound(values: ["stream": stream.definition.name]))
        guard let row = known.first else { return nil }
        let registered = description(
            type: try row.get("key_type"), step: try row.get("step"), timezone: try row.get("timezone"),
            anchor: try row.get("anchor"))
        guard registered == declared else {
            throw StreamError.unitsChanged(stream: stream.definition.name, registered: registered, declared: declared)
        }
        return row
    }

    /// Gives every expected id of a stream of text keys an ordinal; does nothing for ordered keys.
    ///
    /// - Parameter userSearchPath: what the user's query resolves its names with.
    /// - Throws: ``StreamError``; ``PostgresError``.
    static func registerKeys(of stream: ResolvedStream, userSearchPath: String, on session: Session) async throws {
        guard !stream.definition.keyType.isOrdered else { return }
        try await SchemaAccess.load(on: session).requireWritable()
        try await requireSameUnits(stream, on: session)
        let query = try KeyQuery(stream)
        let statement = try Statements.registerKeys.bound(
            fragments: ["key": query.key], values: ["stream": stream.definition.name], userSQL: ["query": query.sql])
        let timezone = stream.definition.keyType.timezone
        try await session.withTransaction { session in
            // As in a survey, so that a key has the same text in both.
            try session.setTimezone(timezone)
            _ = try await session.userQuery("expect.query", userSearchPath, statement)
        }
    }

    private static func description(type: String, step: Int64, timezone: String, anchor: Int64) -> String {
        switch type {
        case "integer": step == 1 ? "integer keys" : "integer keys of step \(step)"
        case "date": "dates in \(timezone)"
        case "text": "text keys"
        default: "times of step \(step) s in \(timezone)"
        }
    }
}
