import Foundation
import Lacuna
import LacunaSources
import Testing

@testable import LacunaConfig

@Suite("Values are read by the stream's key")
struct ValueTests {
    static let bounds: [(String, Lacuna.Expectation.Bound)] = [
        ("2015-01-01", .unit(16_436)),
        ("\"2015-01-01\"", .unit(16_436)),
        ("today", .today(.init())),
        ("today - 90d", .today(.init(.days(90)))),
        ("today-90d", .today(.init(.days(90)))),
        ("today + 1 week", .today(.init(.days(7), isPast: false))),
        ("today - 48h", .today(.init(.seconds(172_800)))),
        ("today - 1 month", .today(.init(.months(1)))),
        ("now", .now(.init())),
        ("now - 6h", .now(.init(.seconds(21_600)))),
        ("now + 30m", .now(.init(.seconds(1800), isPast: false))),
        ("tip", .tip),
    ]

    @Test("as an end of what is expected on date keys", arguments: bounds)
    func dateBound(_ text: String, _ bound: Lacuna.Expectation.Bound) throws {
        try withFixture { fixture in
            let to = try fixture.parse(dateConfig("expect: {to: \(text)}")).streams[0].definition.expect
            #expect(to.to == bound)
            #expect(to.from == nil)
            guard bound != .tip else { return }
            let from = try fixture.parse(dateConfig("expect: {from: \(text)}")).streams[0].definition.expect
            #expect(from.from == bound)
            #expect(from.to == .tip)
        }
    }

    @Test(
        "as a key of the stream on the other keys",
        arguments: [
            (integerConfig("expect: {from: 787447}"), Lacuna.Expectation.Bound.unit(787_447)),
            (integerConfig("expect: {from: -5}"), .unit(-5)),
            (timestampConfig("expect: {from: 1970-01-02T03:00:00Z}"), .unit(27)),
            (timestampConfig("expect: {from: 1970-01-02}"), .unit(24)),
            (timestampConfig("expect: {from: today - 5h}"), .today(.init(.seconds(18_000)))),
        ])
    func otherBound(_ text: String, _ bound: Lacuna.Expectation.Bound) throws {
        try withFixture { fixture in
            let from = try fixture.parse(text).streams[0].definition.expect.from
            #expect(from == bound)
        }
    }

    @Test(
        "as the size of a batch",
        arguments: [
            (integerConfig("batch: 1_000_000"), HistoryLength.units(1_000_000)),
            (integerConfig(), .units(1000)),
            (dateConfig("batch: 30d"), .days(30)),
            (dateConfig("batch: 48h"), .days(2)),
            (dateConfig("batch: 2 weeks"), .days(14)),
            (dateConfig("batch: 1 year"), .months(12)),
            (dateConfig("batch: 7"), .units(7)),
            (timestampConfig("batch: 6h"), .seconds(21_600)),
            (timestampConfig("batch: 30d"), .days(30)),
        ])
    func batch(_ text: String, _ length: HistoryLength) throws {
        try withFixture { fixture in
            let batch = try fixture.parse(text).streams[0].definition.batch
            #expect(batch == length)
        }
    }

    @Test("and a delay shorter than a day is let stand on date keys")
    func delay() throws {
        try withFixture { fixture in
            let text = dateConfig("expect: {delay: 90m}\noverlap: 0\nlookback: 12h")
            let definition = try fixture.parse(text).streams[0].definition
            #expect(definition.expect.delay == .seconds(5400))
            #expect(definition.overlap == .units(0))
            #expect(definition.lookback == .seconds(43_200))
        }
    }

