import Lacuna

extension GapReport {
    /// How the table was scanned, why so, and what it cost.
    func scanLine() -> String {
        let account = survey.scan
        if case .readAgain(let units, let since) = account.changes {
            return "changes since \(since): \(Numbers.count(units, "unit")) read again; "
                + "\(Int(account.duration / .milliseconds(1))) ms"
        }
        var parts = ["scan by \(account.strategy.rawValue): \(Console.printable(account.reason))"]
        if let rows = account.rowEstimate { parts.append("about \(Numbers.count(rows, "row"))") }
        if let units = account.spannedUnits { parts.append("\(Numbers.count(units, "unit")) from first to last") }
        parts.append("\(Int(account.duration / .milliseconds(1))) ms")
        if case .scannedWhole(let reason) = account.changes { parts.append("whole, as \(Console.printable(reason))") }
        return parts.joined(separator: "; ")
    }

    /// The full report: a heading, a picture and figures of each partition, and its gaps.
    ///
    /// - Parameters:
    ///   - gapLimit: how many gaps of a partition are listed.
    ///   - style: colours, or none.
    ///   - put: takes each line; there may be millions.
    func reportLines(gapLimit: Int, style: TextStyle, _ put: (String) -> Void) {
        let heading = Console.printable("\(table), key \(definition.keyColumn) (\(definition.keyType.name))")
        put(style.bold(name) + "  " + heading)
        put("  " + summary(style))
        put("")
        if partitions.count == 1, let only = partitions.first, columns.isEmpty {
            single(only, gapLimit: gapLimit, style: style, put)
        } else {
            overview(put)
            for coverage in partitions where !coverage.gaps.isEmpty && !coverage.isNew {
                put("")
                put("  " + style.bold(label(coverage)))
                gapList(coverage, limit: gapLimit, style: style, put)
            }
        }
    }

    private func summary(_ style: TextStyle) -> String {
        let (verdict, share) = verdict
        if partitions.allSatisfy(\.isNew) { return style.warning(verdict) }
        return (isClean ? style.good(verdict) : style.bad(verdict)) + share
    }

    /// What there is to say of the stream in one line.
    var summaryText: String { verdict.0 + verdict.1 }

    private var verdict: (String, share: String) {
        let expected = expectedCount
        if partitions.isEmpty { return ("no partitions were found", "") }
        if partitions.allSatisfy(\.isNew) { return ("nothing ingested yet", "") }
        let fraction = expected == 0 ? 1 : Double(coveredCount) / Double(expected)
        var share = ": \(Numbers.percent(fraction)) of \(Numbers.count(expected, "expected unit"))"
        if provisionalCount > 0 { share += ", \(Numbers.count(provisionalCount, "unit")) provisional" }
        if acceptedCount > 0 { share += ", \(Numbers.count(acceptedCount, "unit")) accepted as missing" }
        if settledCount > 0 { share += ", \(Numbers.count(settledCount, "unit")) thin at the source" }
        if isClean { return (coveredCount == expected ? "complete" : "no gaps", share) }
        let thin = thinCount == 0 ? "" : ", \(Numbers.grouped(thinCount)) of them thin"
        return ("\(Numbers.count(gapCount, "gap")), \(Numbers.count(missingCount, "unit")) missing\(thin)", share)
    }

    /// How much of a partition is covered.
    func fraction(_ coverage: PartitionCoverage) -> Double {
        let expected = coverage.expected.count
        return expected == 0 ? 1 : Double(coverage.coveredCount) / Double(expected)
    }

    private func single(
        _ coverage: PartitionCoverage, gapLimit: Int, style: TextStyle, _ put: (String) -> Void
    ) {
        guard !coverage.isNew else { return put("  nothing ingested yet\(newHint(coverage))") }
        if !coverage.range.isEmpty, isOrdered {
            let bar = CoverageBar.bar(coverage, width: 48)
            put("  \(key(coverage.range.lowerBound)) \(bar) \(key(coverage.range.upperBound - 1))")
            put("")
        }
        var rows: [[String]] = []
        if isOrdered {
            rows.append(["oldest", key(coverage.oldest), ""])
            rows.append(["latest", key(coverage.latest), ""])
            if let run = coverage.contiguous {
                rows.append(["contiguous", text(run), Numbers.count(run.unitCount, "unit")])
            } else {
                rows.append(["contiguous", "–", "0 units"])
            }
        }
        if !coverage.verified.isEmpty {
            rows.append(["verified empty", "", Numbers.count(coverage.verified.count, "unit")])
        }
        if !coverage.provisional.isEmpty {
            let hull = coverage.provisional.hull.map(text) ?? ""
            rows.append(["provisional", hull, Numbers.count(coverage.provisional.count, "unit")])
        }
        let accepted = coverage.acceptedRanges
        for accepted in accepted.suffix(gapLimit) {
            rows.append(["accepted", text(accepted.range), Numbers.count(accepted.range.unitCount, "unit")])
            rows.append(["", Console.printable(accepted.explanation(in: definition)), ""])
        }
        if accepted.count > gapLimit {
            rows.append(["", "… and \(Numbers.count(accepted.count - gapLimit, "older range")); --all lists them", ""])
        }
        if !coverage.settled.isEmpty {
            let hull = coverage.settled.hull.map(text) ?? ""
            rows.append(["thin at the source", hull, Numbers.count(coverage.settled.count, "unit")])
        }
        if !coverage.refetch.isEmpty {
            rows.append(["to be re-fetched", "", Numbers.count(coverage.refetch.count, "unit")])
        }
        if let tail = coverage.tail, isOrdered {
            rows.append(["behind the tip", tail.hull.map(text) ?? "–", Numbers.count(tail.count, "unit")])
        }
        TextTable([("", .left), ("", .left), ("", .right)], rows).write(indent: "  ", put)
        if !coverage.gaps.isEmpty {
            put("")
            gapList(coverage, limit: gapLimit, style: style, put)
        }
    }

