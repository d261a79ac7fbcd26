import Foundation
import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Looks at what a database has of a stream, or of any table, and so at what is missing.
///
/// ```swift
/// let survey = try await Surveyor(Database(connectionString: nil)).survey(stream)
/// for partition in survey.partitions { print(partition.gaps.count) }
/// ```
public struct Surveyor: Sendable {
    /// What a survey is for. It decides what has to be there, what counts, and what is kept.
    package enum Purpose: Sendable {
        /// A run acts on it. Without the lacuna schema a run would fetch again what is verified empty.
        case run
        /// As a run, of which nothing is done: nothing is kept.
        case plan
        /// A person looks. Without the lacuna schema there are no extents and no evidence, only rows.
        case look
        /// A person looks at a table that is no stream: only its rows count, and what lies before a declared end is missing.
        case anyTable

        var needsSchema: Bool { self == .run || self == .plan }
        var readsEvidence: Bool { self != .anyTable }
        var endsAtBound: Bool { self == .anyTable }
        var keepsScan: Bool { self == .run }
    }

    let database: Database
    let purpose: Purpose
    /// How the table is scanned.
    package var scan: any GapScan = TrackedGapScan()
    /// The instant to use instead of the database's clock, seconds since the epoch.
    package var now: Int64?
    /// From how many recorded changes on a run keeps what was scanned: fewer are read again in a few milliseconds. A whole
    /// scan is kept always.
    package var changesWorthKeeping = 1000

    /// A surveyor for people, who only look.
    public init(_ database: Database) {
        self.init(database, for: .look)
    }

    /// A surveyor.
    package init(_ database: Database, for purpose: Purpose) {
        self.database = database
        self.purpose = purpose
    }

    /// Reads everything about a stream in one snapshot, on a session that is open.
    ///
    /// If rows are on other nodes of a cluster, there is no such snapshot. Then gaps are looked for twice, and the second look begins
    /// when every transaction has ended that the first could have seen half. Only what both miss is a gap.
    ///
    /// - Parameters:
    ///   - stream: the stream.
    ///   - partitions: the partitions to look at; nil: all that are declared.
    /// - Throws: ``StreamError`` where a query of the user's fails or the schema is missing; ``PostgresError``.
    package func survey(
        _ stream: ResolvedStream, partitions: Set<Partition>? = nil, on session: Session
    ) async throws -> Survey {
        let first = try await session.withTransaction(.snapshot) { session in
            try await read(stream, partitions: partitions, on: session)
        }
        var (survey, scan) = first
        if survey.needsSecondLook {
            try await CommitsUnderWay.waitUntilEnded(on: session)
            let second = try await session.withTransaction(.snapshot) { session in
                try await read(stream, partitions: partitions, on: session).0
            }
            survey = survey.confirmingGaps(by: second, endsAtBound: purpose.endsAtBound)
        }
        if purpose.keepsScan, let scan, let summary = scan.summary,
            summary.isWhole || summary.changeCount >= changesWorthKeeping
        {
            do {
                try await summary.keep(scan, on: session)
            } catch PostgresError.server {
                // It saves the next scan's time and nothing else: what keeps it from being written is no failure of this.
            }
        }
        if purpose == .run {
            do {
                try await endAcceptance(survey, on: session)
                try await endSettlement(survey, on: session)
            } catch PostgresError.server {
                // The next run does it; a run that has nothing to do needs no right to write.
            }
        }
        return survey
    }

