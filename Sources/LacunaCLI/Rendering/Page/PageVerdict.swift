import Foundation
import Lacuna

/// A stream in figures.
struct PageTotals: Sendable {
    let name: String
    let words: UnitWords
    let isClean: Bool
    let partitionCount: Int
    /// Partitions with gaps, and those that nothing was ever ingested of.
    let gappyCount: Int
    let newCount: Int
    let gapCount: Int
    let missing: UInt64
    let expected: UInt64
    let covered: UInt64
    /// Of ``missing`` those that have rows.
    let thin: UInt64
    let provisional: UInt64
    let accepted: UInt64
    /// The most units that a partition is behind; nil if it is not known of all.
    let behind: UInt64?
    /// Windows that failed; nil if the journal does not tell.
    let failing: Int?
    /// The oldest missing unit of a stream whose keys have a clock, when it ended, and its partition.
    let oldest: (unit: Int64, end: Int64, partition: Int)?

    init(_ input: PageInput) {
        name = input.name
        words = UnitWords(input.definition.keyType)
        isClean = input.isClean
        let partitions = input.partitions
        partitionCount = partitions.count
        var (gappy, new, gaps) = (0, 0, 0)
        var (missing, expected, covered, provisional, accepted): (UInt64, UInt64, UInt64, UInt64, UInt64) = (
            0, 0, 0, 0, 0
        )
        var oldest: (unit: Int64, partition: Int)?
        let isOrdered = input.definition.keyType.isOrdered
        for (index, coverage) in partitions.enumerated() {
            if coverage.isNew { new += 1 }
            expected = expected.adding(saturating: coverage.expected.count)
            covered = covered.adding(saturating: coverage.coveredCount)
            provisional = provisional.adding(saturating: coverage.provisional.count)
            accepted = accepted.adding(saturating: coverage.accepted.count)
            guard let first = coverage.gaps.ranges.first?.lowerBound else { continue }
            gappy += 1
            let count = coverage.gaps.count
            gaps += isOrdered ? coverage.gaps.ranges.count : Int(clamping: count)
            missing = missing.adding(saturating: count)
            if first < oldest?.unit ?? .max { oldest = (first, index) }
        }
        (gappyCount, newCount, gapCount) = (gappy, new, gaps)
        (self.missing, self.expected, self.covered) = (missing, expected, covered)
        (self.provisional, self.accepted) = (provisional, accepted)
        thin = partitions.reduce(UInt64(0)) { $0.adding(saturating: $1.thin.count) }
        let known = zip(partitions, input.behind).filter { !$0.0.isNew }.map(\.1)
        behind = known.isEmpty || known.contains(nil) ? nil : known.compactMap(\.self).max()
        failing = if case .read(let status) = input.journal { status.failures.count } else { nil }
        self.oldest = oldest.flatMap { oldest in
            input.definition.keyType.start(of: oldest.unit.adding(saturating: 1)).map {
                (oldest.unit, $0, oldest.partition)
            }
        }
    }

    /// The share of what is expected that lacks, which can be compared between days and blocks.
    private var share: Double { expected == 0 ? 0 : Double(missing) / Double(expected) }

    /// Whether a stream stands before another; nil if both are as bad.
    static func isWorse(_ left: PageTotals, _ right: PageTotals) -> Bool? {
        func rank(_ totals: PageTotals) -> [Double] {
            [
                totals.isClean ? 0 : 1, Double(min(totals.failing ?? 0, 1)), totals.share,
                totals.newCount > 0 ? 1 : 0, Double(totals.provisional), Double(totals.behind ?? 0),
            ]
        }
        for (left, right) in zip(rank(left), rank(right)) where left != right { return left > right }
        return nil
    }

    /// The stream in a few words: `22 days missing`.
    var badge: String {
        if partitionCount == 0 { return "no partitions were found" }
        if missing > 0 { return "\(words.count(missing)) missing" }
        if newCount == partitionCount { return "nothing ingested yet" }
        if newCount > 0, !isClean { return "\(Numbers.count(newCount, "partition")) with nothing ingested yet" }
        return covered == expected ? "complete" : "no gaps"
    }

    /// The stream's figures in a sentence.
    var sentence: String {
        guard partitionCount > 0 else { return "" }
        let fraction = expected == 0 ? 1 : Double(covered) / Double(expected)
        var parts = ["\(Numbers.percent(fraction)) of \(Numbers.count(expected, "expected \(words.noun)")) covered"]
        if gapCount > 0 { parts.append(Numbers.count(gapCount, "gap")) }
        if thin > 0 { parts.append("\(words.count(thin)) of them thin") }
        if provisional > 0 { parts.append("\(words.count(provisional)) provisional") }
        if accepted > 0 { parts.append("\(words.count(accepted)) accepted as missing") }
        if newCount > 0 {
            parts.append(
                "nothing ingested yet of \(Numbers.grouped(newCount)) of \(Numbers.count(partitionCount, "partition"))")
        }
        return parts.joined(separator: ", ")
    }
}

