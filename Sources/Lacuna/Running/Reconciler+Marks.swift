import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

extension Reconciler {
    /// Declares units wrong, so that the next reconcile fetches them again; or takes such marks back.
    ///
    /// Marks are kept for units between the first expected one and `latest`: the rest counts as missing anyway.
    ///
    /// - Parameters:
    ///   - clear: whether to take marks back instead.
    ///   - options: which partitions and units; without bounds all of them.
    ///   - condition: SQL over the columns of the table: only units with a row for which it is true; nil: all.
    ///   - reason: why, for people.
    /// - Returns: the number of units that are marked now inside the bounds, or were taken back.
    /// - Throws: ``StreamError``, also if the condition fails; ``PostgresError``.
    public func mark(
        clear: Bool, _ options: RunOptions, where condition: String? = nil, reason: String
    ) async throws -> UInt64 {
        try await withSession { try await mark(clear: clear, options, where: condition, reason: reason, on: $0) }
    }

    private func mark(
        clear: Bool, _ options: RunOptions, where condition: String?, reason: String, on session: Session
    ) async throws -> UInt64 {
        let stream = try await ResolvedStream.resolve(definition, on: session)
        try await WritableServer.require(on: session)
        try await SchemaAccess.load(on: session).requireWritable()
        try await SchemaInstaller.requireKnown(on: session)
        let userSearchPath = try await session.userSearchPath()
        try await StreamRegistry.registerKeys(of: stream, userSearchPath: userSearchPath, on: session)
        let surveyor = surveyor(.plan, options)
        let survey = try await surveyor.survey(stream, partitions: options.partitions, on: session)
        let chosen: [Partition: UnitSet]? =
            if let condition { try await surveyor.units(where: condition, of: stream, on: session) } else { nil }
        try await StreamRegistry.register(stream, on: session)
        let bounds = options.bounds(definition.keyType.limits)
        let id: Int64 = try await session.query(try Statements.nextRun.bound()).only().get("id")
        let note =
            "\(clear ? "cleared" : "marked") \(definition.keyType.text(hull(bounds, survey)))"
            + (condition.map { " where \($0)" } ?? "")
            + (reason.isEmpty ? "" : ": \(reason)")
        let journalEntry = try insertRun(id, mode: .mark, note: note)
        return try await session.withTransaction { session in
            var count: UInt64 = 0
            for coverage in survey.partitions {
                var values = stream.evidenceValues(coverage.partition)
                try await session.query(try Statements.lockEvidence.bound(values: values))
                if clear {
                    count += coverage.refetch.intersection(bounds).count
                    values["lower"] = String(bounds.lowerBound)
                    values["upper"] = String(bounds.upperBound)
                    values["before"] = "infinity"
                    try await session.query(try Statements.removeRefetch.bound(values: values))
                    continue
                }
                var wanted =
                    definition.keyType.isOrdered ? UnitSet(coverage.range).intersection(bounds) : coverage.expected
                if let chosen { wanted = wanted.intersection(chosen[coverage.partition] ?? UnitSet()) }
                count += wanted.intersection(coverage.expected).count
                for range in wanted.ranges {
                    // A mark made again is a new one: a batch that is on its way with older data must not remove it.
                    values["lower"] = String(range.lowerBound)
                    values["upper"] = String(range.upperBound)
                    values["before"] = "infinity"
                    try await session.query(try Statements.removeRefetch.bound(values: values))
                    values["reason"] = reason
                    try await session.query(try Statements.insertRefetch.bound(values: values))
                }
            }
            if count > 0 { try await session.query(journalEntry) }
            return count
        }
    }

    /// Declares units missing for good, so that no run asks for them; or takes that back.
    ///
    /// They count as covered while they have no rows. Earlier marks are taken off them.
    ///
    /// - Parameters:
    ///   - clear: whether to take declarations back instead.
    ///   - options: which partitions and units; without bounds all of them.
    ///   - reason: why, for people.
    ///   - end: from when on they are gaps again, seconds since the epoch; nil: never.
    /// - Returns: the number of expected units without rows that are accepted now inside the bounds, or no longer are.
    /// - Throws: ``StreamError``, ``PostgresError``.
    public func accept(clear: Bool, _ options: RunOptions, reason: String, end: Int64?) async throws -> UInt64 {
        try await withSession { try await accept(clear: clear, options, reason: reason, end: end, on: $0) }
    }

