import Foundation
import LacunaModel
import TestSupport
import Testing

@testable import LacunaCLI

@Suite("Gaps that repeat")
struct GapGroupTests {
    private static func week(_ count: Int, from start: Int64, length: Int64 = 1) -> [Range<Int64>] {
        (0..<Int64(count)).map { start + $0 * 7..<start + $0 * 7 + length }
    }

    @Test("Missing Mondays are one group, also if other gaps lie between them")
    func mondays() throws {
        let monday = PageFixture.day(2024, 11, 4)
        let words = UnitWords(.date(timezone: .utc))
        let groups = GapGroup.groups(of: Self.week(7, from: monday), rhythms: words.rhythms)
        #expect(groups == [GapGroup(first: monday..<monday + 1, distance: 7, count: 7)])
        let group = try #require(groups.first)
        #expect(words.text(group) == "every Monday, 2024-11-04–2024-12-16")
        #expect(words.length(of: group) == "7 × 1 day")
        let others = [monday + 10..<monday + 11, monday + 16..<monday + 19]
        let mixed = (Self.week(7, from: monday) + others).sorted { $0.lowerBound < $1.lowerBound }
        #expect(GapGroup.groups(of: mixed, rhythms: words.rhythms).map(\.count) == [7, 1, 1])
    }

    @Test(
        "A rhythm is told in words",
        arguments: [
            (KeyType.date(timezone: .utc), 7, 2, "every Wednesday to Thursday"),
            (.date(timezone: .utc), 2, 1, "every second day"),
            (.date(timezone: .utc), 30, 1, "every 30 days"), (.integer(step: 10), 10, 1, "every 100"),
            (.timestamp(step: 3600, timezone: .utc), 24, 1, "every day at 00:00"),
            (.timestamp(step: 3600, timezone: .utc), 168, 1, "every Wednesday at 00:00"),
            (.timestamp(step: 900, timezone: .utc), 6, 1, "every 1 h 30 min"),
            (.integer(step: 1), UInt64.max, 1, "every 18,446,744,073,709,551,615"),
        ])
    func rhythm(_ type: KeyType, _ distance: UInt64, _ length: Int64, _ words: String) {
        // 2025-01-01 was a Wednesday.
        let start = type.firstUnit(on: CivilDate(daysSinceEpoch: PageFixture.day(2025, 1, 1))) ?? 0
        let group = GapGroup(first: start..<start + length, distance: distance, count: 4)
        #expect(UnitWords(type).rhythm(of: group) == words)
    }

    @Test("A clock that is turned has no clock time for all: the days are counted")
    func summerTime() throws {
        let zone = TimeZone.london
        let group = GapGroup(first: 0..<1, distance: 24, count: 5)
        #expect(UnitWords(.timestamp(step: 3600, timezone: zone)).rhythm(of: group) == "every 1 day")
    }

    @Test("Each random gap is in one group, no row of four is left in pieces, and overlaps are found")
    func random() {
        var random = SeededGenerator("gap groups")
        for _ in 0..<300 {
            let span = Int64.random(in: 1...300, using: &random)
            let density = Int.random(in: 1...10, using: &random)
            let units = (0..<span).filter { $0 % 7 == 3 || Int.random(in: 0...density, using: &random) == 0 }
            let start = Int64.random(in: -1000...1000, using: &random)
            let gaps = UnitSet(units.map { start + $0..<start + $0 + 1 }).ranges
            let rhythms: [UInt64] = Bool.random(using: &random) ? [7] : []
            let groups = GapGroup.groups(of: gaps, rhythms: rhythms)
            let members = groups.flatMap { group in (0..<group.count).map { group[$0] } }
            #expect(members.sorted { $0.lowerBound < $1.lowerBound } == gaps)
            #expect(groups.allSatisfy { $0.count == 1 || $0.count >= GapGroup.fewest })
            // By brute force: no four single gaps of one length lie seven apart.
            let singles = Set(groups.filter { $0.count == 1 }.map(\.first))
            for gap in singles where !rhythms.isEmpty {
                #expect(
                    !(1..<Int64(GapGroup.fewest)).allSatisfy { step in
                        singles.contains(gap.lowerBound + step * 7..<gap.upperBound + step * 7)
                    })
            }
            let lower = start + Int64.random(in: 0..<span, using: &random)
            let window = lower..<lower + Int64.random(in: 1...9, using: &random)
            for group in groups {
                #expect(group.overlaps(window) == (0..<group.count).contains { group[$0].overlaps(window) })
            }
        }
    }

    @Test("The largest groups are found as by sorting all of them")
    func largest() {
        var random = SeededGenerator("largest gap groups")
        for _ in 0..<100 {
            let groups = (0..<Int64.random(in: 0...40, using: &random)).map { index in
                GapGroup(
                    first: index * 100..<index * 100 + Int64.random(in: 1...9, using: &random), distance: 0, count: 1)
            }
            let limit = Int.random(in: 0...20, using: &random)
            let expected = groups.sorted { ($0.unitCount, $0.first.lowerBound) > ($1.unitCount, $1.first.lowerBound) }
                .prefix(limit).sorted { $0.first.lowerBound < $1.first.lowerBound }
            #expect(groups.largest(limit) == Array(expected))
        }
    }
}
