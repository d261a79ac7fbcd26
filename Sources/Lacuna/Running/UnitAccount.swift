import LacunaModel
import Postgres
import SQLStatements

/// What is known of one unit of one partition: where it stands, and what evidence and journal say of how it came there.
package struct UnitAccount: Sendable {
    /// Where a unit stands.
    package enum Standing: Sendable, Hashable {
        /// It has rows.
        case present
        /// The source has nothing for it.
        case verifiedEmpty
        /// It was declared missing for good.
        case accepted(AcceptedRange)
        /// It was answered with nothing and is asked for again.
        case provisional
        /// A gap.
        case missing
        /// A gap although it has rows: it is not complete.
        case thin
        /// It has rows, is not complete, and the source has no more of it.
        case settled
        /// A gap because of a mark.
        case marked
        /// A gap because of the stream's check.
        case flagged
        /// It is due and lies beyond the newest unit.
        case behind
        /// It is not over yet, and is asked for all the same.
        case ahead
        /// It lies inside the history and is not expected.
        case unexpected
        /// It lies before the first unit that is expected.
        case before(Int64)
        /// It lies beyond the newest unit, and is not known to be due.
        case beyond(Int64?)
    }

    /// Something that evidence or journal know.
    package struct Event: Sendable {
        /// What kind it is.
        package enum Kind: String, Sendable {
            case verified, provisional, accepted, refetch, committed, failed, refused
        }

        /// What kind it is.
        package let kind: Kind
        /// Since when, or when, in UTC.
        package let since: String
        /// How long ago that was.
        package let secondsAgo: Int64
        /// A reason or an error; empty: none.
        package let detail: String
        /// The run of a batch.
        package let run: Int64
        /// Of a batch that failed, how often in a row.
        package let failures: Int
        /// How many records a batch had, of all its units.
        package let fetched: Int64
    }

    /// The partition.
    package let partition: Partition
    /// Where the unit stands.
    package let standing: Standing
    /// How many rows it has.
    package let rows: Int64
    /// What is known, oldest first; of the journal the last five batches.
    package let events: [Event]

    /// The last event of some kinds.
    package func last(_ kinds: Event.Kind...) -> Event? { events.last { kinds.contains($0.kind) } }

    /// The seconds until a run tries a unit again whose batch failed; 0: the next run does.
    package static func secondsToWait(_ failure: Event) -> Int64 {
        max(0, FailureWait.seconds(afterFailures: failure.failures) - failure.secondsAgo)
    }

    /// Looks at a unit in some partitions.
    ///
    /// - Parameters:
    ///   - unit: the unit, of a stream whose keys are ordered.
    ///   - partitions: which; nil: all.
    /// - Throws: ``StreamError``; ``PostgresError``.
    package static func load(
        _ unit: Int64, of definition: StreamDefinition, partitions: Set<Partition>?, in database: Database
    ) async throws -> [UnitAccount] {
        try await database.reading(definition.name, stream: definition) { session in
            let stream = try await ResolvedStream.resolve(definition, on: session)
            let survey = try await Surveyor(database).survey(stream, partitions: partitions, on: session)
            let schema = try await SchemaAccess.load(on: session)
            // Of an older program's schema only the rows are told.
            let isReadable = schema.isReadable && schema.tables.isSuperset(of: ["accepted", "provisional"])
            var accounts: [UnitAccount] = []
            for coverage in survey.partitions {
                let rows = try await rows(of: unit, coverage.partition, stream, on: session)
                let events = isReadable ? try await events(of: unit, coverage.partition, stream, on: session) : []
                let isFlagged = survey.flagged[coverage.partition]?.contains(unit) ?? false
                accounts.append(
                    UnitAccount(
                        partition: coverage.partition,
                        standing: Standing(of: unit, in: coverage, hasRows: rows > 0, isFlagged: isFlagged), rows: rows,
                        events: events))
            }
            return accounts
        }
    }

    private static func rows(
        of unit: Int64, _ partition: Partition, _ stream: ResolvedStream, on session: Session
    ) async throws -> Int64 {
        let statement = try Statements.countUnitRows.bound(
            identifiers: stream.identifiers,
            fragments: ["in_partition": try stream.inPartition(partition), "in_range": try stream.key.inRange()],
            values: ["lower": String(unit), "upper": String(unit.adding(saturating: 1))])
        return try await session.query(statement).only().get("count")
    }

    private static func events(
        of unit: Int64, _ partition: Partition, _ stream: ResolvedStream, on session: Session
    ) async throws -> [Event] {
        var values = stream.evidenceValues(partition)
        values["unit"] = String(unit)
        return try await session.query(try Statements.selectUnitRecord.bound(values: values)).compactMap { row in
            guard let kind = Event.Kind(rawValue: try row.get("kind")) else { return nil }
            return Event(
                kind: kind, since: try row.get("since"), secondsAgo: try row.get("seconds_ago"),
                detail: try row.get("detail"), run: try row.get("run"), failures: try row.get("failures"),
                fetched: try row.get("fetched"))
        }
    }
}

extension UnitAccount.Standing {
    /// Where a unit stands in a partition.
    init(of unit: Int64, in coverage: PartitionCoverage, hasRows: Bool, isFlagged: Bool) {
        let accepted = coverage.evidence.accepted.first { $0.range.contains(unit) }
        if coverage.gaps.contains(unit) {
            self =
                isFlagged
                ? .flagged
                : coverage.evidence.refetch.contains(unit) ? .marked : coverage.thin.contains(unit) ? .thin : .missing
        } else if coverage.range.contains(unit), !coverage.expected.contains(unit) {
            self = .unexpected
        } else if coverage.settled.contains(unit) {
            self = .settled
        } else if let accepted, coverage.evidence.thin.units.contains(unit) {
            self = .accepted(accepted)
        } else if hasRows {
            self = .present
        } else if coverage.evidence.verified.contains(unit) {
            self = .verifiedEmpty
        } else if let accepted {
            self = .accepted(accepted)
        } else if coverage.provisional.contains(unit) {
            self = .provisional
        } else if coverage.tail?.contains(unit) == true {
            self = .behind
        } else if coverage.ahead.contains(unit) {
            self = .ahead
        } else if !coverage.isNew, unit < coverage.range.lowerBound {
            self = .before(coverage.range.lowerBound)
        } else {
            self = .beyond(coverage.latest)
        }
    }
}
