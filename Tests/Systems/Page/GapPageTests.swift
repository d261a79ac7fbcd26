@testable import Lacuna
import Foundation
import LacunaModel
import TestSupport
import Testing

@testable import LacunaCLI

@Suite("The page of the report")
struct GapPageTests {
    private static let year = PageFixture.day(2025, 1, 1)..<PageFixture.day(2025, 12, 31)

    @Test("Every gap of a random survey stands in the page, in its row, its rhythm or a tooltip")
    func everyGap() {
        var random = SeededGenerator("pages of random surveys")
        let types: [KeyType] = [.date(timezone: .utc), .timestamp(step: 3600, timezone: .utc), .integer(step: 10)]
        for round in 0..<30 {
            let type = types[round % types.count]
            let stream = PageFixture.stream("s", type, columns: ["p"])
            let start = type.unit(at: 1_735_689_600) ?? 0
            let partitions = (0..<Int.random(in: 1...4, using: &random)).map { index in
                let density = Int.random(in: 1...20, using: &random)
                let units = (1..<Int64(399)).filter { _ in Int.random(in: 0...density, using: &random) == 0 }
                return PageFixture.coverage(
                    ["p\(index)"], start..<start + 400, missing: units.map { start + $0..<start + $0 + 1 }, of: stream)
            }
            let checker = PageMarkupChecker(PageFixture.page(GapPage([PageFixture.input(stream, partitions)])))
            for coverage in partitions {
                for gap in coverage.gaps.ranges { #expect(checker.shows(type.text(gap)), "\(type.text(gap))") }
            }
        }
    }

    @Test("What is summed up is counted: listed and hidden gaps are all gaps")
    func sums() throws {
        var random = SeededGenerator("summed up gaps")
        let stream = PageFixture.stream("s", .integer(step: 1), columns: ["p"])
        let partitions = (0..<90).map { index in
            let units = (1..<1999).filter { _ in Int64.random(in: 0...3, using: &random) == 0 }.map(Int64.init)
            return PageFixture.coverage(["p\(index)"], 0..<2000, missing: units.map { $0..<$0 + 1 }, of: stream)
        }
        var limits = GapPage.Limits()
        (limits.strips, limits.allGaps, limits.details) = (20, 100, 10)
        let page = GapPage([PageFixture.input(stream, partitions)], limits: limits)
        let shown = try #require(page.streams.first)
        let missing = partitions.map(\.gaps.count)
        #expect(shown.partitions.map(\.coverage.gaps.count) == missing.sorted(by: >).prefix(20).map(\.self))
        let hidden = missing.sorted(by: >).dropFirst(20).reduce(0, +)
        #expect(shown.rest?.text.hasPrefix("… and 70 more partitions, 70 of them with ") == true)
        #expect(shown.rest?.text.hasSuffix(" \(Numbers.grouped(hidden)) units missing") == true)
        #expect(shown.markCount <= limits.marks)
        for partition in shown.partitions.prefix(10) {
            let detail = try #require(partition.detail)
            let strip = try #require(partition.strip)
            let marks = strip.marks.filter { $0.state == .missing }
            #expect(marks.reduce(0) { $0 + $1.unitCount } == partition.coverage.gaps.count)
            let rest = try #require(detail.rest)
            let listed = detail.gaps.reduce(UInt64(0)) { sum, row in
                let numbers = row.length.split(separator: " ").compactMap { UInt64($0) }
                return sum + numbers.reduce(1, *)
            }
            #expect(rest.contains(" \(Numbers.grouped(partition.coverage.gaps.count - listed)) units"), "\(rest)")
        }
        let gaps = shown.partitions.dropFirst(10).reduce(0) { $0 + $1.coverage.gaps.ranges.count }
        #expect(shown.hiddenDetails == "Not listed: \(Numbers.grouped(gaps)) gaps of 10 more partitions above.")
        // What is not drawn one by one is drawn together.
        let others = try #require(shown.rest?.strip?.marks.filter { $0.state == .missing })
        let sum = others.reduce(0) { $0 + $1.unitCount }
        #expect(abs(Double(sum) - Double(hidden)) <= Double(others.count))
    }

    @Test("Hostile names stay text, and the markup is whole")
    func hostile() {
        let values =
            hostileTexts + ["<script>alert(1)</script>", String(repeating: "long ", count: 500), "]]>", "\u{FFFF}"]
        let stream = PageFixture.stream("<b>\"'&\u{202E}", columns: ["p\"<"])
        let partitions = values.map {
            PageFixture.coverage(
                [$0], Self.year, missing: [Self.year.lowerBound + 5..<Self.year.lowerBound + 9], of: stream)
        }
        let page = PageFixture.page(
            GapPage([PageFixture.input(stream, partitions)], failures: ["stream <i>x</i>: \"&\""], config: "a 'b'.yaml")
        )
        let checker = PageMarkupChecker(page)
        #expect(checker.problems.isEmpty, "\(checker.problems)")
        #expect(!page.unicodeScalars.contains { TerminalText.isObeyed($0) && $0 != "\n" })
        #expect(checker.tags.isDisjoint(with: ["script", "b'", "i", "link", "img", "iframe", "form"]))
        for value in values.dropLast() where value.unicodeScalars.count < 60 && !value.isEmpty {
            #expect(checker.shows(Console.printable(value)))
        }
        #expect(checker.shows("stream <i>x</i>: \"&\""))
    }

    @Test("A hundred thousand partitions, and a million gaps, make a small page")
    func size() async {
        // On a thread of its own: it would keep other tests from theirs for a while.
        let page = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: Self.largePage()) }
        }
        #expect(page.utf8.count < 2_000_000)
        let checker = PageMarkupChecker(page)
        #expect(checker.problems.isEmpty, "\(checker.problems)")
        #expect(
            checker.shows("91,666 of 100,001 partitions have gaps") || checker.shows("91,667 of 100,001 partitions"))
        #expect(checker.shows("… and 99,880 more partitions"))
    }

    private static func largePage() -> String {
        let stream = PageFixture.stream("s", columns: ["p"])
        let start = PageFixture.day(2024, 1, 1)
        let many = (0..<100_000).map { index in
            PageFixture.coverage(
                ["partition \(index)"], start..<start + 700,
                missing: (0..<Int64(index % 12)).map {
                    start + 1 + $0 * 50..<start + 1 + $0 * 50 + 1 + Int64(index % 5)
                }, of: stream)
        }
        let numbers = PageFixture.stream("million", .integer(step: 1))
        var random = SeededGenerator("a million gaps")
        let million = PageFixture.coverage(
            [], 0..<10_000_000,
            missing: (0..<1_000_000).map { $0 * 9 + 1..<$0 * 9 + 2 + Int64.random(in: 0...3, using: &random) },
            of: numbers)
        let streams = [PageFixture.input(stream, many), PageFixture.input(numbers, [million])]
        let clock = ContinuousClock()
        var page = ""
        let time = clock.measure { page = PageFixture.page(GapPage(streams)) }
        print("a page of \(page.utf8.count) bytes in \(time)")
        return page
    }

    @Test("Every limit at once stays under 2 MB")
    func largest() {
        let start = PageFixture.day(2020, 1, 1)
        let streams = (0..<200).map { number in
            let stream = PageFixture.stream("stream \(number)", columns: ["p"])
            let partitions = (0..<30).map { index in
                // Gaps of two lengths in turn are no row.
                PageFixture.coverage(
                    ["partition \(index)"], start..<start + 2000,
                    missing: (0..<390).map { start + 1 + $0 * 5..<start + 2 + $0 * 5 + ($0 * $0 / 3) % 3 }, of: stream)
            }
            let failures = (0..<390).map { gap in
                StreamStatus.Failure(
                    partition: Partition(["partition 1"]), window: start + gap * 5..<start + gap * 5 + 2, failures: 3,
                    secondsToWait: 100, error: String(repeating: "error ", count: 100))
            }
            return PageFixture.input(stream, partitions, failures: failures)
        }
        let page = PageFixture.page(GapPage(streams))
        print("a page of \(page.utf8.count) bytes")
        #expect(page.utf8.count < 2_000_000)
        #expect(page.contains("140 more streams"))
    }

    @Test("Streams stand worst first, and the verdict counts all of them")
    func order() {
        func input(_ name: String, missing: Int64, failing: Bool = false) -> PageInput {
            let stream = PageFixture.stream(name)
            let gaps = missing > 0 ? [Self.year.lowerBound + 1..<Self.year.lowerBound + 1 + missing] : []
            let failures =
                failing
                ? [
                    StreamStatus.Failure(
                        partition: .whole, window: gaps[0], failures: 5, secondsToWait: 2400, error: "HTTP 500")
                ] : []
            return PageFixture.input(
                stream, [PageFixture.coverage([], Self.year, missing: gaps, of: stream)], failures: failures, behind: 2)
        }
        let page = GapPage(
            [
                input("whole", missing: 0), input("bad", missing: 9), input("worse", missing: 90),
                input("failing", missing: 1, failing: true),
            ],
            failures: ["stream gone: no such table"])
        #expect(page.streams.map(\.name) == ["failing", "worse", "bad", "whole"])
        #expect(page.verdict == "3 of 4 streams have gaps; 1 stream could not be looked at")
        #expect(!page.isClean)
        #expect(page.figures.map(\.value) == ["100", "11 months", "2 days", "1"])
        #expect(page.figures[0].caption == "days missing in 3 gaps" && page.figures[3].caption == "window fails")
        let row = page.streams[0].partitions[0].detail?.gaps.first
        #expect(row?.cause == "failed in 5 runs in a row, next try in 40 min 0 s: HTTP 500")
        #expect(page.streams[0].partitions[0].detail?.command == "lacuna reconcile --retry-now failing")
        #expect(page.streams[3].partitions[0].detail?.command == nil)
    }

    @Test("A figure that is not known says so")
    func unknown() {
        let stream = PageFixture.stream("numbers", .integer(step: 1))
        let page = GapPage([
            PageFixture.input(
                stream, [PageFixture.coverage([], 0..<100, missing: [4..<6], of: stream)], isStream: false)
        ])
        #expect(page.figures.map(\.value) == ["2", nil, nil, nil])
        #expect(page.figures[1].caption == "age of the oldest gap: numbers and ids have no clock")
        #expect(page.verdict == "numbers has gaps")
        let detail = page.streams[0].partitions[0].detail
        #expect(detail?.command == nil && detail?.noCommand != nil && detail?.gaps.first?.age == nil)
        #expect(PageFixture.page(page).components(separatedBy: "not known").count == 4)
        #expect(GapPage([]).verdict == "There is no stream to look at")
        #expect(GapPage([], failures: ["a"]).verdict == "1 stream could not be looked at")
        let clean = GapPage([PageFixture.input(stream, [PageFixture.coverage([], 0..<100, of: stream)])])
        #expect(clean.verdict == "numbers has no gaps" && clean.isClean && clean.figures[1].value == "none")
        let new = GapPage([PageFixture.input(stream, [PageFixture.coverage([], 0..<0, of: stream)])])
        #expect(new.streams[0].badge == "nothing ingested yet")
    }

    @Test("Names have links that stay the same, and no two have one")
    func slugs() {
        let names =
            hostileTexts + ["a.20b", "a b", String(repeating: "x", count: 200), String(repeating: "x", count: 201)]
        let slugs = names.map(PageNames.slug)
        #expect(Set(slugs).count == Set(names.map { Array($0.utf8) }).count)
        #expect(
            slugs.allSatisfy {
                $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !$0.contains("\"") && !$0.contains("/")
            })
        #expect(PageNames.slug("games") == "games")
    }
}