    private func read(
        _ stream: ResolvedStream, partitions asked: Set<Partition>?, on session: isolated Session
    ) async throws -> (Survey, GapScanResult?) {
        let clock = try await session.query(try Statements.selectClock.bound()).only()
        let now: Int64
        if let fixed = self.now { now = fixed } else { now = try clock.get("epoch") }
        let userSearchPath = try await session.userSearchPath()
        try session.useLacunaSearchPath()
        // A date that a query of the user's returns is a day of the stream, whatever zone the server stands in.
        try session.setTimezone(stream.definition.keyType.timezone)
        let schema = purpose.readsEvidence ? try await readableSchema(session) : nil
        let hasSchema = schema != nil
        // Evidence that was written for other units, or another table, would hide gaps.
        if hasSchema { try await StreamRegistry.requireSameMeaning(stream, on: session) }

        let definition = stream.definition
        let limits = definition.keyType.limits
        let declared = try await partitions(of: stream, userSearchPath, session)
        if let asked, let unknown = asked.subtracting(declared).min() {
            let label = unknown.label(columns: definition.partitions.columns)
            throw StreamError.invalid("there is no partition \(label)")
        }
        let wanted = asked.map { asked in declared.filter(asked.contains) } ?? declared
        let from = definition.expect.from.flatMap { definition.unit(of: $0, now: now) } ?? limits.lowerBound
        let range = min(max(from, limits.lowerBound), limits.upperBound)..<limits.upperBound
        let only = asked?.count == 1 ? asked?.first : nil

        var verified: [Partition: UnitSet] = [:]
        var refetch: [Partition: UnitSet] = [:]
        var provisional: [Partition: UnitSet] = [:]
        var accepted: [Partition: [AcceptedRange]] = [:]
        var settled: [Partition: [SettledRange]] = [:]
        if let schema {
            if schema.tables.contains("provisional") {
                provisional = try await waitingUnits(of: stream, in: range, now: now, session)
            }
            verified = try await ranges(Statements.selectVerified, of: stream, in: range, session)
            refetch = try await ranges(Statements.selectRefetch, of: stream, in: range, session)
            if schema.tables.contains("accepted") {
                accepted = try await acceptedRanges(of: stream, in: range, now: now, session)
            }
            if definition.complete != nil, schema.tables.contains("settled") {
                settled = try await settledRanges(of: stream, in: range, session)
            }
        }
        var flagged: [Partition: UnitSet] = [:]
        // Of ids a check can only name such that have an ordinal, and those are in the schema.
        if let check = definition.check, definition.keyType.isOrdered || hasSchema {
            flagged = try await units(
                named: "check \(check.path)", sql: check.text, of: stream, userSearchPath, session)
        }
        guard definition.keyType.isOrdered else {
            let keys = try await expectedKeys(
                of: stream, wrong: refetch.merging(flagged) { $0.union($1) }, hasSchema: hasSchema, userSearchPath,
                session)
            var survey = try survey(
                stream, keys, wanted: wanted, now: now, verified: verified, refetch: refetch, accepted: accepted,
                flagged: flagged)
            survey.asOf = try clock.get("now")
            return (survey, nil)
        }
        var expected: [Partition: UnitSet]?
        if let query = definition.expect.query {
            expected = try await units(
                named: "expect.query", sql: query, of: stream, userSearchPath, session)
        }
        let scan: any GapScan =
            if definition.complete != nil || definition.rowCondition != nil {
                CountedGapScan(
                    definition.complete ?? .rows(1), where: definition.rowCondition, userSearchPath: userSearchPath)
            } else {
                scan
            }
        var (evidence, result) = try await scanned(
            stream, wanted, by: scan, range: range, partition: only, on: session)
        if hasSchema { try await addExtents(of: stream, to: &evidence, session) }
        let partitions = evidence.map { rows in
            var evidence = rows
            let partition = evidence.partition
            evidence.verified = verified[partition] ?? UnitSet()
            evidence.provisional = provisional[partition] ?? UnitSet()
            evidence.accepted = accepted[partition] ?? []
            evidence.settled = settled[partition] ?? []
            evidence.refetch = (refetch[partition] ?? UnitSet()).union(flagged[partition] ?? UnitSet())
            evidence.expected = expected.map { $0[partition] ?? UnitSet() }
            return PartitionCoverage(evidence, of: definition, now: now, endsAtBound: purpose.endsAtBound)
        }
        var survey = Survey(
            stream: stream, now: now, partitions: inOrder(partitions, of: stream), flagged: flagged,
            scan: result.account)
        survey.asOf = try clock.get("now")
        if schema?.tables.contains("gap") == true {
            survey.lost = try await lostUnits(result.lost, of: stream, on: session)
        }
        return (survey, result.summary == nil ? nil : result)
    }

