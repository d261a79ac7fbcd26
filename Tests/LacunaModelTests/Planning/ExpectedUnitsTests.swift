import Foundation
import TestSupport
import Testing

@testable import LacunaModel

@Suite("Expected units")
struct ExpectedUnitsTests {
    private static let day = KeyType.date(timezone: .utc)

    @Test(
        "Weekdays and seasons are those of the local day, day by day and hour by hour",
        arguments: [
            "weekdays", "10-01..06-30", "12-24..01-02", "02-29..02-29", "02-28..02-29", "02-29..03-01", "01-01..12-31",
            "06-15..06-15",
        ])
    func calendar(rule: String) async throws {
        var random = SeededGenerator(seed: 5)
        for type in [ExpectedUnitsTests.day, .timestamp(step: 3600, timezone: try zone("America/Sao_Paulo"))] {
            let stream = plannedStream(type) { stream in
                if rule == "weekdays" {
                    stream.expect.calendar = .weekdays([.sat, .sun, .wed])
                } else if let season = Season(rule) {
                    stream.expect.calendar = .seasons(Seasons(common: [season]))
                }
            }
            for _ in 0..<12 {
                await Task.yield()
                let perDay: Int64 = if case .date = type { 1 } else { 24 }
                let first =
                    try type.ordinal(of: "2016-01-01T00:00:00Z") + Int64.random(in: 0..<1500 * perDay, using: &random)
                let range = first..<first + Int64.random(in: 0..<500 * perDay, using: &random)
                let units = stream.calendarUnits(in: range, partition: .whole)
                var expected: Set<Int64> = []
                for unit in range {
                    let date = try #require(type.localStart(of: unit)).date
                    let isExpected = rule == "weekdays" ? [.sat, .sun, .wed].contains(date.weekday) : isIn(rule, date)
                    if isExpected { expected.insert(unit) }
                }
                #expect(elements(units) == expected, "\(type.name) \(range)")
            }
        }
    }

    /// A season compared as text. In a common year one that begins on 02-29 begins on 03-01, and one that ends then ends
    /// on 02-28; comparing the texts comes to that.
    private func isIn(_ rule: String, _ date: CivilDate) -> Bool {
        let ends = rule.components(separatedBy: "..")
        let text = String(KeyType.iso(date).dropFirst(5))
        return ends[0] <= ends[1] ? ends[0] <= text && text <= ends[1] : text >= ends[0] || text <= ends[1]
    }

    @Test("Seasons hold by partition value, and all year for a partition without one")
    func partitions() throws {
        let nba = try #require(Season("10-01..06-30"))
        let stream = plannedStream(ExpectedUnitsTests.day) {
            $0.expect.calendar = .seasons(Seasons(byPartitionValue: ["NBA": [nba]]))
        }
        let first = try ExpectedUnitsTests.day.ordinal(of: "2023-06-29")
        #expect(stream.calendarUnits(in: first..<first + 5, partition: Partition(["us", "NBA"])).count == 2)
        #expect(stream.calendarUnits(in: first..<first + 5, partition: Partition(["NFL"])).count == 5)
        #expect(stream.calendarUnits(in: first..<first, partition: Partition(["NBA"])).isEmpty)
    }

    @Test(
        "A bound moves with the clock, in the stream's zone",
        arguments: [
            ("today", "2024-03-31T00:30:00Z", "2024-03-31"), ("today - 90d", "2024-03-31T12:00:00Z", "2024-01-01"),
            ("today-1 month", "2024-03-31T12:00:00Z", "2024-02-29"),
            ("today + 1d", "2024-02-28T12:00:00Z", "2024-02-29"),
            ("today - 1 year", "2024-02-29T12:00:00Z", "2023-02-28"), ("now", "2024-10-27T23:59:59Z", "2024-10-27"),
            ("now - 6h", "2024-03-31T02:00:00Z", "2024-03-30"), ("today", "2024-07-01T23:30:00Z", "2024-07-02"),
        ])
    func bounds(text: String, now: String, day: String) throws {
        let type = KeyType.date(timezone: try zone("Europe/London"))
        let unit = try plannedStream(type).unit(named: text, now: instant(now))
        #expect(type.text(unit) == day)
    }