    private func accept(
        clear: Bool, _ options: RunOptions, reason: String, end: Int64?, on session: Session
    ) async throws -> UInt64 {
        let stream = try await ResolvedStream.resolve(definition, on: session)
        try await WritableServer.require(on: session)
        try await SchemaAccess.load(on: session).requireWritable()
        try await SchemaInstaller.requireKnown(on: session)
        let userSearchPath = try await session.userSearchPath()
        try await StreamRegistry.registerKeys(of: stream, userSearchPath: userSearchPath, on: session)
        let survey = try await surveyor(.plan, options).survey(
            stream, partitions: options.partitions, on: session)
        if let end, end <= survey.now { throw StreamError.invalid("the declaration would have ended already") }
        try await StreamRegistry.register(stream, on: session)
        let bounds = options.bounds(definition.keyType.limits)
        let id: Int64 = try await session.query(try Statements.nextRun.bound()).only().get("id")
        let note =
            "\(clear ? "no longer accepted" : "accepted") \(definition.keyType.text(hull(bounds, survey)))"
            + (reason.isEmpty ? "" : ": \(reason)")
        let journalEntry = try insertRun(id, mode: .accept, note: note)
        return try await session.withTransaction { session in
            var count: UInt64 = 0
            for coverage in survey.partitions {
                var values = stream.evidenceValues(coverage.partition)
                try await session.query(try Statements.lockEvidence.bound(values: values))
                if clear {
                    count += coverage.evidence.acceptedWithoutRows.intersection(bounds).count
                    values["lower"] = String(bounds.lowerBound)
                    values["upper"] = String(bounds.upperBound)
                    try await session.query(try Statements.removeAccepted.bound(values: values))
                    continue
                }
                let accepted = acceptable(coverage, options, now: survey.now)
                count += accepted.count
                values["reason"] = reason
                values["ends"] = end.map { String($0) } ?? ""
                values["before"] = "infinity"
                for range in accepted.ranges {
                    values["lower"] = String(range.lowerBound)
                    values["upper"] = String(range.upperBound)
                    try await session.query(try Statements.removeRefetch.bound(values: values))
                    // A later declaration replaces an earlier one.
                    try await session.query(try Statements.removeAccepted.bound(values: values))
                    try await session.query(try Statements.insertAccepted.bound(values: values))
                }
            }
            if count > 0 { try await session.query(journalEntry) }
            return count
        }
    }

    /// What of a partition may be declared missing for good: a unit that is not over may still get its rows.
    ///
    /// Only by name these are units that wait for another look, and units beyond the newest one if only the source knows
    /// where they end.
    private func acceptable(_ coverage: PartitionCoverage, _ options: RunOptions, now: Int64) -> UnitSet {
        let bounds = options.bounds(definition.keyType.limits)
        guard definition.keyType.isOrdered else {
            // An id without an ordinal of its own has come since the ids were registered.
            return coverage.acceptable.intersection(Int64.min..<TextKeys.firstTemporary)
        }
        var units = coverage.acceptable
        if options.from == nil, options.to == nil {
            units = units.subtracting(coverage.provisional)
        } else if coverage.tail == nil, options.to != nil, let latest = coverage.latest, latest < bounds.upperBound - 1
        {
            let beyond = max(latest.adding(saturating: 1), bounds.lowerBound)..<bounds.upperBound
            if !beyond.isEmpty {
                let calendar = definition.calendarUnits(in: beyond, partition: coverage.partition)
                units = units.union(coverage.evidence.expected.map(calendar.intersection) ?? calendar)
            }
        }
        let end = definition.attestableEnd(now: now, newest: coverage.latest)
        return units.intersection(bounds).intersection(Int64.min..<end)
    }

    private func hull(_ bounds: Range<Int64>, _ survey: Survey) -> Range<Int64> {
        let ranges = survey.partitions.map { $0.range.clamped(to: bounds) }.filter { !$0.isEmpty }
        guard let lower = ranges.map(\.lowerBound).min(), let upper = ranges.map(\.upperBound).max() else {
            return 0..<0
        }
        return lower..<upper
    }

