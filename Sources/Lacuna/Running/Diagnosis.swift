import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Looks for what would keep a stream from being reconciled, and says what to do about it.
package enum Diagnosis {
    /// How bad a finding is.
    package enum Level: Int, Sendable, Comparable {
        /// As it should be.
        case good
        /// It works, but not as well as it could.
        case warning
        /// It does not work.
        case bad

        /// Whether `lhs` is the lesser trouble.
        package static func < (lhs: Level, rhs: Level) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    /// One thing that was looked at.
    package struct Finding: Sendable {
        /// How bad it is.
        package let level: Level
        /// What was found, and what to do.
        package let text: String

        /// A finding.
        package init(level: Level, text: String) {
            self.level = level
            self.text = text
        }
    }

    /// Looks at the database.
    ///
    /// - Throws: ``PostgresError``.
    package static func database(on session: Session) async throws -> [Finding] {
        var findings: [Finding] = []
        let version = session.serverVersion
        findings.append(
            version >= 140_000
                ? Finding(level: .good, text: "PostgreSQL \(version / 10_000).\(version % 10_000)")
                : Finding(level: .bad, text: "PostgreSQL \(version / 10_000) is too old: 14 or later is needed"))
        if let problem = try await WritableServer.problem(on: session) {
            findings.append(Finding(level: .bad, text: problem.description))
        }
        let cluster = try await cluster(on: session)
        findings += cluster.findings
        // Whatever a worker has of the schema says nothing of the cluster's streams.
        guard !cluster.isWorker else { return findings }
        let schema = try await SchemaAccess.load(on: session)
        if !schema.isInstalled {
            findings.append(Finding(level: .bad, text: "the lacuna schema is not installed: run `lacuna init`"))
        } else if !schema.isReadable {
            findings.append(Finding(level: .bad, text: StreamError.schemaNotReadable.description))
        } else {
            if !schema.isWritable {
                findings.append(Finding(level: .warning, text: StreamError.schemaNotWritable.description))
            }
            let applied = try await session.query(try Statements.selectMigrations.bound()).count
            findings.append(
                applied == Migration.all.count
                    ? Finding(level: .good, text: "the lacuna schema is up to date")
                    : Finding(
                        level: .bad,
                        text: applied < Migration.all.count
                            ? "the lacuna schema is older than this program: run `lacuna init`"
                            : "the lacuna schema is newer than this program: upgrade it"))
        }
        return findings
    }

    /// Looks at a stream: its table, key, index and source. The source is asked for its tip and for one unit; nothing is written.
    package static func stream(
        _ definition: StreamDefinition, source: any Source, on session: Session
    ) async -> [Finding] {
        var findings: [Finding] = []
        do {
            let stream = try await ResolvedStream.resolve(definition, on: session)
            if try await SchemaAccess.load(on: session).isReadable {
                try await StreamRegistry.requireSameMeaning(stream, on: session)
            }
            findings.append(
                Finding(
                    level: .good, text: "table \(stream.table.schema).\(stream.table.name), key \(definition.keyColumn)"
                ))
            findings += try await table(stream, on: session)
            let now: Int64 = try await session.query(try Statements.selectClock.bound()).only().get("epoch")
            findings += await self.source(stream, source, now: now)
        } catch {
            findings.append(Finding(level: .bad, text: error.message))
        }
        return findings
    }

    private static func table(_ stream: ResolvedStream, on session: Session) async throws -> [Finding] {
        var findings: [Finding] = []
        let privileges = stream.table.privileges
        if !privileges.canSelect {
            findings.append(Finding(level: .bad, text: "this role may not SELECT from the table"))
        } else if !privileges.canInsert || !privileges.canUpdate {
            findings.append(
                Finding(level: .warning, text: "this role may only read the table: `gaps` works, `reconcile` does not"))
        } else {
            findings.append(Finding(level: .good, text: "this role may read and write the table"))
        }
        findings += spread(of: stream)
        if let problem = stream.replaceProblem { findings.append(Finding(level: .bad, text: problem)) }
        let names = ["schema": stream.table.schema, "name": stream.table.name]
        if stream.definition.load.isEmpty {
            let row = try await session.query(
                try Statements.findUniqueIndex.bound(
                    values: names.merging(["columns": TextArray.literal(stream.primaryKey)]) { $1 })
            ).only()
            let isThere = try !stream.primaryKey.isEmpty && row.get("found", as: Bool.self)
            findings.append(
                isThere
                    ? Finding(level: .good, text: "rows are identified by \(stream.primaryKey.joined(separator: ", "))")
                    : Finding(
                        level: .bad,
                        text: StreamError.noUniqueIndex(table: stream.table.name, columns: stream.primaryKey)
                            .description))
        }
        let wanted = stream.definition.partitions.columns + [stream.definition.keyColumn]
        let index = try await session.query(
            try Statements.findLeadingIndex.bound(values: names.merging(["columns": TextArray.literal(wanted)]) { $1 })
        ).only()
        if let tracking = try await tracking(of: stream, on: session) { findings.append(tracking) }
        findings.append(
            try index.get("found", as: Bool.self)
                ? Finding(level: .good, text: "an index serves the gap scan")
                : Finding(
                    level: .warning,
                    text: "no index begins with (\(wanted.joined(separator: ", "))): every scan reads the whole table. "
                        + "CREATE INDEX ON \(try stream.table.identifier) "
                        + "(\(try wanted.map { try SQLFragment(identifier: $0).description }.joined(separator: ", ")))")
        )
        return findings
    }
}
