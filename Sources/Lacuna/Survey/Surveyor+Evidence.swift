import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// What a survey reads of the evidence, and what it takes back because the rows say otherwise.
extension Surveyor {
    /// Takes the declaration that a unit is missing for good away from those that have got rows: should the rows go again, that
    /// is news.
    func endAcceptance(_ survey: Survey, on session: Session) async throws {
        for coverage in survey.partitions {
            // Of ids that the query does not name nobody knows whether they have rows.
            let ended =
                survey.stream.definition.keyType.isOrdered
                ? coverage.evidence.acceptedComplete
                : coverage.evidence.acceptedComplete.intersection(coverage.expected)
            guard !ended.isEmpty else { continue }
            let partition = survey.stream.evidenceValues(coverage.partition)
            try await session.withTransaction { session in
                try await session.query(try Statements.lockEvidence.bound(values: partition))
                for range in ended.ranges {
                    var values = partition
                    values["lower"] = String(range.lowerBound)
                    values["upper"] = String(range.upperBound)
                    try await session.query(try Statements.removeAccepted.bound(values: values))
                }
            }
        }
    }

    /// Takes settlement away from units that do not fall short as they did: should they again, the source is asked.
    func endSettlement(_ survey: Survey, on session: Session) async throws {
        for coverage in survey.partitions where !coverage.evidence.settled.isEmpty {
            let settled = UnitSet(coverage.evidence.settled.map(\.range))
            let ended = settled.subtracting(coverage.evidence.thin.settled(by: coverage.evidence.settled, now: .min))
            guard !ended.isEmpty else { continue }
            let values = survey.stream.evidenceValues(coverage.partition).merging([
                "spoken": ended.multirangeLiteral, "rule": "", "lowers": "{}", "uppers": "{}", "shortfalls": "{}",
            ]) { $1 }
            try await session.withTransaction { session in
                try await session.query(try Statements.lockEvidence.bound(values: values))
                try await session.query(try Statements.replaceSettled.bound(values: values))
            }
        }
    }

    func addExtents(
        of stream: ResolvedStream, to evidence: inout [PartitionEvidence], _ session: isolated Session
    ) async throws {
        let statement = try Statements.selectExtents.bound(values: [
            "stream": stream.definition.name,
            "columns": TextArray.literal(stream.definition.partitions.columns),
        ])
        var extents: [Partition: Extents] = [:]
        try await session.forEachRow(statement) { row in
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else { return }
            extents[partition] = Extents(oldest: try row.get("oldest"), latest: try row.get("latest"))
        }
        for index in evidence.indices { evidence[index].extents = extents[evidence[index].partition] }
    }

    func ranges(
        _ template: StatementTemplate, of stream: ResolvedStream, in range: Range<Int64>, _ session: isolated Session,
        where isWanted: (Row) throws -> Bool = { _ in true }
    ) async throws -> [Partition: UnitSet] {
        var ranges: [Partition: [Range<Int64>]] = [:]
        let statement = try template.bound(values: [
            "stream": stream.definition.name,
            "columns": TextArray.literal(stream.definition.partitions.columns),
            "lower": String(range.lowerBound), "upper": String(range.upperBound),
        ])
        for row in try await session.query(statement) {
            guard let partition = try row.get("partition_values", as: TextArray.self).partition, try isWanted(row)
            else {
                continue
            }
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            ranges[partition, default: []].append(lower..<upper)
        }
        return ranges.mapValues { UnitSet($0) }
    }

    /// The units that were declared missing for good, as far as that has not ended.
    func acceptedRanges(
        of stream: ResolvedStream, in range: Range<Int64>, now: Int64, _ session: isolated Session
    ) async throws -> [Partition: [AcceptedRange]] {
        let statement = try Statements.selectAccepted.bound(values: [
            "stream": stream.definition.name,
            "columns": TextArray.literal(stream.definition.partitions.columns),
            "lower": String(range.lowerBound), "upper": String(range.upperBound),
        ])
        var accepted: [Partition: [AcceptedRange]] = [:]
        for row in try await session.query(statement) {
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else { continue }
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            let end = try row.getIfPresent("ends", as: Int64.self)
            if let end, end <= now { continue }
            accepted[partition, default: []].append(
                AcceptedRange(range: lower..<upper, reason: try row.get("reason"), end: end))
        }
        return accepted
    }

    /// The units whose answer was as thin before.
    func settledRanges(
        of stream: ResolvedStream, in range: Range<Int64>, _ session: isolated Session
    ) async throws -> [Partition: [SettledRange]] {
        let statement = try Statements.selectSettled.bound(values: [
            "stream": stream.definition.name,
            "columns": TextArray.literal(stream.definition.partitions.columns),
            "lower": String(range.lowerBound), "upper": String(range.upperBound),
            "rule": stream.definition.complete?.rule ?? "",
        ])
        var settled: [Partition: [SettledRange]] = [:]
        for row in try await session.query(statement) {
            guard let partition = try row.get("partition_values", as: TextArray.self).partition else { continue }
            let lower: Int64 = try row.get("lower")
            let upper: Int64 = try row.get("upper")
            settled[partition, default: []].append(
                SettledRange(
                    range: lower..<upper, shortfall: try row.get("shortfall"), asked: try row.get("asked"),
                    answers: try row.get("answers")))
        }
        return settled
    }

    /// The units that were answered with nothing less than `confirm` ago.
    func waitingUnits(
        of stream: ResolvedStream, in range: Range<Int64>, now: Int64, _ session: isolated Session
    ) async throws -> [Partition: UnitSet] {
        guard stream.definition.empty == .confirm else { return [:] }
        let askedSince = now.subtracting(saturating: stream.definition.confirmSeconds)
        return try await ranges(Statements.selectProvisional, of: stream, in: range, session) { row in
            try row.get("asked") > askedSince
        }
    }
}
