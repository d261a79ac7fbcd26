import Foundation
import TestSupport
import Testing

@testable import LacunaModel

/// Zones with half-hour offsets and changes, gaps at midnight, and days that never were.
let zoneNames = [
    "UTC", "Europe/London", "Asia/Kolkata", "America/Sao_Paulo", "Australia/Lord_Howe", "America/New_York",
    "Pacific/Apia", "Asia/Kathmandu",
]

/// An instant, from a UTC time as `2025-03-30T01:00:00Z`.
func instant(_ text: String) throws -> Int64 {
    try KeyType.timestamp(step: 1, timezone: .utc).ordinal(of: text)
}

@Suite("A key type")
struct KeyTypeTests {
    @Test(
        "reads an integer key as the unit that holds it",
        arguments: [
            (1, "0", 0), (1, "-1", -1), (1, "9223372036854775806", Int64.max - 1),
            (1, "-9223372036854775808", Int64.min),
            (5, "0", 0), (5, "4", 0), (5, "5", 1), (5, "-1", -1), (5, "-5", -1), (5, "-6", -2), (1, "+7", 7),
            (5, "9223372036854775804", Int64.max / 5 - 1), (1, " 12 ", 12), (1, "007", 7),
        ])
    func integers(step: Int64, text: String, ordinal: Int64) throws {
        #expect(try KeyType.integer(step: step).ordinal(of: text) == ordinal)
    }

    @Test("writes an integer unit as its first key, and reads it back", arguments: [1, 2, 5, 1000, Int64(1) << 40])
    func integerRoundTrip(step: Int64) throws {
        let type = KeyType.integer(step: step)
        var random = SeededGenerator(seed: UInt64(step))
        let limits = type.limits
        var ordinals = [limits.lowerBound, limits.upperBound - 1, -1, 0, 1]
        for _ in 0..<500 { ordinals.append(Int64.random(in: limits, using: &random)) }
        for ordinal in ordinals {
            let text = type.text(ordinal)
            #expect(try type.ordinal(of: text) == ordinal)
            #expect(Int64(text) == ordinal * step)
        }
    }

    @Test(
        "refuses integer keys that no unit holds",
        arguments: [
            (1, "9223372036854775807"), (5, "9223372036854775807"), (1, "9223372036854775808"),
            (1, "-9223372036854775809"),
        ])
    func outside(step: Int64, text: String) {
        #expect(throws: KeyError.self) { try KeyType.integer(step: step).ordinal(of: text) }
    }

    @Test(
        "refuses texts that are no keys",
        arguments: [
            "", " ", "-", "+", "--1", "1-", "1.0", "1e3", "0x10", "1_000", "1,000", "１２", "NaN", "infinity", "1\0",
            "\0",
            "1;--", "'1'", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01", "10000-01-01",
            "24-01-01",
            "2024-1-1", "2024-01-01T", "2024-01-01T25:00:00Z", "2024-01-01T24:30:00Z", "2024-01-01T24:00:01Z",
            "2024-01-01T12:60:00Z", "2024-01-01T12:00:61Z", "2024-01-01T12:00:00+", "2024-01-01T12:00:00+24:00",
            "2024-01-01T12:00:00+01:60", "2024-01-01T12:00:00Zx", "2024-01-01T12:00:00.Z", "-2024-01-01", "🐘",
            "2024-01-0١",
        ])
    func refused(text: String) throws {
        for type in [
            KeyType.integer(step: 1), .date(timezone: .utc),
            .timestamp(step: 3600, timezone: try zone("Europe/London")),
        ] {
            #expect(throws: KeyError.self) { try type.ordinal(of: text) }
        }
    }

    @Test("writes a date as such, and reads it back", arguments: zoneNames)
    func dates(name: String) throws {
        let type = KeyType.date(timezone: try zone(name))
        for ordinal in [type.limits.lowerBound, type.limits.upperBound - 1, 0, 19_782, -1] {
            #expect(try type.ordinal(of: type.text(ordinal)) == ordinal)
        }
        #expect(try type.text(type.ordinal(of: "2024-02-29")) == "2024-02-29")
    }

    @Test("A timestamp's text reads back as the same unit", arguments: zoneNames, [1, 900, 3600, 86_400] as [Int64])
    func timestamps(name: String, step: Int64) async throws {
        let type = KeyType.timestamp(step: step, timezone: try zone(name))
        var random = SeededGenerator(seed: UInt64(step))
        var instants = (0..<1500).map { _ in Int64.random(in: -6_000_000_000..<6_000_000_000, using: &random) }
        for change in [
            "2024-03-31T01:00:00Z", "2024-10-27T01:00:00Z", "2018-11-04T03:00:00Z", "2018-02-18T02:00:00Z",
            "2024-04-06T15:00:00Z", "2024-10-05T15:30:00Z",
        ] {
            let change = try instant(change)
            instants += stride(from: change - 7200, to: change + 7200, by: 450)
        }
        for instant in instants {
            await Task.yield()
            let unit = try #require(type.unit(at: instant))
            let start = try #require(type.start(of: unit))
            guard start <= instant, instant < start + step, type.unit(at: start) == unit,
                type.unit(at: start - 1) == unit - 1,
                (try? type.ordinal(of: type.text(unit))) == unit
            else {
                Issue.record("\(instant): unit \(unit) from \(start), \(type.text(unit))")
                return
            }
        }
    }

