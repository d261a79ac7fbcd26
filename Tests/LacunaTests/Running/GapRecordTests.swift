import TestSupport
import Testing

@testable import Lacuna
@testable import LacunaModel

@Suite("The causes of missing units")
struct GapRecordTests {
    private static let units: Range<Int64> = 0..<40

    private let type = KeyType.integer(step: 1)

    private func coverage(_ gaps: UnitSet, thin: UnitSet = UnitSet()) -> PartitionCoverage {
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: type)
        stream.expect.from = .unit(0)
        stream.complete = .rows(2)
        let present = UnitSet(0..<100).subtracting(gaps).union(thin)
        var evidence = PartitionEvidence(
            partition: .whole, present: PresentUnits(hull: 0..<100, holes: UnitSet(0..<100).subtracting(present)))
        evidence.thin = ThinUnits(thin.ranges.flatMap { $0.map { ($0, 1) } })
        return PartitionCoverage(evidence, of: stream, now: 0)
    }

    private func randomRanges(_ random: inout SeededGenerator, count: Int = 3) -> [Range<Int64>] {
        (0..<Int.random(in: 0...count, using: &random)).map { _ in
            let lower = Int64.random(in: Self.units, using: &random)
            return lower..<lower + Int64.random(in: 1...8, using: &random)
        }.sorted { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
    }

    private func windows(_ random: inout SeededGenerator) -> [GapRecord.Window] {
        randomRanges(&random).map {
            GapRecord.Window(
                range: $0, at: Int64.random(in: 1...1000, using: &random), tries: Int.random(in: 1...3, using: &random))
        }
    }

    /// Of one unit the first cause that holds, whatever is true of its neighbours.
    private func cause(
        of unit: Int64, _ record: GapRecord, thin: UnitSet, flagged: UnitSet, lost: Int64?
    ) -> GapCause.Kind {
        func holds(_ windows: [Partition: [GapRecord.Window]]) -> Bool {
            windows[.whole]?.contains { $0.range.contains(unit) } ?? false
        }
        if holds(record.failed) { return .failing }
        if flagged.contains(unit) { return .checkFailed }
        if holds(record.marked) { return .marked }
        if thin.contains(unit) { return .thin }
        if lost != nil { return .hadRows }
        if record.refused[.whole] != nil { return .refused }
        if record.deferral != nil { return .deferred }
        if holds(record.committed) { return .fetched }
        return record.isWhole ? .neverFetched : .unknown
    }

    @Test("are those of each unit by itself, with its age", arguments: 0..<400)
    func property(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let gaps = UnitSet(randomRanges(&random, count: 6))
        let thin = UnitSet(randomRanges(&random)).intersection(gaps)
        let flagged = UnitSet(randomRanges(&random))
        var record = GapRecord()
        record.failed[.whole] = windows(&random)
        record.marked[.whole] = windows(&random)
        record.committed[.whole] = windows(&random)
        if Int.random(in: 0..<4, using: &random) == 0 { record.refused[.whole] = "no" }
        if Int.random(in: 0..<4, using: &random) == 0 { record.deferral = "later" }
        record.isWhole = Bool.random(using: &random)
        let newlyLost = UnitSet(randomRanges(&random))
        record.lost[.whole] = newlyLost.ranges.map { LostUnits(range: $0, until: $0.lowerBound) }
        let known = UnitSet(randomRanges(&random, count: 5)).ranges.map { range in
            ExplainedGap(
                range: range, isThin: false, cause: GapCause(kind: .unknown),
                hadRowsUntil: Bool.random(using: &random) ? range.lowerBound + 1000 : nil,
                firstSeen: Int64.random(in: 1...100, using: &random))
        }
        record.known[.whole] = known

        let coverage = coverage(gaps, thin: thin)
        #expect(coverage.gaps == gaps && coverage.thin == thin)
        let explained = record.explain(gaps, coverage, flagged: flagged, keyType: type)
        #expect(UnitSet(explained.map(\.range)) == gaps)
        #expect(zip(explained, explained.dropFirst()).allSatisfy { $0.range.upperBound <= $1.range.lowerBound })
        for gap in explained {
            for unit in gap.range {
                let old = known.first { $0.range.contains(unit) }
                let lost =
                    newlyLost.ranges.first { $0.contains(unit) }?.lowerBound ?? old?.hadRowsUntil
                #expect(gap.isThin == thin.contains(unit))
                #expect(gap.hadRowsUntil == lost)
                #expect(
                    gap.cause.kind == cause(of: unit, record, thin: thin, flagged: flagged, lost: lost), "unit \(unit)")
            }
            #expect(gap.firstSeen == known.filter { $0.range.overlaps(gap.range) }.compactMap(\.firstSeen).min())
        }
    }

    @Test("and what differs is all that is written")
    func differences() throws {
        let stream = try ResolvedStream(
            StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: type),
            table: TableDescription(
                schema: "public", name: "t",
                columns: [
                    TableDescription.Column(
                        name: "k", type: "bigint", baseType: "bigint", isNotNull: true, isGenerated: false,
                        hasDefault: false)
                ], primaryKey: ["k"], rowEstimate: 0,
                privileges: TableDescription.Privileges(canSelect: true, canInsert: true, canUpdate: true)))
        for seed in 0..<UInt64(200) {
            var random = SeededGenerator(seed: seed)
            func explained(_ record: GapRecord, _ gaps: UnitSet, limit: Int = 1000) -> ExplainedGaps {
                ExplainedGaps(
                    Survey(
                        stream: stream, now: 0, partitions: [coverage(gaps)], flagged: [:],
                        scan: ScanAccount(strategy: .window, reason: "it is a test")), record, limit: limit)
            }
            var record = GapRecord()
            let before = explained(record, UnitSet(randomRanges(&random, count: 6)))
            record.known = before.partitions.mapValues { gaps in
                gaps.map { gap in
                    var gap = gap
                    gap.firstSeen = 1
                    return gap
                }
            }
            record.failed[.whole] = windows(&random)
            let gaps = UnitSet(randomRanges(&random, count: 6))
            let after = explained(record, gaps)
            let differences = GapDifferences(from: record.known, to: after, isWhole: true)
            var kept = Dictionary(
                uniqueKeysWithValues: (record.known[.whole] ?? []).map { ($0.range.lowerBound, $0) })
            for (_, lower) in differences.gone { #expect(kept.removeValue(forKey: lower) != nil) }
            for (_, gap) in differences.changed {
                #expect(kept[gap.range.lowerBound] != gap)
                kept[gap.range.lowerBound] = gap
            }
            #expect(kept.values.sorted { $0.range.lowerBound < $1.range.lowerBound } == after.partitions[.whole])

            let some = explained(record, gaps, limit: 2)
            let listed = some.partitions[.whole] ?? []
            #expect(listed.count <= 2)
            #expect(UnitSet(listed.map(\.range)).count + (some.unlisted[.whole] ?? 0) == gaps.count)
        }
    }
}
