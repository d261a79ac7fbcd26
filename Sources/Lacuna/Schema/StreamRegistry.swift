import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Keeps in the database how each stream's keys map to ordinals and which table it is for, so that other ingesters can extend
/// its extents and a changed declaration cannot misread them.
package enum StreamRegistry {
    /// Registers a stream; writes nothing if it is known already.
    ///
    /// A table that was renamed since then is noted by its new name.
    ///
    /// - Throws: ``StreamError/unitsChanged(stream:registered:declared:)``; ``PostgresError``.
    package static func register(_ stream: ResolvedStream, on session: Session) async throws {
        let type = stream.definition.keyType
        if let row = try await requireSameMeaning(stream, on: session),
            try row.get("relation") == stream.relation,
            try row.getIfPresent("relation_oid", as: Int64.self) == stream.table.oid
        {
            return
        }
        try await session.query(
            try Statements.upsertStream.bound(values: [
                "stream": stream.definition.name, "relation": stream.relation,
                "relation_oid": String(stream.table.oid), "key_column": stream.definition.keyColumn,
                "key_type": type.name, "step": String(type.step), "anchor": String(type.anchorSeconds),
                "timezone": type.timezone.sqlName,
                "columns": TextArray.literal(stream.definition.partitions.columns),
            ]))
        // Somebody else may have registered it meanwhile, for another table.
        try await requireSameMeaning(stream, on: session)
    }

    /// Holds a stream against what is registered under its name.
    ///
    /// Extents and evidence know units and partitions of one table by one column. Of another table, key or partition they say
    /// something else, or nothing. A table that was renamed is the same one: its number tells.
    ///
    /// - Returns: its row; nil if it is not registered.
    /// - Throws: ``StreamError/unitsChanged(stream:registered:declared:)``; ``PostgresError``.
    @discardableResult
    static func requireSameMeaning(_ stream: ResolvedStream, on session: Session) async throws -> Row? {
        let definition = stream.definition
        let type = definition.keyType
        let known = try await session.query(try Statements.selectStream.bound(values: ["stream": definition.name]))
        guard let row = known.first else { return nil }
        func require(_ registered: String, _ declared: String) throws {
            guard registered != declared else { return }
            throw StreamError.unitsChanged(stream: definition.name, registered: registered, declared: declared)
        }
        try require(
            description(
                type: try row.get("key_type"), step: try row.get("step"), timezone: try row.get("timezone"),
                anchor: try row.get("anchor")),
            description(type: type.name, step: type.step, timezone: type.timezone.sqlName, anchor: type.anchorSeconds))
        try require(
            "the key column \(try row.get("key_column", as: String.self))", "the key column \(definition.keyColumn)")
        let columns = try row.get("partition_columns", as: TextArray.self).elements.map { $0 ?? "NULL" }
        try require(description(columns), description(definition.partitions.columns))
        let relation: String = try row.get("relation")
        if relation != stream.relation {
            var isRenamed = try row.getIfPresent("relation_oid", as: Int64.self) == stream.table.oid
            // A number from another cluster may have come here with a dump, and be another table's.
            if isRenamed { isRenamed = try await !exists(relation, on: session) }
            if !isRenamed { try require("table \(relation)", "table \(stream.relation)") }
        }
        return row
    }

    private static func exists(_ relation: String, on session: Session) async throws -> Bool {
        try await session.query(try Statements.relationExists.bound(values: ["relation": relation])).only().get("found")
    }

    /// Gives every expected id of a stream of text keys an ordinal; does nothing for ordered keys.
    ///
    /// - Parameter userSearchPath: what the user's query resolves its names with.
    /// - Throws: ``StreamError``; ``PostgresError``.
    static func registerKeys(of stream: ResolvedStream, userSearchPath: String, on session: Session) async throws {
        guard !stream.definition.keyType.isOrdered else { return }
        try await SchemaAccess.load(on: session).requireWritable()
        try await requireSameMeaning(stream, on: session)
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

    private static func description(_ partitionColumns: [String]) -> String {
        partitionColumns.isEmpty ? "no partitions" : "the partition columns \(partitionColumns.joined(separator: ", "))"
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
