import Foundation
import TestSupport
import Testing

@testable import LacunaCLI

@Suite("lacuna gaps for a browser and for Prometheus")
struct GapFormatTests {
    private static let regions = ["<script>alert('x')</script>", "a\"b\\c\nd", "{},=x", "&lt;\u{1B}[31m", "plain"]

    private static let config = """
        sources: {archive: {type: file, path: rows.csv}}
        streams:
          "<b>'&\\"":
            source: archive
            table: public."<i>t"
            key: {column: day, type: date}
            expect: {from: 2024-01-01, to: 2024-01-10}
            partitions: {region: ["<script>alert('x')</script>", "a\\"b\\\\c\\nd", "{},=x", "&lt;\\e[31m", plain]}
          numbers: {source: archive, table: public.numbers, key: {column: n, type: integer}, expect: {from: 1}}
        """

    private func withTables(_ body: (Installation) async throws -> Void) async throws {
        try await Installation.with(
            """
            CREATE TABLE public."<i>t" (region text, day date, PRIMARY KEY (region, day));
            CREATE TABLE public.numbers (n bigint PRIMARY KEY);
            INSERT INTO public.numbers SELECT generate_series(1, 100000, 2);
            """, config: Self.config
        ) { installation in
            let session = try await installation.database.connect()
            for (index, region) in Self.regions.enumerated() {
                try await session.query(
                    .init(
                        name: "fill",
                        sql:
                            "INSERT INTO public.\"<i>t\" SELECT $1, date '2024-01-01' + d FROM generate_series(0, $2::int) AS d UNION ALL SELECT $1, '2024-01-10'",
                        values: [region, String(index)]))
            }
            await session.close()
            try await body(installation)
        }
    }

    @Test("The page holds what the text report holds, escaped, and asks for nothing from elsewhere")
    func page() async throws {
        try await withTables { installation in
            let result = try await installation.lacuna("gaps", "--format", "html")
            #expect(result.status == 0, "\(result.errors)")
            let page = result.output
            #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n"))
            let checker = PageMarkupChecker(page)
            #expect(checker.problems.isEmpty, "\(checker.problems)")
            let known: Set<String> = [
                "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "strong", "section", "div",
                "ul",
                "li", "nav", "a", "span", "b", "bdi", "code", "dl", "dt", "dd", "details", "summary", "time", "wbr",
                "svg",
                "defs", "pattern", "rect", "circle", "line", "text", "path", "figure", "figcaption",
            ]
            #expect(checker.tags.isSubset(of: known), "\(checker.tags.subtracting(known))")
            for text in [
                "6 of 6 partitions have gaps", "<b>'&\"", "public.<i>t", "<script>alert('x')</script>",
                "a\"b\\c\\u{a}d",
                "{},=x", "&lt;\\u{1b}[31m", "40.0 % of 50 expected days covered, 5 gaps", "2024-01-02–2024-01-09",
                "8 days",
                "missing: 2024-01-05–2024-01-09, 5 days", "every 2, 2–99998", "49,999 × 1 unit", "49,999 units missing",
                "lacuna reconcile --partition 'region=<script>alert('\\''x'\\'')</script>' '<b>'\\''&\"'",
                "lacuna reconcile numbers", "The journal has no runs of this stream.",
            ] {
                #expect(checker.shows(text), "\(text)")
            }
            #expect(page.contains("default-src 'none'"))
            #expect(
                !page.contains("http:") && !page.contains("https:")
                    && !page.replacing("url(#", with: "").contains("url("))
            // A strip of each partition.
            #expect(page.components(separatedBy: "<svg class=\"strip\"").count == 7)
            let all = try await installation.lacuna("gaps", "numbers", "--format", "html", "--all")
            #expect(all.output.components(separatedBy: "<li><b>").count > 49_000 && !all.output.contains("more gap"))
        }
    }

    @Test("The metrics hold each figure once, under its help and its type, with every label as it was")
    func metrics() async throws {
        try await withTables { installation in
            let result = try await installation.lacuna("gaps", "--format", "prometheus")
            #expect(result.status == 0, "\(result.errors)")
            var samples: [String: [String: Int]] = [:]
            var current = ""
            var described: Set<String> = []
            for line in result.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                if line.hasPrefix("# HELP ") {
                    current = String(line.split(separator: " ")[2])
                    #expect(described.insert(current).inserted)
                } else if line.hasPrefix("# TYPE ") {
                    #expect(line == "# TYPE \(current) gauge")
                } else if current == "lacuna_missing_units_by_cause" {
                    #expect(
                        line.hasPrefix("\(current){stream=\"") && line.contains("\",cause=\"never_fetched\"} "),
                        "\(line)")
                } else {
                    let match = try #require(
                        line.wholeMatch(
                            of:
                                /([a-z_]+)\{stream="((?:[^"\\\n]|\\.)*)",partition="((?:[^"\\\n]|\\.)*)"(?:,region="((?:[^"\\\n]|\\.)*)")?\} ([0-9]+)/
                        ),
                        "\(line)")
                    #expect(match.output.1 == current)
                    let labels = [match.output.2, match.output.3].map(Self.unescaped).joined(separator: "|")
                    let region = match.output.4.map(Self.unescaped)
                    #expect(
                        match.output.3.isEmpty
                            ? region == nil : "region=\(region ?? "")" == Self.unescaped(match.output.3))
                    let value = try #require(Int(match.output.5))
                    #expect(samples[current, default: [:]].updateValue(value, forKey: labels) == nil)
                }
            }
            let missing = Dictionary(
                uniqueKeysWithValues: Self.regions.enumerated().map { ("<b>'&\"|region=\($1)", 8 - $0) } + [
                    ("numbers|", 49_999)
                ])
            #expect(samples["lacuna_missing_units"] == missing)
            #expect(samples["lacuna_expected_units"]?["numbers|"] == 99_999)
            #expect(samples["lacuna_covered_units"]?["numbers|"] == 50_000)
            #expect(samples["lacuna_gaps"]?["<b>'&\"|region=plain"] == 1)
            #expect(samples["lacuna_contiguous_units"]?["numbers|"] == 1)
            #expect(samples["lacuna_behind_tip_units"]?["<b>'&\"|region=plain"] == 0)
            #expect(samples["lacuna_behind_tip_units"]?["numbers|"] == nil)
        }
    }

    @Test("A partition column's label is one that Prometheus takes, and no other's")
    func labelNames() {
        let columns = ["league", "stream", "home team", "home.team", "2nd", "__name__", "größe", ""]
        #expect(
            GapMetrics.labelNames(columns)
                == [
                    "league", "partition_stream", "home_team", "home_team_2", "partition_2nd", "partition___name__",
                    "gr__e", "partition_",
                ]
        )
    }

    private static func unescaped(_ text: Substring) -> String {
        var result = ""
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", let next = rest.popFirst() else {
                result.unicodeScalars.append(scalar)
                continue
            }
            result.unicodeScalars.append(next == "n" ? "\n" : next)
        }
        return result
    }
}