/// What the page says first.
enum PageVerdict {
    /// The whole report in a sentence.
    static func sentence(_ totals: [PageTotals], failureCount: Int) -> String {
        let failed = "\(Numbers.count(failureCount, "stream")) could not be looked at"
        guard !totals.isEmpty else { return failureCount > 0 ? failed : "There is no stream to look at" }
        let streamCount = totals.count
        let partitions = totals.reduce(0) { $0 + $1.partitionCount }
        let gappy = totals.reduce(0) { $0 + $1.gappyCount }
        let new = totals.filter { $0.newCount > 0 && !$0.isClean && $0.missing == 0 }.reduce(0) { $0 + $1.newCount }
        var text: String
        let isParted = partitions != streamCount
        if gappy > 0, isParted {
            let verb = gappy == 1 ? "has" : "have"
            text = "\(Numbers.grouped(gappy)) of \(Numbers.count(partitions, "partition")) \(verb) gaps"
        } else if gappy > 0 {
            let verb = gappy == 1 ? "has" : "have"
            text =
                streamCount == 1
                ? "\(totals[0].name) has gaps"
                : "\(Numbers.grouped(gappy)) of \(Numbers.count(streamCount, "stream")) \(verb) gaps"
        } else if partitions == 0 {
            text = "No partitions were found"
        } else if new > 0, new == partitions {
            text = "Nothing was ingested yet"
        } else {
            let of = isParted ? Numbers.count(partitions, "partition") : Numbers.count(streamCount, "stream")
            text = partitions == 1 ? "\(totals[0].name) has no gaps" : "No gaps in \(of)"
        }
        if new > 0, new != partitions {
            text +=
                "; nothing was ingested yet of \(isParted ? Numbers.count(new, "partition") : Numbers.count(new, "stream"))"
        }
        let empty = totals.filter { $0.partitionCount == 0 }.count
        if empty > 0, partitions > 0 { text += "; no partitions were found of \(Numbers.count(empty, "stream"))" }
        if failureCount > 0 { text += "; \(failed)" }
        return text
    }

    /// The four figures. None is a guess.
    static func figures(_ inputs: [PageInput], _ totals: [PageTotals]) -> [GapPage.Figure] {
        [missing(totals), oldest(inputs, totals), behind(totals), failing(inputs, totals)]
    }

    private static func missing(_ totals: [PageTotals]) -> GapPage.Figure {
        guard !totals.isEmpty else {
            return .init(value: nil, caption: "missing: nothing could be looked at", isGood: nil)
        }
        let missing = totals.reduce(UInt64(0)) { $0.adding(saturating: $1.missing) }
        let gaps = totals.reduce(0) { $0 + $1.gapCount }
        let nouns = Set(totals.filter { $0.missing > 0 }.map(\.words.noun))
        let noun = (nouns.count == 1 ? nouns.first : nil) ?? "unit"
        return .init(
            value: Numbers.grouped(missing),
            caption: missing == 0
                ? "\(noun)s missing" : "\(missing == 1 ? noun : noun + "s") missing in \(Numbers.count(gaps, "gap"))",
            isGood: missing == 0)
    }

    private static func oldest(_ inputs: [PageInput], _ totals: [PageTotals]) -> GapPage.Figure {
        let clocked = zip(inputs, totals).compactMap { input, totals in totals.oldest.map { (input, $0) } }
        guard let (input, oldest) = clocked.min(by: { $0.1.end < $1.1.end }) else {
            let isWhole = totals.allSatisfy { $0.missing == 0 } && !totals.isEmpty
            return isWhole
                ? .init(value: "none", caption: "oldest gap: there is no gap", isGood: true)
                : .init(value: nil, caption: "age of the oldest gap: numbers and ids have no clock", isGood: nil)
        }
        let label = PageNames.partition(input.partitions[oldest.partition].partition)
        let place = [input.name, label].filter { !$0.isEmpty }.map(PageNames.short).joined(separator: " ")
        let unit = Console.printable(input.definition.keyType.text(oldest.unit))
        let others = totals.contains { $0.missing > 0 && $0.oldest == nil } ? ", of streams with a clock" : ""
        return .init(
            value: Numbers.age(seconds: input.now - oldest.end),
            caption:
                "since the oldest missing \(UnitWords(input.definition.keyType).noun) ended\(others): \(place) \(unit)",
            isGood: false)
    }

    private static func behind(_ totals: [PageTotals]) -> GapPage.Figure {
        let known = totals.compactMap { totals in totals.behind.map { (totals, $0) } }
        guard let worst = known.max(by: { $0.1 < $1.1 }) else {
            return .init(value: nil, caption: "behind the source: --tip asks it", isGood: nil)
        }
        let of =
            known.count < totals.count ? ", known of \(known.count) of \(Numbers.count(totals.count, "stream"))" : ""
        guard worst.1 > 0 else { return .init(value: "0", caption: "units behind\(of)", isGood: true) }
        return .init(
            value: worst.0.words.count(worst.1),
            caption: "behind at most: \(PageNames.short(worst.0.name))\(of)", isGood: false)
    }

    private static func failing(_ inputs: [PageInput], _ totals: [PageTotals]) -> GapPage.Figure {
        let known = totals.compactMap(\.failing)
        guard !known.isEmpty else {
            let reasons = inputs.compactMap { if case .unknown(let reason) = $0.journal { reason } else { nil } }
            return .init(
                value: nil, caption: "failing: \(reasons.first ?? "no journal was read")", isGood: nil)
        }
        let count = known.reduce(0, +)
        let of =
            known.count < totals.count ? ", known of \(known.count) of \(Numbers.count(totals.count, "stream"))" : ""
        return .init(
            value: Numbers.grouped(count), caption: "\(count == 1 ? "window fails" : "windows fail")\(of)",
            isGood: count == 0)
    }
}
