import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

extension Reconciler {
    /// Declares units missing for good, so that no run asks for them; or takes that back.
    ///
    /// They count as covered while they are not complete. Earlier marks are taken off them.
    ///
    /// - Parameters:
    ///   - clear: whether to take declarations back instead.
    ///   - options: which partitions and units; without bounds all of them.
    ///   - reason: why, for people.
    ///   - end: from when on they are gaps again, seconds since the epoch; nil: never.
    /// - Returns: the number of expected units that are not complete and accepted now inside the bounds, or no longer are.
    /// - Throws: ``StreamError``, ``PostgresError``.
    public func accept(clear: Bool, _ options: RunOptions, reason: String, end: Int64?) async throws -> UInt64 {
        try await withSession { try await accept(clear: clear, options, reason: reason, end: end, on: $0) }
    }

    private func accept(
        clear: Bool, _ options: RunOptions, reason: String, end: Int64?, on session: Session
    ) async throws -> UInt64 {
        let stream = try await ResolvedStream.resolve(definition, on: session)
        try await SchemaInstaller.requireWritable(on: session)
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
        let journalEntry = try finishedRun(id, mode: .accept, note: note)
        return try await session.withTransaction { session in
            var count: UInt64 = 0
            for coverage in survey.partitions {
                var values = stream.evidenceValues(coverage.partition)
                try await session.query(try Statements.lockEvidence.bound(values: values))
                if clear {
                    count += coverage.evidence.acceptedIncomplete.intersection(bounds).count
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
}
