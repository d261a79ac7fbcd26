import Foundation
import Lacuna

/// The report as one page that needs nothing else: no script, no font, no address.
enum GapPage {
    /// Writes the page.
    ///
    /// - Parameters:
    ///   - gapLimit: how many gaps of a partition are listed.
    ///   - put: takes each line; there may be millions.
    static func write(_ reports: [GapReport], gapLimit: Int, _ put: (String) -> Void) {
        let time = reports.map(\.survey.now).min().map { Date(timeIntervalSince1970: Double($0)).formatted(.iso8601) }
        put(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>Gaps</title>
            <style>
            :root { color-scheme: light dark; }
            body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
            h2 { margin: 2.5rem 0 0; }
            h3 { margin: 1.5rem 0 .3rem; }
            table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
            th, td { text-align: left; padding: .15rem 1rem .15rem 0; }
            th { font-weight: 600; }
            .number { text-align: right; }
            .good { color: #2a7f3f; }
            .bad { color: #b3261e; }
            .scroll { overflow-x: auto; }
            svg { width: 24rem; max-width: 100%; height: 1rem; vertical-align: middle; }
            </style>
            </head>
            <body>
            <h1>Gaps</h1>
            \(time.map { "<p>As of \($0)</p>" } ?? "")
            """)
        for report in reports { report.section(gapLimit: gapLimit, put) }
        put("</body>")
        put("</html>")
    }

    /// Text fit to stand anywhere in a page.
    static func escape(_ text: String) -> String {
        var result = ""
        for scalar in Console.printable(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Writes a table: cells that begin with a digit stand at the right.
    static func table(_ header: [String], _ rows: some Sequence<[String]>, _ put: (String) -> Void) {
        func cells(_ name: String, _ texts: [String]) -> String {
            texts.map { text in
                let isNumber = text.first?.isNumber ?? false
                return "<\(name)\(isNumber ? " class=\"number\"" : "")>\(text)</\(name)>"
            }.joined()
        }
        let head = header.isEmpty ? "" : "<thead><tr>\(cells("th", header))</tr></thead>"
        put("<div class=\"scroll\"><table>\(head)<tbody>")
        for row in rows { put("<tr>\(cells("td", row))</tr>") }
        put("</tbody></table></div>")
    }
}

extension GapReport {
    fileprivate func section(gapLimit: Int, _ put: (String) -> Void) {
        let escape = GapPage.escape
        put("<section>")
        put("<h2>\(escape(definition.name))</h2>")
        put("<p>\(escape(table)), key \(escape(definition.keyColumn)) (\(escape(definition.keyType.name)))<br>")
        put("<strong class=\"\(isClean ? "good" : "bad")\">\(escape(summaryText))</strong></p>")
        let isAlone = columns.isEmpty && partitions.count == 1
        if isAlone {
            GapPage.table([], figures(partitions[0]), put)
        } else {
            GapPage.table(overviewHeader, partitions.lazy.map(overviewRow), put)
        }
        for coverage in partitions where !coverage.gaps.isEmpty && !coverage.isNew {
            if !isAlone { put("<h3>\(escape(label(coverage)))</h3>") }
            gapTable(coverage, limit: gapLimit, put)
        }
        put("</section>")
    }

    private var overviewHeader: [String] {
        [
            "Partition", "Oldest", "Latest", "Contiguous", "Expected", "Missing", "Gaps", "Empty", "Marked", "Behind",
            "Coverage", "",
        ]
    }

    private func overviewRow(_ coverage: PartitionCoverage) -> [String] {
        [
            GapPage.escape(coverage.partition.values.joined(separator: " ")), shown(coverage.oldest),
            shown(coverage.latest), contiguousText(coverage),
            Numbers.grouped(coverage.expected.count), Numbers.grouped(coverage.gaps.count),
            Numbers.grouped(gaps(of: coverage).count), Numbers.grouped(coverage.verified.count),
            Numbers.grouped(coverage.refetch.count), coverage.tail.map { Numbers.grouped($0.count) } ?? "–",
            picture(coverage), coverage.isNew ? "new" : Numbers.percent(fraction(coverage)),
        ]
    }

    /// The figures of a stream without partitions, a row each.
    private func figures(_ coverage: PartitionCoverage) -> [[String]] {
        guard !coverage.isNew else { return [["nothing ingested yet\(GapPage.escape(newHint(coverage)))"]] }
        var rows = [["coverage", picture(coverage)]]
        if isOrdered {
            rows += [
                ["oldest", shown(coverage.oldest)], ["latest", shown(coverage.latest)],
                ["contiguous", contiguousText(coverage)],
            ]
        }
        rows += [
            ["verified empty", Numbers.count(coverage.verified.count, "unit")],
            ["provisional", Numbers.count(coverage.provisional.count, "unit")],
            ["accepted as missing", Numbers.count(coverage.accepted.count, "unit")],
            ["to be re-fetched", Numbers.count(coverage.refetch.count, "unit")],
        ]
        if let tail = coverage.tail, isOrdered { rows.append(["behind the tip", Numbers.count(tail.count, "unit")]) }
        return rows
    }

    private func gapTable(_ coverage: PartitionCoverage, limit: Int, _ put: (String) -> Void) {
        let gaps = gaps(of: coverage)
        let listed = gaps.suffix(limit).reversed().lazy.map { gap in
            [GapPage.escape(text(gap)), isOrdered ? Numbers.count(gap.unitCount, "unit") : ""]
        }
        let rest = gaps.count - limit
        let more = rest > 0 ? [["… and \(Numbers.count(rest, "more gap"))", ""]] : []
        GapPage.table(["Gap", ""], [AnySequence(listed), AnySequence(more)].joined(), put)
    }

    private func shown(_ unit: Int64?) -> String { GapPage.escape(key(unit)) }

    private func contiguousText(_ coverage: PartitionCoverage) -> String {
        guard isOrdered, let run = coverage.contiguous else { return "–" }
        return GapPage.escape("\(text(run)), \(Numbers.count(run.unitCount, "unit"))")
    }

    /// A picture of the partition: a bar whose parts are as dark as they are covered.
    private func picture(_ coverage: PartitionCoverage) -> String {
        let fractions = CoverageBar.fractions(coverage, width: 96)
        let label = GapPage.escape("\(Numbers.percent(fraction(coverage))) covered")
        let parts = fractions.enumerated().map { index, fraction in
            // The shades of what the text report draws, so that a part with anything missing never looks full.
            let colour = fraction >= 1 ? "#2a7f3f" : fraction >= 0.5 ? "#d9a400" : fraction > 0 ? "#e0702a" : "#b3261e"
            return "<rect x=\"\(index)\" width=\"1.05\" height=\"4\" fill=\"\(colour)\"/>"
        }
        return "<svg viewBox=\"0 0 96 4\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"\(label)\">"
            + "<title>\(label)</title>\(parts.joined())</svg>"
    }
}
