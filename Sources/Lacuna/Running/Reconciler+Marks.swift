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
    ///   - replace: whether any number of their rows may go if the source no longer has them, with ``RowPolicy/replace``.
    ///   - reason: why, for people.
    /// - Returns: the number of units that are marked now inside the bounds, or were taken back.
    /// - Throws: ``StreamError``, also if the condition fails; ``PostgresError``.
    public func mark(
        clear: Bool, _ options: RunOptions, where condition: String? = nil, replace: Bool = false, reason: String
    ) async throws -> UInt64 {
        guard !replace || definition.rows == .replace else {
            throw StreamError.invalid("a mark that lets rows go is for streams with rows: replace")
        }
        return try await withSession {
            try await mark(clear: clear, options, where: condition, replace: replace, reason: reason, on: $0)
        }
    }

    private func mark(
        clear: Bool, _ options: RunOptions, where condition: String?, replace: Bool, reason: String,
        on session: Session
    ) async throws -> UInt64 {
        let stream = try await ResolvedStream.resolve(definition, on: session)
        try await SchemaInstaller.requireWritable(on: session)
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
            "\(clear ? "cleared" : replace ? "marked to be replaced" : "marked") \(definition.keyType.text(hull(bounds, survey)))"
            + (condition.map { " where \($0)" } ?? "")
            + (reason.isEmpty ? "" : ": \(reason)")
        let journalEntry = try finishedRun(id, mode: .mark, note: note)
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
                    values["replaces"] = replace ? "true" : "false"
                    try await session.query(try Statements.insertRefetch.bound(values: values))
                }
            }
            if count > 0 { try await session.query(journalEntry) }
            return count
        }
    }

    /// The units of all partitions that some bounds reach, for the journal.
    func hull(_ bounds: Range<Int64>, _ survey: Survey) -> Range<Int64> {
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
        try await SchemaInstaller.requireWritable(on: session)
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
            statements.append(try finishedRun(id, mode: .rewind, note: note))
        }
        return statements
    }

    /// The journal's row of what was done at once.
    func finishedRun(_ id: Int64, mode: RunMode, note: String) throws -> BoundStatement {
        try Statements.insertFinishedRun.bound(values: [
            "id": String(id), "stream": definition.name, "mode": mode.rawValue, "host": database.host,
            "process": String(database.processID), "note": note,
        ])
    }
}