    /// Moves the extents of partitions back. The one way that `latest` falls or `oldest` rises.
    ///
    /// Planning takes the greater of `latest` and the table's largest key, so rows beyond the new `latest` still count.
    ///
    /// - Parameters:
    ///   - oldest: the new oldest unit; nil leaves it.
    ///   - latest: the new latest unit; nil leaves it.
    ///   - forget: whether to remove the extents altogether.
    ///   - partitions: which; nil: all that have extents.
    /// - Returns: the extents before and after, by partition.
    /// - Throws: ``StreamError``, also if they would grow; ``PostgresError``.
    public func rewind(
        oldest: Int64?, latest: Int64?, forget: Bool, partitions: Set<Partition>?
    ) async throws -> [Partition: (before: Extents, after: Extents?)] {
        try await withSession { session in
            try await rewind(oldest: oldest, latest: latest, forget: forget, partitions: partitions, on: session)
        }
    }

    private func rewind(
        oldest: Int64?, latest: Int64?, forget: Bool, partitions: Set<Partition>?, on session: Session
    ) async throws -> [Partition: (before: Extents, after: Extents?)] {
        let stream = try await ResolvedStream.resolve(definition, on: session)
        try await WritableServer.require(on: session)
        try await SchemaAccess.load(on: session).requireWritable()
        try await SchemaInstaller.requireKnown(on: session)
        let survey = try await surveyor(.plan, RunOptions()).survey(stream, partitions: partitions, on: session)
        try await StreamRegistry.register(stream, on: session)
        var changes: [Partition: (before: Extents, after: Extents?)] = [:]
        for coverage in survey.partitions {
            guard let before = coverage.evidence.extents else { continue }
            let after = Extents(oldest: oldest ?? before.oldest, latest: latest ?? before.latest)
            guard after.oldest <= after.latest else {
                throw StreamError.invalid(
                    "the oldest unit \(definition.keyType.text(after.oldest)) would lie behind the latest "
                        + definition.keyType.text(after.latest))
            }
            guard forget || (after.oldest >= before.oldest && after.latest <= before.latest) else {
                throw StreamError.invalid(
                    "\(definition.keyType.text(after.oldest)) – \(definition.keyType.text(after.latest)) reaches beyond the "
                        + "extents \(definition.keyType.text(before.oldest)) – \(definition.keyType.text(before.latest)): "
                        + "they are moved back only, and grow by commits")
            }
            changes[coverage.partition] = (before, forget ? nil : after)
        }
        let statements = try await rewindStatements(changes, stream: stream, session)
        try await session.withTransaction { session in
            for statement in statements { try await session.query(statement) }
        }
        return changes
    }

    private func rewindStatements(
        _ changes: [Partition: (before: Extents, after: Extents?)], stream: ResolvedStream, _ session: Session
    ) async throws -> [BoundStatement] {
        var statements: [BoundStatement] = []
        let type = definition.keyType
        for (partition, change) in changes.sorted(by: { $0.key < $1.key }) {
            var values = stream.evidenceValues(partition)
            let before = "\(type.text(change.before.oldest)) – \(type.text(change.before.latest))"
            let label = partition.label(columns: definition.partitions.columns)
            var note = "\(label.isEmpty ? "" : "\(label): ")\(before) → "
            if let after = change.after {
                values["oldest"] = String(after.oldest)
                values["latest"] = String(after.latest)
                statements.append(try Statements.rewindExtents.bound(values: values))
                // What was called empty out there may have been called so because of extents that were wrong.
                statements.append(try Statements.deleteEvidenceOutside.bound(values: values))
                note += "\(type.text(after.oldest)) – \(type.text(after.latest))"
            } else {
                statements.append(try Statements.deleteExtents.bound(values: values))
                note += "forgotten"
            }
            let id: Int64 = try await session.query(try Statements.nextRun.bound()).only().get("id")
            statements.append(try insertRun(id, mode: .rewind, note: note))
        }
        return statements
    }

    private func insertRun(_ id: Int64, mode: RunMode, note: String) throws -> BoundStatement {
        try Statements.insertFinishedRun.bound(values: [
            "id": String(id), "stream": definition.name, "mode": mode.rawValue, "host": database.host,
            "process": String(database.processID), "note": note,
        ])
    }
}