    @Test("as seasons, one, several or by partition value")
    func seasons() throws {
        let winter = try #require(Season("10-01..06-30"))
        let spring = try #require(Season("03-01..05-31"))
        try withFixture { fixture in
            func calendar(_ seasons: String) throws -> ExpectedCalendar {
                let text = dateConfig("partitions: {league: [NBA, NFL]}\nexpect: {seasons: \(seasons)}")
                return try fixture.parse(text).streams[0].definition.expect.calendar
            }
            let one = try calendar("10-01..06-30")
            #expect(one == .seasons(Seasons(common: [winter])))
            let several = try calendar("[10-01..06-30, 03-01..05-31]")
            #expect(several == .seasons(Seasons(common: [winter, spring])))
            let byValue = try calendar("{NBA: 10-01..06-30, NFL: [03-01..05-31]}")
            #expect(byValue == .seasons(Seasons(byPartitionValue: ["NBA": [winter], "NFL": [spring]])))
        }
    }

    @Test("as what becomes of rows that the source no longer has, and how many may go at once")
    func rows() throws {
        try withFixture { fixture in
            let plain = try fixture.parse(integerConfig()).streams[0].definition
            #expect(plain.rows == .upsert && plain.shrinkGuard == 20)
            for (share, percent) in [
                ("", 20), ("shrink_guard: 5%", 5), ("shrink_guard: off", 100), ("shrink_guard: 100%", 100),
            ] {
                let definition = try fixture.parse(integerConfig("rows: replace\n\(share)")).streams[0].definition
                #expect(definition.rows == .replace)
                #expect(definition.shrinkGuard == percent, "\(share)")
            }
        }
    }

    @Test("as when a unit has all its rows")
    func complete() throws {
        try withFixture { fixture in
            for (written, complete) in [
                ("{rows: 24}", Completeness.rows(24)), ("{rows: {at_least: 24}}", .rows(24)),
                ("{where: a IS NOT NULL}", .everyRow("a IS NOT NULL")),
                ("{where: a IS NOT NULL, any: false}", .everyRow("a IS NOT NULL")),
                ("{where: a > 1, any: true}", .anyRow("a > 1")), ("{query: SELECT 1}", .query("SELECT 1")),
            ] {
                let definition = try fixture.parse(integerConfig("complete: \(written)")).streams[0].definition
                #expect(definition.complete == complete)
            }
        }
    }