    @Test(
        "A bound on hours counts hours from now and local midnights from today",
        arguments: [
            ("now - 6h", "2024-03-31T05:59:59Z", "2024-03-30T23:00:00Z"),
            ("now", "2024-10-27T01:30:00Z", "2024-10-27T01:00:00Z"),
            ("today", "2024-10-27T12:30:00Z", "2024-10-27T00:00:00+01:00"),
            ("today - 1d", "2024-04-01T12:00:00Z", "2024-03-31T00:00:00Z"),
            ("now - 90m", "2024-01-01T12:00:00Z", "2024-01-01T10:00:00Z"),
        ])
    func hours(text: String, now: String, key: String) throws {
        let type = KeyType.timestamp(step: 3600, timezone: try zone("Europe/London"))
        let unit = try plannedStream(type).unit(named: text, now: instant(now))
        #expect(type.text(unit) == key)
    }

    @Test(
        "A text that is neither key nor time is refused",
        arguments: ["", "today-", "todayx", "now-1x", "yesterday", "today--1d"])
    func refused(text: String) {
        #expect(throws: KeyError.self) { try plannedStream(ExpectedUnitsTests.day).unit(named: text, now: 0) }
        #expect(throws: KeyError.self) { try plannedStream().unit(named: text.isEmpty ? "today" : text, now: 0) }
    }

    @Test(
        "With a delay what is due ended so long ago; without, it has begun, and is attestable once it is over",
        arguments: [
            KeyType.date(timezone: .london), .timestamp(step: 3600, timezone: .london),
            .timestamp(step: 900, timezone: .kolkata),
            .timestamp(step: 86_400, timezone: .saoPaulo),
        ], [HistoryLength.seconds(0), .seconds(1), .seconds(5400), .seconds(86_400), .seconds(100_000)])
    func due(type: KeyType, delay: HistoryLength) async throws {
        guard case .seconds(let seconds) = delay else { return }
        let stream = plannedStream(type) { $0.expect.delay = delay.isZero ? nil : delay }
        var random = SeededGenerator(seed: 8)
        let around = try instant("2024-03-31T01:00:00Z")
        for _ in 0..<200 {
            await Task.yield()
            let now = around + Int64.random(in: -200_000..<200_000, using: &random)
            let current = try #require(type.unit(at: now))
            let due = stream.dueEnd(now: now, newest: nil)
            let attestable = stream.attestableEnd(now: now, newest: nil)
            for unit in current - 200..<current + 3 {
                let start = try #require(type.start(of: unit))
                let end = try #require(type.start(of: unit + 1))
                guard (unit < due) == (delay.isZero ? start <= now : end <= now - seconds),
                    (unit < attestable) == (end <= now - seconds)
                else {
                    Issue.record("\(type.text(unit)) at \(now): due \(due), attestable \(attestable)")
                    return
                }
            }
        }
    }

    @Test("A delay of days on days and of units on integers counts units")
    func dueUnits() throws {
        let dates = plannedStream(ExpectedUnitsTests.day) { $0.expect.delay = .days(2) }
        let now = try instant("2024-03-01T12:00:00Z")
        #expect(ExpectedUnitsTests.day.text(dates.dueEnd(now: now, newest: nil) - 1) == "2024-02-27")
        let integers = plannedStream { $0.expect.delay = .units(10) }
        #expect(integers.dueEnd(now: now, newest: 100) == 91)
        #expect(integers.dueEnd(now: now, newest: nil) == .max)
        #expect(plannedStream().dueEnd(now: now, newest: 100) == .max)
    }
}