    /// Partitions as a person looks for them: those whose values are whole numbers go by number.
    private func inOrder(_ partitions: [PartitionCoverage], of stream: ResolvedStream) -> [PartitionCoverage] {
        let areNumbers = stream.definition.partitions.columns.map { name in
            ["smallint", "integer", "bigint"].contains(stream.table.column(name)?.baseType)
        }
        guard !purpose.needsSchema, areNumbers.contains(true) else { return partitions }
        let values = partitions.map { coverage in
            zip(coverage.partition.values, areNumbers).map { text, isNumber in (isNumber ? Int64(text) : nil, text) }
        }
        func precedes(_ left: Int, _ right: Int) -> Bool {
            for (a, b) in zip(values[left], values[right]) {
                if let a = a.0, let b = b.0, a != b { return a < b }
                if !a.1.utf8.elementsEqual(b.1.utf8) { return a.1.utf8.lexicographicallyPrecedes(b.1.utf8) }
            }
            return false
        }
        return partitions.indices.sorted(by: precedes).map { partitions[$0] }
    }

    /// What the rows of partitions show, and the whole answer.
    private func scanned(
        _ stream: ResolvedStream, _ partitions: [Partition], by scan: any GapScan, range: Range<Int64>,
        partition: Partition?, on session: isolated Session
    ) async throws -> ([PartitionEvidence], GapScanResult) {
        let result = try await scan.scan(stream, range: range, partition: partition, on: session)
        let evidence = partitions.map { partition in
            var evidence = PartitionEvidence(
                partition: partition, present: result.present[partition] ?? PresentUnits(),
                hasLargestKey: result.largestKey.contains(partition))
            evidence.thin = result.thin[partition] ?? ThinUnits()
            return evidence
        }
        return (evidence, result)
    }

    /// The survey of a stream of ids.
    private func survey(
        _ stream: ResolvedStream, _ keys: ExpectedKeys, wanted: [Partition], now: Int64,
        verified: [Partition: UnitSet], refetch: [Partition: UnitSet], accepted: [Partition: [AcceptedRange]],
        flagged: [Partition: UnitSet]
    ) throws -> Survey {
        let named = try stream.naming(TextKeys(keys.names))
        let partitions = wanted.map { partition in
            let present = PresentUnits(
                stream.definition.keyType.limits, missing: UnitSet(keys.missing[partition] ?? []))
            var evidence = PartitionEvidence(
                partition: partition, present: present, verified: verified[partition] ?? UnitSet(),
                refetch: (refetch[partition] ?? UnitSet()).union(flagged[partition] ?? UnitSet()),
                expected: UnitSet(keys.expected[partition] ?? []))
            evidence.accepted = accepted[partition] ?? []
            return PartitionCoverage(evidence, of: named.definition, now: now)
        }
        let account = ScanAccount(strategy: .window, reason: "the keys are ids, whose gap is an anti-join")
        return Survey(stream: named, now: now, partitions: partitions, flagged: flagged, scan: account)
    }

    /// What `expect.query` names, and what of it has no row.
    private struct ExpectedKeys {
        var expected: [Partition: [Range<Int64>]] = [:]
        var missing: [Partition: [Range<Int64>]] = [:]
        /// The names of the keys that are missing or wrong; of the others nobody asks.
        var names: [Int64: String] = [:]
    }

    private func expectedKeys(
        of stream: ResolvedStream, wrong: [Partition: UnitSet], hasSchema: Bool, _ searchPath: String,
        _ session: isolated Session
    ) async throws -> ExpectedKeys {
        let query = try KeyQuery(stream)
        let name = try SQLFragment(literal: stream.definition.name)
        let statement = try Statements.selectExpectedKeys.bound(
            identifiers: stream.identifiers,
            fragments: [
                "partition_values": try stream.partitionValues, "expected": query.key, "key": try stream.column,
                "kept": SQLFragment(trusted: stream.table.spread.isRemote ? "MATERIALIZED" : "NOT MATERIALIZED"),
                "registered": SQLFragment(
                    trusted: hasSchema
                        ? "(SELECT ordinal, key FROM lacuna.key WHERE stream OPERATOR(pg_catalog.=) \(name))"
                        : "(SELECT NULL::bigint AS ordinal, NULL::pg_catalog.text AS key)"),
            ], userSQL: ["query": query.sql])
        var keys = ExpectedKeys()
        var temporary = TextKeys.firstTemporary - 1
        var lastKey: String?
        for row in try await session.userQuery("expect.query", searchPath, statement) {
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else { continue }
            let key: String = try row.get("key")
            let registered = try row.getIfPresent("ordinal", as: Int64.self)
            if registered == nil {
                // The rows come by key: one that two partitions share has one ordinal.
                if lastKey.map({ !$0.utf8.elementsEqual(key.utf8) }) ?? true { temporary += 1 }
                lastKey = key
            }
            let unit = registered ?? temporary
            keys.expected[partition, default: []].append(unit..<unit + 1)
            let isPresent: Bool = try row.get("is_present")
            if !isPresent { keys.missing[partition, default: []].append(unit..<unit + 1) }
            if !isPresent || wrong[partition]?.contains(unit) == true { keys.names[unit] = key }
        }
        return keys
    }

