@testable import Lacuna
import LacunaModel
@testable import LacunaCLI

/// Surveys without a database.
enum PageFixture {
    /// 2026-01-01T00:00:00Z.
    static let now: Int64 = 1_767_225_600

    static func day(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        CivilDate(year: year, month: month, day: day)?.daysSinceEpoch ?? 0
    }

    static func stream(
        _ name: String = "games", _ type: KeyType = .date(timezone: .utc), columns: [String] = [],
        expect: Expectation = Expectation()
    ) -> StreamDefinition {
        var stream = StreamDefinition(name: name, table: "public.games", keyColumn: "k", keyType: type)
        if !columns.isEmpty { stream.partitions = .query("SELECT", columns: columns) }
        stream.expect = expect
        return stream
    }

    /// A partition whose rows span a range, but for holes.
    static func coverage(
        _ values: [String] = [], _ range: Range<Int64>, missing: [Range<Int64>] = [], of stream: StreamDefinition,
        verified: UnitSet = UnitSet(), provisional: UnitSet = UnitSet(), refetch: UnitSet = UnitSet(),
        accepted: [AcceptedRange] = []
    ) -> PartitionCoverage {
        var evidence = PartitionEvidence(
            partition: Partition(values), present: PresentUnits(range, missing: UnitSet(missing)),
            extents: range.isEmpty ? nil : Extents(oldest: range.lowerBound, latest: range.upperBound - 1),
            verified: verified, provisional: provisional, refetch: refetch)
        evidence.accepted = accepted
        return PartitionCoverage(evidence, of: stream, now: now)
    }

    static func input(
        _ stream: StreamDefinition, _ partitions: [PartitionCoverage], isStream: Bool = true,
        failures: [StreamStatus.Failure]? = nil, behind: UInt64? = nil
    ) -> PageInput {
        PageInput(
            definition: stream, table: "public.games", isStream: isStream, now: now, partitions: partitions,
            flagged: [:], behind: partitions.map { _ in behind },
            journal: failures.map {
                .read(StreamStatus(runs: [], lastRuns: [], failures: $0, activities: []))
            } ?? .unknown("no journal"),
            isClean: partitions.allSatisfy(\.gaps.isEmpty) && !partitions.isEmpty)
    }

    static func page(_ page: GapPage) -> String {
        var lines: [String] = []
        page.write { lines.append($0) }
        return lines.joined(separator: "\n")
    }
}
