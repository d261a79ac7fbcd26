import Foundation
import Testing

@testable import LacunaModel

@Suite("A civil date")
struct CivilDateTests {
    @Test("counts the days of 400 years and 400 more as a walk over the calendar does", arguments: [1600, 1970, 1])
    func everyDay(firstYear: Int) async throws {
        var days = try #require(CivilDate(year: firstYear, month: 1, day: 1)).daysSinceEpoch
        var weekday = try #require(Weekday.allCases.firstIndex(of: CivilDate(daysSinceEpoch: days).weekday))
        for year in firstYear..<firstYear + 400 {
            await Task.yield()
            for month in 1...12 {
                let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
                let length = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
                for day in 1...length {
                    let date = CivilDate(daysSinceEpoch: days)
                    guard date.year == year, date.month == month, date.day == day, date.daysSinceEpoch == days,
                        CivilDate(year: year, month: month, day: day) == date, date.weekday == Weekday.allCases[weekday]
                    else {
                        Issue.record("day \(days) is \(year)-\(month)-\(day), not \(date)")
                        return
                    }
                    days += 1
                    weekday = (weekday + 1) % 7
                }
                #expect(CivilDate(year: year, month: month, day: length + 1) == nil)
            }
        }
    }

    @Test("agrees with Foundation's Gregorian calendar from 1900 to 2100")
    func foundation() async throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let first = try #require(CivilDate(year: 1900, month: 1, day: 1)).daysSinceEpoch
        let last = try #require(CivilDate(year: 2100, month: 12, day: 31)).daysSinceEpoch
        for days in stride(from: first, through: last, by: 11) {
            await Task.yield()
            let parts = calendar.dateComponents(
                [.year, .month, .day, .weekday], from: Date(timeIntervalSince1970: Double(days) * 86_400))
            let date = CivilDate(daysSinceEpoch: days)
            // Foundation counts from Sunday as 1.
            let weekday = try #require(Weekday.allCases.firstIndex(of: date.weekday))
            guard parts.year == date.year, parts.month == date.month, parts.day == date.day,
                parts.weekday == (weekday + 1) % 7 + 1
            else {
                Issue.record("\(date) is \(parts)")
                return
            }
        }
    }

    @Test(
        "knows its fixed points",
        arguments: [
            (1970, 1, 1, 0), (1969, 12, 31, -1), (2000, 2, 29, 11_016), (1, 1, 1, -719_162), (9999, 12, 31, 2_932_896),
        ])
    func fixed(year: Int, month: Int, day: Int, days: Int64) throws {
        #expect(try #require(CivilDate(year: year, month: month, day: day)).daysSinceEpoch == days)
    }

    @Test(
        "refuses days that are none",
        arguments: [
            (2023, 2, 29), (1900, 2, 29), (2024, 4, 31), (2024, 0, 1), (2024, 13, 1), (0, 1, 1), (10_000, 1, 1),
            (2024, 1, 0),
        ])
    func refused(year: Int, month: Int, day: Int) {
        #expect(CivilDate(year: year, month: month, day: day) == nil)
    }

    @Test(
        "moves by months and stays inside them",
        arguments: [
            ("2024-01-31", 1, "2024-02-29"), ("2023-01-31", 1, "2023-02-28"), ("2024-03-31", -1, "2024-02-29"),
            ("2024-02-29", 12, "2025-02-28"), ("2024-02-29", 48, "2028-02-29"), ("2024-01-15", -1, "2023-12-15"),
            ("2024-12-31", 2, "2025-02-28"), ("2024-05-31", -12 * 24, "2000-05-31"),
        ])
    func months(from: String, months: Int, to: String) throws {
        let date = KeyType.date(timezone: .gmt)
        let moved = CivilDate(daysSinceEpoch: try date.ordinal(of: from)).adding(months: months)
        #expect(date.text(moved.daysSinceEpoch) == to)
    }
}