    /// What of the schema can be read; nil: nothing.
    private func readableSchema(_ session: isolated Session) async throws -> SchemaAccess? {
        let access = try await SchemaAccess.load(on: session)
        // Without the evidence what is verified empty would pass for a gap.
        if purpose.needsSchema || access.isInstalled { try access.requireReadable() }
        return access.isReadable ? access : nil
    }

    private func partitions(
        of stream: ResolvedStream, _ searchPath: String, _ session: isolated Session
    ) async throws -> [Partition] {
        guard case .query(let query, _) = stream.definition.partitions else {
            return (stream.definition.partitions.declared ?? []).sorted()
        }
        let statement = try Statements.selectPartitions.bound(
            fragments: ["partition_values": try stream.partitionValues],
            userSQL: ["query": query.withoutTrailingSemicolon])
        let rows = try await session.userQuery("partitions.query", searchPath, statement)
        return try rows.map { row in
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else {
                throw StreamError.invalid("partitions.query returned a NULL")
            }
            return partition
        }
    }

    /// The units of the rows for which a condition of the user's is true, on a session that is open.
    ///
    /// - Throws: ``StreamError`` if the condition fails; ``PostgresError``.
    func units(
        where condition: String, of stream: ResolvedStream, on session: Session
    ) async throws -> [Partition: UnitSet] {
        let columns = try (stream.definition.partitions.columns + [stream.definition.keyColumn]).map {
            try SQLFragment(identifier: $0).description
        }
        let schema = try SQLFragment(identifier: stream.table.schema)
        let table = try SQLFragment(identifier: stream.table.name)
        // A comment at the condition's end must not swallow the bracket.
        // Keys that are no unit, as infinity, belong to nobody.
        let limits = stream.definition.keyType.limits
        let isUnit =
            stream.definition.keyType.isOrdered
            ? " AND \(try stream.key.inRange(from: String(limits.lowerBound), to: String(limits.upperBound)))" : ""
        let query =
            "SELECT \(columns.joined(separator: ", ")) FROM \(schema).\(table) WHERE (\n\(condition)\n)\(isUnit)"
        return try await session.withTransaction(.snapshot) { session in
            let userSearchPath = try await session.userSearchPath()
            try session.useLacunaSearchPath()
            try session.setTimezone(stream.definition.keyType.timezone)
            return try await units(named: "--where", sql: query, of: stream, userSearchPath, session)
        }
    }

    /// The units that a query of the user's names. Its column may be of any type that casts to the key's.
    private func units(
        named name: String, sql: String, of stream: ResolvedStream, _ searchPath: String, _ session: isolated Session
    ) async throws -> [Partition: UnitSet] {
        guard let column = stream.table.column(stream.definition.keyColumn) else { return [:] }
        let definition = stream.definition
        let type = definition.keyType.isOrdered ? column.baseTypeName : column.typeName
        let cast = SQLFragment(trusted: "(\(try SQLFragment(identifier: column.name))::\(type))")
        let key = try KeyExpression(cast, column: column, type: definition.keyType, stream: definition.name)
        let statement = try Statements.selectUnits.bound(
            fragments: ["partition_values": try stream.partitionValues, "unit": try key.unit],
            userSQL: ["query": sql.withoutTrailingSemicolon])
        var units: [Partition: [Range<Int64>]] = [:]
        for row in try await session.userQuery(name, searchPath, statement) {
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else { continue }
            let unit: Int64 = try row.get("unit")
            guard stream.definition.keyType.limits.contains(unit) else { continue }
            units[partition, default: []].append(unit..<unit + 1)
        }
        return units.mapValues { UnitSet($0) }
    }
}
