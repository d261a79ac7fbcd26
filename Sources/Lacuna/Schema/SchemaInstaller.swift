import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Creates and upgrades the `lacuna` schema.
public enum SchemaInstaller {
    /// Creates the schema in a database, or brings it up to date. Where it is, nothing is changed.
    ///
    /// - Returns: the names of the migrations that were applied now.
    /// - Throws: ``StreamError`` where the schema is of a newer program; an error of the connection or the server.
    @discardableResult
    public static func install(in database: Database) async throws -> [String] {
        try await database.withSession("init") { try await install(on: $0) }
    }

    /// Applies the migrations that are missing, all in one transaction.
    ///
    /// - Returns: the names of those that were applied now.
    /// - Throws: ``StreamError`` if the schema is of a newer program; ``PostgresError``.
    package static func install(on session: Session) async throws -> [String] {
        try await session.withTransaction { session in
            // What a view or a function resolves now, it keeps.
            try session.useLacunaSearchPath()
            try await prepareCluster(on: session)
            // Two installers at once: the second waits and finds the work done.
            try await session.query(try Statements.lockWindow.bound(values: ["window": "lacuna.schema"]))
            var applied: Set<Int> = []
            if try await SchemaAccess.load(on: session).isInstalled {
                applied = try await Self.applied(on: session)
                try requireKnown(applied)
            } else {
                try await session.query(
                    BoundStatement(name: "create schema", sql: "CREATE SCHEMA IF NOT EXISTS lacuna"))
            }
            var names: [String] = []
            for migration in Migration.all where !applied.contains(migration.number) {
                _ = try await session.script(migration.sql, name: migration.name)
                try await session.query(
                    try Statements.insertMigration.bound(values: [
                        "number": String(migration.number), "name": migration.name,
                    ]))
                names.append(migration.name)
            }
            return names
        }
    }

    /// Rejects a worker of a Citus cluster; on its coordinator, keeps the schema's tables out of the cluster's hands.
    private static func prepareCluster(on session: isolated Session) async throws {
        guard try await session.query(try Statements.findCluster.bound()).only().get("found", as: Bool.self) else {
            return
        }
        if let problem = try await TableSpread.load(nil, on: session).nodeProblem { throw StreamError.invalid(problem) }
        try TableSpread.keepingTablesLocal().forEach(session.enqueue)
    }

    private static func applied(on session: isolated Session) async throws -> Set<Int> {
        Set(try await session.query(try Statements.selectMigrations.bound()).map { try $0.get("number") })
    }

    /// Rejects a schema that another program made: of a newer one what is written into it might not be what that expects, and
    /// an older one lacks something.
    ///
    /// - Throws: ``StreamError``; ``PostgresError``.
    static func requireKnown(on session: isolated Session) async throws {
        let applied = try await applied(on: session)
        try requireKnown(applied)
        guard applied.isSuperset(of: Migration.all.map(\.number)) else { throw StreamError.schemaNotInstalled }
    }

    /// Refuses what would write to a standby, without the right to, or to a schema that another program made.
    ///
    /// - Throws: ``StreamError``; ``PostgresError``.
    static func requireWritable(on session: isolated Session) async throws {
        try await WritableServer.require(on: session)
        try await SchemaAccess.load(on: session).requireWritable()
        try await requireKnown(on: session)
    }

    private static func requireKnown(_ applied: Set<Int>) throws {
        guard let newest = applied.subtracting(Migration.all.map(\.number)).max() else { return }
        throw StreamError.invalid(
            "the lacuna schema has migration \(newest), which this program does not know: it is newer, so upgrade this program"
        )
    }
}
