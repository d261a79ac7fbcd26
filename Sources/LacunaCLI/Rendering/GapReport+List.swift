import Lacuna

/// Lists of gaps, for a quick look and for other programs.
extension GapReport {
    /// One line a gap, for a quick look and for pipes: stream, partition, range, units.
    ///
    /// - Parameters:
    ///   - list: which gaps, and in which order.
    ///   - showsTail: whether what is missing behind the tip gets a line too.
    ///   - put: takes each line; there may be millions.
    /// - Returns: how many gaps, or units, the list's limit leaves out.
    func gapLines(_ list: GapList, showsTail: Bool, _ put: (String) -> Void) -> UInt64 {
        var isEmpty = true
        let left = forEachGap(list, countsNew: false) { coverage, gap in
            isEmpty = false
            let size = isOrdered && !list.splits ? "  \(Numbers.count(gap.unitCount, "unit"))" : ""
            put("\(title(coverage))  \(text(gap))\(size)\(isThin(gap, coverage) ? "  thin" : "")")
        } after: { coverage in
            guard coverage.isNew else { return }
            isEmpty = false
            put("\(title(coverage))  nothing ingested yet\(newHint(coverage))")
        }
        if partitions.isEmpty {
            put("\(name)  no partitions were found")
        } else if isEmpty, left == 0 {
            put("\(name)  no gaps\(missingCount == 0 ? "" : " of at least \(Numbers.count(list.atLeast, "unit"))")")
        }
        for coverage in partitions where showsTail {
            guard isOrdered, !coverage.isNew, let tail = coverage.tail, let hull = tail.hull else { continue }
            put("\(title(coverage))  behind the tip  \(text(hull))  \(Numbers.count(tail.count, "unit"))")
        }
        return left
    }

    /// The stream, and the partition if there are several.
    private func title(_ coverage: PartitionCoverage) -> String {
        label(coverage).isEmpty ? name : "\(name)  \(label(coverage))"
    }

    /// Hands over the gaps of a list.
    ///
    /// - Parameters:
    ///   - countsNew: whether what is expected of partitions that have nothing yet counts as gaps.
    ///   - body: takes each gap, or each unit.
    ///   - after: what comes after the gaps of a partition; after all gaps if these are listed by their length.
    /// - Returns: how many gaps, or units, the limit leaves out.
    private func forEachGap(
        _ list: GapList, countsNew: Bool, _ body: (PartitionCoverage, Range<Int64>) -> Void,
        after: (PartitionCoverage) -> Void = { _ in }
    ) -> UInt64 {
        var (shown, left) = (UInt64(0), UInt64(0))
        func show(_ coverage: PartitionCoverage, _ gap: Range<Int64>) {
            guard list.splits else {
                if shown < list.limit { body(coverage, gap) } else { left += 1 }
                shown += 1
                return
            }
            var unit = gap.lowerBound
            while unit < gap.upperBound, shown < list.limit {
                body(coverage, unit..<unit + 1)
                unit += 1
                shown += 1
            }
            left = left.adding(saturating: (unit..<gap.upperBound).unitCount)
        }
        func wanted(_ coverage: PartitionCoverage) -> some Sequence<Range<Int64>> {
            (coverage.isNew && !countsNew ? [] : gaps(of: coverage)).lazy.filter { $0.unitCount >= list.atLeast }
        }
        guard list.longestFirst else {
            for coverage in partitions {
                for gap in wanted(coverage) { show(coverage, gap) }
                after(coverage)
            }
            return left
        }
        let all = partitions.flatMap { coverage in wanted(coverage).map { (coverage, $0) } }
        for (coverage, gap) in all.sorted(by: { $0.1.unitCount > $1.1.unitCount }) { show(coverage, gap) }
        partitions.forEach(after)
        return left
    }

    /// Comma-separated values: a row a gap.
    ///
    /// - Parameters:
    ///   - showsTail: whether what is missing behind the tip gets rows too; then a last column tells which is which, as it does of
    ///     streams that say when a unit is complete.
    ///   - list: which gaps, and in which order.
    ///   - put: takes each row; there may be millions.
    /// - Returns: how many gaps, or units, the list's limit leaves out.
    func csvLines(_ list: GapList, showsTail: Bool, _ put: (String) -> Void) -> UInt64 {
        func putRow(_ coverage: PartitionCoverage, _ range: Range<Int64>, _ kind: String) {
            let fields =
                [definition.name] + coverage.partition.values
                + [range.lowerBound, range.upperBound - 1].map(definition.keyType.text)
            let row = fields.map(GapReport.csvField).joined(separator: ",") + ",\(range.unitCount)"
            put(showsTail || showsThin ? "\(row),\(kind)" : row)
        }
        return forEachGap(list, countsNew: true) { coverage, gap in
            putRow(coverage, gap, isThin(gap, coverage) ? "thin" : "gap")
        } after: { coverage in
            guard showsTail, isOrdered, !coverage.isNew else { return }
            for range in coverage.tail?.ranges ?? [] { putRow(coverage, range, "behind") }
        }
    }

    /// The header that ``csvLines(_:showsTail:_:)`` stand under.
    func csvHeader(showsTail: Bool) -> String {
        (["stream"] + columns + ["first", "last"]).map(GapReport.csvField).joined(separator: ",") + ",units"
            + (showsTail || showsThin ? ",kind" : "")
    }

    private static func csvField(_ text: String) -> String {
        // By Unicode scalars: a quote and a combining mark after it are one `Character`, as are CR and LF.
        let scalars = text.unicodeScalars
        guard scalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else { return text }
        let parts = scalars.split(separator: "\"", omittingEmptySubsequences: false)
        return "\"\(parts.map { String($0) }.joined(separator: "\"\""))\""
    }
}

/// Which gaps a list shows, and how.
struct GapList {
    /// Each unit by itself.
    var splits = false
    /// By length, the longest first; else by partition and key.
    var longestFirst = false
    /// Gaps of fewer units are left out.
    var atLeast: UInt64 = 1
    /// At most so many lines.
    var limit: UInt64 = .max

    /// Whether it shows all gaps as they are.
    var isWhole: Bool { !splits && !longestFirst && atLeast <= 1 && limit == .max }
}
