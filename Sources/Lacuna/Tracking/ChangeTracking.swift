import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// The triggers on a stream's table that record which units change, so that a scan need not start over.
public enum ChangeTracking {
    /// What a look at the triggers, or an installation, came to.
    public enum Outcome: Sendable, Hashable {
        /// Changes are recorded, as before.
        case inPlace
        /// Changes are recorded from now on.
        case installed
        /// Changes are not recorded any more.
        case removed
        /// Changes are not recorded, as is declared.
        case off
        /// Changes cannot be recorded, and why.
        case impossible(String)
    }

    /// Puts the triggers on a stream's table, or takes them away, as the stream declares by
    /// ``StreamDefinition/tracksChanges``.
    ///
    /// Waits for writers of the table, at most ten seconds.
    ///
    /// - Throws: ``StreamError``; an error of the connection or the server, also where this role does not own the table.
    public static func install(_ definition: StreamDefinition, in database: Database) async throws -> Outcome {
        try await database.withSession("init", stream: definition) { session in
            let stream = try await ResolvedStream.resolve(definition, on: session)
            try await StreamRegistry.register(stream, on: session)
            return try await install(stream, on: session)
        }
    }

    /// Puts the triggers on the table and all its partitions where the stream declares it, and takes them away where not.
    ///
    /// Waits for writers of the table, at most ten seconds.
    ///
    /// - Throws: ``PostgresError``, also if this role does not own the table.
    package static func install(_ stream: ResolvedStream, on session: Session) async throws -> Outcome {
        let name = stream.definition.name
        let known = try await session.query(try Statements.selectTracking.bound(values: ["stream": name]))
        if !stream.definition.tracksChanges, known.isEmpty { return .off }
        return try await session.withTransaction { session in
            try session.useLacunaSearchPath()
            // A writer's transaction that does not end must not keep all others waiting behind this one.
            try await session.query(
                try Statements.setParameter.bound(values: ["name": "lock_timeout", "value": "10s"]))
            guard stream.definition.tracksChanges else {
                try await remove(name, on: session)
                return .removed
            }
            if let problem = problem(with: stream) {
                try await remove(name, on: session)
                return .impossible(problem)
            }
            let state = try await TrackingState.load(stream, on: session)
            guard let problem = state.problem else { return .inPlace }
            try await remove(name, on: session)
            guard state.canBeTracked else { return .impossible(problem) }
            let id: Int = try await session.query(try Statements.insertTracking.bound(values: ["stream": name])).only()
                .get("id")
            try await createTriggers(of: stream, id: id, on: session)
            return .installed
        }
    }

    /// Why changes of a stream's keys cannot be recorded, whatever its table; nil if they can.
    static func problem(with stream: ResolvedStream) -> String? {
        guard stream.definition.keyType.isOrdered else { return "text keys are compared with the table each time" }
        if let spread = stream.table.spread.description {
            return "\(spread), and triggers on it do not fire for what is written to its shards"
        }
        guard !stream.table.isHypertable else {
            return "it is a hypertable of TimescaleDB, which gives triggers no table of the rows that a statement wrote"
        }
        guard stream.key.hasExactBounds else {
            return "its units depend on the rules of a time zone, which an update of the server may change"
        }
        return nil
    }

    /// What the triggers are given besides the stream's id and the columns.
    static func arguments(of stream: ResolvedStream) throws -> [String] {
        let columns = stream.definition.partitions.columns + [stream.definition.keyColumn]
        var filter = try columns.map { "\(try SQLFragment(identifier: $0)) IS NOT NULL" }
        // Infinite dates and times have no unit.
        switch stream.key.storage {
        case .date, .timestamp, .timestampWithTimeZone: filter.append("pg_catalog.isfinite(\(stream.key.expression))")
        case .integer, .id: break
        }
        return [
            try stream.key.unit.description, try stream.partitionValues.description, filter.joined(separator: " AND "),
        ]
    }

    /// Takes away the triggers that record changes for a stream of that name, wherever they are.
    static func remove(_ stream: String, on session: isolated Session) async throws {
        let removed = try await session.query(try Statements.deleteTracking.bound(values: ["stream": stream]))
        guard let id: Int = try removed.first?.get("id") else { return }
        let triggers = try await session.query(
            try Statements.selectTrackingTriggers.bound(values: ["id": String(id)]))
        for row in triggers {
            try await session.query(
                try Statements.dropTrackingTrigger.bound(identifiers: [
                    "trigger": try row.get("trigger"), "schema": try row.get("schema"), "table": try row.get("name"),
                ]))
        }
    }

    private static func createTriggers(
        of stream: ResolvedStream, id: Int, on session: isolated Session
    ) async throws {
        let tables = try await session.query(try Statements.selectTrackedTables.bound(values: stream.trackedColumns))
        for row in tables {
            let table: [String: String] = ["schema": try row.get("schema"), "table": try row.get("name")]
            let arguments = try [String(id)] + arguments(of: stream) + [row.get("columns"), row.get("types")]
            let literals = try arguments.map { try SQLFragment(literal: $0).description }.joined(separator: ", ")
            let kind: String = try row.get("kind")
            for trigger in Trigger.all where trigger.level == .statement || kind == "r" {
                let identifiers = table.merging(["trigger": "lacuna_change_\(id)_\(trigger.name)"]) { $1 }
                try await session.query(
                    try Statements.createTrackingTrigger.bound(
                        identifiers: identifiers,
                        fragments: [
                            "events": SQLFragment(trusted: trigger.events), "rows": SQLFragment(trusted: trigger.rows),
                            "level": SQLFragment(trusted: trigger.level.rawValue),
                            "arguments": SQLFragment(trusted: literals),
                        ]))
                try await session.query(
                    try Statements.enableTrackingTrigger.bound(
                        identifiers: identifiers,
                        fragments: ["mode": SQLFragment(trusted: trigger.level == .statement ? "ALWAYS" : "REPLICA")]))
            }
        }
    }

    /// A trigger on each table.
    private struct Trigger {
        enum Level: String {
            case statement = "STATEMENT"
            case row = "ROW"
        }

        let name: String
        let events: String
        var rows = ""
        var level = Level.statement

        static let all = [
            Trigger(name: "insert", events: "INSERT", rows: "REFERENCING NEW TABLE AS new_rows"),
            Trigger(
                name: "update", events: "UPDATE",
                rows: "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"),
            Trigger(name: "delete", events: "DELETE", rows: "REFERENCING OLD TABLE AS old_rows"),
            Trigger(name: "truncate", events: "TRUNCATE"),
            // Logical replication fires the triggers of rows alone, in sessions of the role replica.
            Trigger(name: "replica", events: "INSERT OR UPDATE OR DELETE", level: .row),
        ]
    }
}

extension ResolvedStream {
    /// The table and the columns that say which unit a row has.
    var trackedColumns: [String: String?] {
        [
            "schema": table.schema, "name": table.name, "key": definition.keyColumn,
            "partitions": TextArray.literal(definition.partitions.columns),
        ]
    }
}
