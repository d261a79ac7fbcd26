import Foundation
import Lacuna

/// What is told of a partition on demand: its gaps and what is known of them, its figures, and pictures of single units.
struct PageDetail: Sendable {
    /// A gap, or a row of gaps.
    struct GapRow: Hashable, Sendable {
        let range: String
        let length: String
        /// How long ago the oldest of its units ended; nil if its keys have no clock.
        let age: String?
        /// What is known of the cause, of tries and of the next try.
        let cause: String
    }

    let facts: [(name: String, text: String)]
    /// Newest first.
    let gaps: [GapRow]
    /// The gaps that are not listed, summed up; nil: all are.
    let rest: String?
    /// The command that closes the gaps; nil if there is none, or no gap.
    let command: String?
    /// Why no command closes them.
    let noCommand: String?
    let pictures: CellGrids?

    init(
        _ partition: PagePartition, of input: PageInput, on axis: PageAxis?, config: String?,
        _ budget: inout PageBudget
    ) {
        let coverage = partition.coverage
        let words = UnitWords(input.definition.keyType)
        facts = PageDetail.facts(partition, input, words)
        (gaps, rest) = PageDetail.rows(partition, input, words, &budget)
        let lacks = !coverage.gaps.isEmpty
        let waits = partition.failures.contains { $0.secondsToWait > 0 }
        command =
            lacks && input.isStream
            ? ShellCommand.reconcile(input.definition, coverage.partition, config: config, retriesNow: waits) : nil
        noCommand = lacks && !input.isStream ? "No stream loads this table, so no command closes its gaps." : nil
        let pictures = axis.flatMap { CellGrids(partition.units, on: $0, of: input.definition.keyType) }
        let cost = pictures?.grids.reduce(0) { $0 + $1.markCount + 40 } ?? 0
        self.pictures = cost <= budget.cells ? pictures : nil
        if self.pictures != nil { budget.cells -= cost }
    }

    private static func facts(
        _ partition: PagePartition, _ input: PageInput, _ words: UnitWords
    ) -> [(name: String, text: String)] {
        let coverage = partition.coverage
        let type = input.definition.keyType
        var facts: [(name: String, text: String)] = []
        func add(_ name: String, _ units: UnitSet) {
            guard let hull = units.hull else { return }
            facts.append((name, "\(words.count(units.count))\(type.isOrdered ? ", \(words.text(hull))" : "")"))
        }
        facts.append(("expected", words.count(coverage.expected.count)))
        if let oldest = coverage.oldest { facts.append(("oldest", Console.printable(type.text(oldest)))) }
        if let latest = coverage.latest { facts.append(("latest", Console.printable(type.text(latest)))) }
        if let run = coverage.contiguous {
            facts.append(("contiguous", "\(words.text(run)), \(words.count(run.unitCount))"))
        }
        add("thin", coverage.thin)
        add("thin at the source", coverage.settled)
        add("to be fetched again", coverage.refetch)
        add("provisional", coverage.provisional)
        add("verified empty", coverage.verified)
        for accepted in coverage.acceptedRanges.suffix(6) {
            let reason = PageNames.short(Console.printable(accepted.explanation(in: input.definition)), length: 200)
            facts.append(
                ("accepted", "\(words.text(accepted.range)), \(words.count(accepted.range.unitCount)): \(reason)"))
        }
        if coverage.acceptedRanges.count > 6 {
            facts.append(("accepted", "… and \(Numbers.count(coverage.acceptedRanges.count - 6, "older range"))"))
        }
        if let behind = partition.behind { facts.append(("behind", words.count(behind))) }
        return facts
    }