    private func overview(_ put: (String) -> Void) {
        let showsTail = partitions.contains { $0.tail?.isEmpty == false }
        var columns: [(title: String, alignment: TextTable.Alignment)] = [
            ("PARTITION", .left), ("OLDEST", .left), ("LATEST", .left), ("EXPECTED", .right), ("MISSING", .right),
            ("GAPS", .right), ("EMPTY", .right),
        ]
        if showsTail { columns.append(("BEHIND", .right)) }
        columns += [("COVERAGE", .left), ("", .right)]
        let rows = partitions.lazy.map { coverage in
            var cells = [
                Console.printable(coverage.partition.values.joined(separator: " ")), key(coverage.oldest),
                key(coverage.latest),
                Numbers.grouped(coverage.expected.count), Numbers.grouped(coverage.gaps.count),
                Numbers.grouped(gaps(of: coverage).count), Numbers.grouped(coverage.verified.count),
            ]
            if showsTail { cells.append(coverage.tail.map { Numbers.grouped($0.count) } ?? "–") }
            cells += [
                CoverageBar.bar(coverage, width: 24),
                coverage.isNew ? "new" : Numbers.percent(fraction(coverage)),
            ]
            return cells
        }
        TextTable(columns, rows).write(indent: "  ", put)
    }

    private func gapList(
        _ coverage: PartitionCoverage, limit: Int, style: TextStyle, _ put: (String) -> Void
    ) {
        let gaps = gaps(of: coverage)
        let shown = gaps.suffix(limit).reversed()
        func cells(_ gap: Range<Int64>) -> [String] {
            [text(gap), isOrdered ? Numbers.count(gap.unitCount, "unit") : "", age(of: gap, coverage)]
        }
        var widths = [0, 0, 0]
        if explained != nil {
            for gap in shown { widths = zip(widths, cells(gap)).map { max($0, $1.count) } }
        }
        // Of a column without a cell nothing stands there, not even its distance.
        let columnCount = widths[2] == 0 ? 2 : 3
        let room = GapReport.terminalWidth - widths.reduce(8, +) - 2 * columnCount
        let rows = shown.lazy.map { gap in
            [style.bad(isThin(gap, coverage) ? "thin" : "gap")] + cells(gap).prefix(columnCount)
                + [cause(of: gap, coverage, room: room)]
        }
        let alignments = [.left, .left] + Array(repeating: TextTable.Alignment.right, count: columnCount - 1) + [.left]
        TextTable(alignments.map { ("", $0) }, rows).write(indent: "  ", put)
        if gaps.count > limit {
            put("  … and \(Numbers.count(gaps.count - limit, isOrdered ? "older gap" : "gap")); --all lists them")
        }
    }

    /// What a report is held to, so that no line is broken for a cause.
    private static let terminalWidth = 80

    private func age(of gap: Range<Int64>, _ coverage: PartitionCoverage) -> String {
        guard let since = story(of: gap, coverage)?.since else { return "" }
        return survey.now - since < 60 ? "new" : Numbers.age(seconds: survey.now - since)
    }

    /// Why a gap is there, in no more columns than there is room for.
    private func cause(of gap: Range<Int64>, _ coverage: PartitionCoverage, room: Int) -> String {
        let words = story(of: gap, coverage)?.words ?? ""
        // The line has begun with it.
        if words == "thin", isThin(gap, coverage) { return "" }
        guard words.count > room else { return words }
        return room < 8 ? "" : words.prefix(room - 1) + "…"
    }

    /// What is expected of a partition that has nothing yet.
    func newHint(_ coverage: PartitionCoverage) -> String {
        guard !coverage.expected.isEmpty else { return "" }
        return ", expected \(text(coverage.range)) (\(Numbers.count(coverage.expected.count, "unit")))"
    }

}

/// Colours for a terminal, or none.
struct TextStyle {
    let isColoured: Bool

    func bold(_ text: String) -> String { wrap(text, "1") }
    func good(_ text: String) -> String { wrap(text, "32") }
    func bad(_ text: String) -> String { wrap(text, "31") }
    func warning(_ text: String) -> String { wrap(text, "33") }

    /// What is sent around a text, and nothing else that begins with an escape.
    static let sequences = ["0", "1", "31", "32", "33"].map { Array("\u{1B}[\($0)m".unicodeScalars) }

    private func wrap(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
