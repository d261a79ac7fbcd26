import LacunaModel
import LacunaRecords
import Postgres
import SQLStatements

/// Units of a batch that have rows and not all of them.
extension BatchCommit {
    /// Of the units that the batch takes for thin those that are, and by how much.
    func thinUnits(of batch: PlannedBatch, on session: isolated Session) async throws -> ThinUnits {
        guard let complete = stream.definition.complete, let hull = batch.thin.hull else { return ThinUnits() }
        let scan = CountedGapScan(complete, userSearchPath: userSearchPath)
        let found = try await scan.scan(stream, range: hull, partition: batch.partition, on: session)
        return found.thin[batch.partition]?.only(batch.thin) ?? ThinUnits()
    }

    /// Records which units are as thin as they were although the source was asked again: it has no more of them.
    ///
    /// An answer without a record for a unit says nothing of how many rows it has: that source may just fail.
    func settle(
        _ before: ThinUnits, _ fetched: FetchedBatch, into result: inout CommittedBatch, on session: isolated Session
    ) async throws {
        let spoken = before.units.intersection(fetched.proof.spoken).subtracting(fetched.proof.doubtful)
            .subtracting(fetched.proof.cut).intersection(Int64.min..<fetched.sourceEnd)
            .intersection(fetched.records.units)
        guard !spoken.isEmpty else { return }
        let after = try await thinUnits(of: fetched.batch, on: session)
        let same = after.unchanged(since: before).intersection(spoken)
        assert(same.subtracting(after.units).isEmpty, "a unit that is settled is thin")
        let ranges = after.ranges(of: same)
        var values = stream.evidenceValues(fetched.batch.partition)
        try await session.query(try Statements.lockEvidence.bound(values: values))
        values["spoken"] = spoken.multirangeLiteral
        values["lowers"] = "{\(ranges.map { String($0.range.lowerBound) }.joined(separator: ","))}"
        values["uppers"] = "{\(ranges.map { String($0.range.upperBound) }.joined(separator: ","))}"
        values["shortfalls"] = "{\(ranges.map { String($0.shortfall) }.joined(separator: ","))}"
        values["rule"] = stream.definition.complete?.rule
        try await session.query(try Statements.replaceSettled.bound(values: values))
        result.settled = same.count
        result.isChanged = true
    }
}