    private static func rows(
        _ partition: PagePartition, _ input: PageInput, _ words: UnitWords, _ budget: inout PageBudget
    ) -> ([GapRow], rest: String?) {
        let coverage = partition.coverage
        let isOrdered = input.definition.keyType.isOrdered
        let groups: [GapGroup]
        let limit: Int
        if isOrdered, !budget.limits.listsAll {
            groups = GapGroup.groups(of: coverage.gaps.ranges, rhythms: words.rhythms)
            limit = min(budget.limits.gaps, budget.gaps)
        } else {
            limit = budget.limits.listsAll ? .max : min(budget.limits.gaps, budget.gaps)
            // Of ids each is a gap of its own.
            let ranges =
                isOrdered
                ? coverage.gaps.ranges
                : Array(coverage.gaps.ranges.lazy.flatMap { $0.lazy.map { $0..<$0 + 1 } }.prefix(limit))
            groups = ranges.map { GapGroup(first: $0, distance: 0, count: 1) }
        }
        let shown = groups.largest(limit)
        if !budget.limits.listsAll { budget.gaps -= shown.count }
        let (gapCount, unitCount) = (
            isOrdered ? coverage.gaps.ranges.count : Int(clamping: coverage.gaps.count), coverage.gaps.count
        )
        let hidden = gapCount - shown.reduce(0) { $0 + $1.count }
        let units = unitCount - shown.reduce(0) { $0 + $1.unitCount }
        let rest =
            hidden > 0 ? "… and \(Numbers.count(hidden, "more gap")): \(words.count(units)); --all lists them" : nil
        return (shown.reversed().map { row($0, partition, input, words) }, rest)
    }

    private static func row(
        _ group: GapGroup, _ partition: PagePartition, _ input: PageInput, _ words: UnitWords
    ) -> GapRow {
        let end = input.definition.keyType.start(of: group.first.lowerBound.adding(saturating: 1))
        return GapRow(
            range: words.text(group), length: words.length(of: group),
            age: end.map { Numbers.age(seconds: input.now - $0) }, cause: cause(of: group, partition, input, words))
    }

    private static func cause(
        of group: GapGroup, _ partition: PagePartition, _ input: PageInput, _ words: UnitWords
    ) -> String {
        var parts: [String] = []
        let failures = partition.failures.filter { group.overlaps($0.window) }
        if let failure = failures.max(by: { $0.failures < $1.failures }) {
            let error = PageNames.short(Console.shared.line(failure.error), length: 200)
            let next =
                failure.secondsToWait > 0
                ? "next try in \(Numbers.time(seconds: Double(failure.secondsToWait)))" : "the next run tries again"
            let others = failures.count > 1 ? ", and \(Numbers.count(failures.count - 1, "more window")) failed" : ""
            let runs = failure.failures > 1 ? "\(Numbers.count(failure.failures, "run")) in a row" : "the last run"
            parts.append("failed in \(runs), \(next)\(others): \(error)")
        }
        let flagged = input.flagged[partition.coverage.partition]?.count(in: group.hull) ?? 0
        if flagged > 0, group.count == 1 {
            parts.append("\(words.count(flagged)) found wrong by the stream's check")
        }
        let marked = partition.units[.marked].count(in: group.hull)
        if marked > flagged, group.count == 1 { parts.append("\(words.count(marked - flagged)) marked") }
        let thin = partition.units[.thin].count(in: group.hull)
        if thin > 0, group.count == 1 { parts.append("\(words.count(thin)) thin") }
        parts += known(of: group, partition, input)
        if parts.isEmpty {
            if partition.coverage.isNew { return "nothing ingested yet" }
            guard case .read = input.journal else { return "" }
            return "no failure in the journal"
        }
        return parts.joined(separator: "; ")
    }

    /// What else is known of gaps: causes that neither the journal's failures nor the states of units tell, and the age.
    private static func known(of group: GapGroup, _ partition: PagePartition, _ input: PageInput) -> [String] {
        let parts = input.explained?.overlapping(group.hull, of: partition.coverage.partition) ?? []
        let own = parts.filter { group.overlaps($0.range) }
        guard !own.isEmpty else { return [] }
        let story = GapStory(own[...], inside: group.hull)
        var texts: [String] = []
        for (cause, _) in story.causes {
            switch cause.kind {
            case .failing, .checkFailed, .thin: continue
            case .marked where cause.detail.isEmpty && cause.markedBy == nil: continue
            default: break
            }
            let detail = PageNames.short(Console.shared.line(cause.detail), length: 200)
            let text = cause.words + (detail.isEmpty ? "" : ": \(detail)")
            if !texts.contains(text) { texts.append(text) }
        }
        let rest = texts.count - shownCauses
        if rest > 0 { texts = texts.prefix(shownCauses) + ["and \(Numbers.count(rest, "other cause"))"] }
        if let since = story.since { texts.append("known for \(Numbers.age(seconds: input.now - since))") }
        return texts
    }

    private static let shownCauses = 4
}