    @Test("as partitions by their written text, whatever YAML makes of it")
    func partitions() throws {
        try withFixture { fixture in
            let text = dateConfig("partitions: {query: [01, 1.50, yes, 2015-01-01, \"\", \"null\"], b: [x]}")
            let partitions = try fixture.parse(text).streams[0].definition.partitions
            #expect(
                partitions
                    == .product([
                        PartitionColumn(name: "query", values: ["01", "1.50", "yes", "2015-01-01", "", "null"]),
                        PartitionColumn(name: "b", values: ["x"]),
                    ]))
        }
    }

    @Test("and more partitions than can be meant are refused")
    func tooManyPartitions() throws {
        let values = (0..<400).map(String.init).joined(separator: ", ")
        try expectRefusal(
            WrongConfig(
                dateConfig("partitions: {a: [\(values)], b: [\(values)]}"), at: "12:17", "more than 100000 partitions"))
    }

    @Test(
        "and retries keep their waits in order",
        arguments: [
            ("{attempts: 2}", RetryPolicy(attempts: 2)),
            ("{backoff: 2m}", RetryPolicy(backoff: .seconds(120), maxBackoff: .seconds(120))),
            ("{backoff: 2s}", RetryPolicy(backoff: .seconds(2), maxBackoff: .seconds(60))),
        ])
    func retry(_ text: String, _ policy: RetryPolicy) throws {
        try withFixture { fixture in
            let retry = try fixture.parse(integerConfig("retry: \(text)")).streams[0].definition.retry
            #expect(retry == policy)
        }
    }

    @Test("and a default gives way to the source, and the source to the stream")
    func precedence() throws {
        try withFixture { fixture in
            func timeout(_ stream: String, _ source: String, _ defaults: String) throws -> Duration? {
                let text = integerConfig(
                    stream, source: source, top: "defaults: {order: oldest, path: a.csv, \(defaults)}")
                let configuration = try fixture.parse(text)
                #expect(configuration.streams[0].definition.order == .oldest)
                guard case .command(let settings) = configuration.streams[0].source else { return nil }
                return settings.timeout
            }
            let ofStream = try timeout("timeout: 1s", "timeout: 2s", "timeout: 3s")
            #expect(ofStream == .seconds(1))
            let ofSource = try timeout("", "timeout: 2s", "timeout: 3s")
            #expect(ofSource == .seconds(2))
            let ofDefaults = try timeout("", "", "timeout: 3s")
            #expect(ofDefaults == .seconds(3))
            let ofNone = try timeout("", "", "workers: 3")
            #expect(ofNone == .seconds(600))
        }
    }

    @Test("and a source may leave to its streams what each has of its own")
    func sharedSource() throws {
        try withFixture { fixture in
            let text = """
                version: 1
                sources: {up: {type: postgres, database: service=up}}
                defaults: {source: up, key: {column: n, type: integer}}
                streams:
                  a: {table: a, query: SELECT 1}
                  b: {table: b, query: SELECT 2, database: service=other}
                """
            let streams = try fixture.parse(text).streams
            var a = PostgresSettings(query: try Template("SELECT 1"))
            a.database = "service=up"
            var b = PostgresSettings(query: try Template("SELECT 2"))
            b.database = "service=other"
            #expect(streams.map(\.source) == [.postgres(a), .postgres(b)])
        }
    }

    @Test(
        "and a batch holds no units of several files",
        arguments: [
            ("{window.first:yyyyMMdd}.csv", "1", true), ("{window.first:yyyyMMdd}.csv", "2d", false),
            ("{window.first:yyyyMM}.csv", "1 month", true), ("{window.first:yyyyMM}.csv", "7d", false),
            ("{window.first:yyyyMM}.csv", "1, overlap: 1d", false), ("{window.first}-{window.last}.csv", "7d", true),
            ("a.csv", "7d", true),
        ])
    func filesOfWindows(path: String, batch: String, isRight: Bool) throws {
        try withFixture { fixture in
            func parse() throws {
                _ = try fixture.parse(
                    """
                    version: 1
                    sources: {up: {type: file, path: "\(path)"}}
                    streams: {a: {source: up, table: a, key: {column: d, type: date}, batch: \(batch)}}
                    """)
            }
            if isRight {
                #expect(throws: Never.self) { try parse() }
                return
            }
            let error = #expect(throws: ConfigurationError.self) { try parse() }
            #expect(error?.message.contains("set a `batch` that one file holds whole") == true)
        }
    }

    @Test(
        "and a file says what it holds by its name or in words",
        arguments: ["a.csv", "a.NDJSON", "{window.first}.jsonl"])
    func fileFormat(_ path: String) throws {
        try withFixture { fixture in
            func parse(_ settings: String) throws -> Configuration {
                try fixture.parse(
                    """
                    version: 1
                    sources: {up: {type: file, \(settings)}}
                    streams: {a: {source: up, table: a, key: {column: n, type: integer}, batch: 1}}
                    """)
            }
            #expect(throws: Never.self) { try parse("path: \"\(path)\"") }
            #expect(throws: Never.self) { try parse("path: \"\(path).gz\", format: csv") }
            let error = #expect(throws: ConfigurationError.self) { try parse("path: \"\(path).gz\"") }
            #expect(error?.message.contains("does not say what the file holds") == true)
        }
    }

    @Test(
        "and a mistyped name is answered with the nearest",
        arguments: [
            ("tabel", "table"), ("primaryKey", "primary_key"), ("primary-key", "primary_key"), ("wokers", "workers"),
            ("partit", "partitions"), ("part", "path"), ("batches", "batch"), ("lookbak", "lookback"), ("xyzzy", nil),
            ("a", nil),
            ("keys", "key"), ("zz", nil), ("LOAD", "load"),
        ] as [(String, String?)])
    func suggestion(_ written: String, _ meant: String?) {
        #expect(Suggestion.nearest(to: written, among: SettingsTable.stream(overriding: nil).names) == meant)
    }
}