    @Test("Days begin and end where the local calendar says, through every change of the clock", arguments: zoneNames)
    func days(name: String) async throws {
        let timezone = try zone(name)
        let type = KeyType.date(timezone: timezone)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timezone
        let first = try type.ordinal(of: "2005-01-01")
        for day in first..<first + 25 * 365 {
            await Task.yield()
            let start = try #require(type.start(of: day))
            let end = try #require(type.start(of: day + 1))
            // The one day that Samoa skipped has no instant.
            if start == end {
                #expect(type.text(day) == "2011-12-30" && name == "Pacific/Apia")
                continue
            }
            let isWhole =
                type.unit(at: start) == day && type.unit(at: end - 1) == day && type.unit(at: start - 1) != day
            let date = calendar.startOfDay(for: Date(timeIntervalSince1970: Double(start + (end - start) / 2)))
            guard isWhole, Int64(date.timeIntervalSince1970) == start, (82_800...90_000).contains(end - start) else {
                Issue.record("\(type.text(day)): \(start) ..< \(end), Foundation says \(date.timeIntervalSince1970)")
                return
            }
        }
    }

    @Test(
        "Days of a changing clock have their own length",
        arguments: [
            ("Europe/London", "2024-03-31", 23), ("Europe/London", "2024-10-27", 25),
            ("Europe/London", "2024-03-30", 24),
            ("America/Sao_Paulo", "2018-11-04", 23), ("America/Sao_Paulo", "2018-02-17", 25),
            ("America/New_York", "2024-03-10", 23), ("America/New_York", "2024-11-03", 25),
        ])
    func lengths(name: String, day: String, hours: Int64) throws {
        let type = KeyType.date(timezone: try zone(name))
        let unit = try type.ordinal(of: day)
        let start = try #require(type.start(of: unit))
        #expect(try #require(type.start(of: unit + 1)) - start == hours * 3600)
        let hour = KeyType.timestamp(step: 3600, timezone: try zone(name))
        let date = CivilDate(daysSinceEpoch: unit)
        let next = CivilDate(daysSinceEpoch: unit + 1)
        #expect(try #require(hour.firstUnit(on: next)) - #require(hour.firstUnit(on: date)) == hours)
    }

    @Test("Steps fall on the round times of a zone with a half hour")
    func anchors() throws {
        let hours = KeyType.timestamp(step: 3600, timezone: try zone("Asia/Kolkata"))
        #expect(hours.anchorSeconds == 1800)
        let unit = try hours.ordinal(of: "2024-02-29T10:00:00+05:30")
        #expect(hours.text(unit) == "2024-02-29T10:00:00+05:30")
        #expect(try hours.ordinal(of: "2024-02-29T10:59:59+05:30") == unit)
        #expect(try hours.ordinal(of: "2024-02-29T11:00:00+05:30") == unit + 1)
        #expect(try hours.ordinal(of: "2024-02-29T04:30:00Z") == unit)
    }

    @Test("An hour that comes twice is two units, told apart by their offsets")
    func repeatedHour() throws {
        let hours = KeyType.timestamp(step: 3600, timezone: try zone("Europe/London"))
        let first = try hours.ordinal(of: "2024-10-27T01:00:00+01:00")
        #expect(try hours.ordinal(of: "2024-10-27T01:00:00Z") == first + 1)
        #expect(hours.text(first) == "2024-10-27T01:00:00+01:00")
        #expect(hours.text(first + 1) == "2024-10-27T01:00:00Z")
    }

    @Test(
        "What reads as exact is not left to PostgreSQL's rounding",
        arguments: [
            ("2024-01-31T23:59:59.999999Z", true), ("2024-01-31T23:59:59.9999991Z", false),
            ("2024-01-31T23:59:59.999999999Z", false), ("2024-01-31T23:59:59Z", true), ("2024-01-31T23:59:59", false),
        ])
    func exactness(text: String, isExact: Bool) {
        var copy = text
        let reading = copy.withUTF8 { KeyType.timestamp(step: 1, timezone: .utc).read($0) }
        let exact = if case .exact = reading { true } else { false }
        #expect(exact == isExact)
    }
}
