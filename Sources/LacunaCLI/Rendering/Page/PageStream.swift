import Foundation
import Lacuna

/// A stream's section of the page.
struct PageStream: Sendable {
    /// A run of the journal.
    struct Run: Hashable, Sendable {
        let text: String
    }

    let id: String
    let name: String
    /// Table, key and where its units come from.
    let description: String
    let badge: String
    let sentence: String
    let isClean: Bool
    let axis: PageAxis?
    let words: UnitWords
    private(set) var partitions: [PagePartition]
    /// The partitions that are not shown, summed up; nil: all are.
    private(set) var rest: (text: String, strip: Strip?)?
    /// What the parts below the strips leave out; nil: nothing.
    private(set) var hiddenDetails: String?
    let runs: [Run]
    /// Why nothing is said of runs; nil: something is.
    let runsUnknown: String?
    private let input: PageInput
    private let config: String?
    private let hidden: [Int]

    /// The states that its pictures show.
    var states: [UnitState] {
        var states = Set(partitions.flatMap { $0.strip?.marks.map(\.state) ?? [] })
        states.formUnion(rest?.strip?.marks.map(\.state) ?? [])
        for coverage in partitions where !coverage.units[.unexpected].isEmpty { states.insert(.unexpected) }
        return UnitState.allCases.filter(states.contains)
    }

    init(_ input: PageInput, _ totals: PageTotals, config: String?, _ budget: PageBudget) {
        self.input = input
        self.config = config
        let definition = input.definition
        id = "s-" + PageNames.slug(definition.name)
        name = input.name
        words = totals.words
        let key = "\(definition.keyColumn) (\(definition.keyType.name))"
        description = Console.printable("\(input.table), key \(key)")
        (badge, sentence, isClean) = (totals.badge, totals.sentence, totals.isClean)
        axis = PageAxis(input.partitions, of: definition.keyType)
        let order = PageStream.worstFirst(input)
        let shown = order.prefix(budget.strips)
        var failures: [Partition: [StreamStatus.Failure]] = [:]
        switch input.journal {
        case .read(let status):
            failures = Dictionary(grouping: status.failures, by: \.partition)
            runs = status.runs.map { PageStream.Run($0, totals.words) }
            runsUnknown = runs.isEmpty ? "The journal has no runs of this stream." : nil
        case .unknown(let reason):
            runs = []
            runsUnknown = input.isStream ? "Nothing is known of runs and failures: \(reason)." : nil
        }
        partitions = shown.map { PagePartition(input, at: $0, failures[input.partitions[$0].partition] ?? []) }
        hidden = Array(order.dropFirst(budget.strips))
    }

    /// The partitions by what they lack.
    private static func worstFirst(_ input: PageInput) -> [Int] {
        let ranks = zip(input.partitions, input.behind).map { coverage, behind in
            (coverage.gaps.count, coverage.isNew ? 1 : 0, coverage.provisional.count, behind ?? 0)
        }
        return ranks.indices.sorted { ranks[$0] == ranks[$1] ? $0 < $1 : ranks[$0] > ranks[$1] }
    }

    /// Draws the strips.
    ///
    /// - Parameter cells: how many ranges can be told apart on each.
    mutating func draw(cells: Int) {
        for index in partitions.indices {
            let units = partitions[index].units
            partitions[index].strip = axis.map { Strip(units, on: $0, cells: cells) } ?? Strip(sharesOf: units)
        }
    }

    /// Sums up the partitions that have no strip of their own, and draws them as one.
    mutating func drawRest(cells: Int) {
        guard !hidden.isEmpty else { return }
        let summed = hidden.map { input.partitions[$0] }
        let gappy = summed.filter { !$0.gaps.isEmpty }
        let missing = gappy.reduce(UInt64(0)) { $0.adding(saturating: $1.gaps.count) }
        let gaps = gappy.reduce(0) { $0 + $1.gaps.ranges.count }
        let of = Numbers.count(hidden.count, "more partition")
        let text =
            gappy.isEmpty
            ? "… and \(of) without gaps"
            : "… and \(of), \(Numbers.grouped(gappy.count)) of them with \(Numbers.count(gaps, "gap")): "
                + "\(words.count(missing)) missing"
        rest = (text, axis.map { Strip(summing: summed, on: $0, cells: cells) })
    }

    /// How many marks are drawn.
    var markCount: Int { partitions.reduce(0) { $0 + ($1.strip?.marks.count ?? 0) } }

    /// Adds what is told of each partition below the strips, as long as there is room on the page.
    mutating func addDetails(_ budget: inout PageBudget) {
        var (hidden, gaps): (Int, Int) = (0, 0)
        for index in partitions.indices {
            guard budget.details > 0 else {
                hidden += 1
                gaps += partitions[index].coverage.gaps.ranges.count
                continue
            }
            budget.details -= 1
            partitions[index].detail = PageDetail(
                partitions[index], of: input, on: axis, config: config, &budget)
        }
        guard hidden > 0 else { return }
        hiddenDetails =
            "Not listed: \(Numbers.count(gaps, "gap")) of \(Numbers.count(hidden, "more partition")) above."
    }
}

/// A partition's line of the page.
struct PagePartition: Sendable {
    let id: String
    /// Its values; empty if the stream is not parted.
    let name: String
    let coverage: PartitionCoverage
    let units: PartitionUnits
    let percent: String
    /// What there is to say of it: `15 of 483 days missing`.
    let text: String
    let isClean: Bool
    let failures: [StreamStatus.Failure]
    let behind: UInt64?
    var strip: Strip?
    var detail: PageDetail?

    init(_ input: PageInput, at index: Int, _ failures: [StreamStatus.Failure]) {
        let coverage = input.partitions[index]
        self.coverage = coverage
        self.failures = failures
        behind = input.behind[index]
        id =
            "p-\(PageNames.slug(input.definition.name))/"
            + coverage.partition.values.map(PageNames.slug).joined(separator: "/")
        name = PageNames.partition(coverage.partition)
        units = PartitionUnits(coverage, of: input.definition, now: input.now)
        let words = UnitWords(input.definition.keyType)
        let (expected, missing) = (coverage.expected.count, coverage.gaps.count)
        percent = expected == 0 ? "–" : Numbers.percent(Double(coverage.coveredCount) / Double(expected))
        isClean = missing == 0 && !(coverage.isNew && !input.isClean)
        if coverage.isNew {
            text = "nothing ingested yet" + (missing > 0 ? ", \(words.count(missing)) missing" : "")
        } else if missing > 0 {
            text = "\(Numbers.grouped(missing)) of \(words.count(expected)) missing"
        } else if !coverage.provisional.isEmpty {
            text = "no gaps, \(words.count(coverage.provisional.count)) provisional"
        } else if let latest = coverage.latest {
            text = "complete through \(Console.printable(input.definition.keyType.text(latest)))"
        } else {
            text = "complete: \(words.count(expected))"
        }
    }
}

/// Names as the page shows them.
enum PageNames {
    /// More characters of a name would push everything else away.
    private static let length = 60

    /// A partition's values.
    static func partition(_ partition: Partition) -> String {
        let values = partition.values
        return values.map { $0.isEmpty ? "(empty)" : Console.printable($0) }.joined(separator: " · ")
    }

    /// The text, without its middle if it is long.
    static func short(_ text: String) -> String { short(text, length: length) }

    static func short(_ text: String, length: Int) -> String {
        let scalars = text.unicodeScalars
        guard scalars.count > length else { return text }
        return "\(String(scalars.prefix(length * 3 / 4)))…\(String(scalars.suffix(length / 5)))"
    }

    /// A name as part of an id and of a link to it: the same in every report, and another one for every other name.
    static func slug(_ name: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var result = ""
        for byte in name.utf8 {
            // FNV-1a, for names that are cut.
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            guard result.utf8.count < 64 else { continue }
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += ".\(byte < 16 ? "0" : "")\(String(byte, radix: 16))"
            }
        }
        return name.utf8.count < 64 && result.utf8.count < 64 ? result : "\(result).\(String(hash, radix: 16))."
    }
}

extension PageStream.Run {
    private static let noteLength = 300

    init(_ run: StreamStatus.Run, _ words: UnitWords) {
        var parts = [
            "\(run.startedAt) UTC", "\(run.mode) \(run.state)", "\(Numbers.grouped(run.committed)) committed",
            "\(Numbers.grouped(run.failed)) failed",
        ]
        if let missing = run.missing { parts.append("\(missing) missing after it") }
        parts.append("\(run.seconds) s")
        if !run.note.isEmpty { parts.append(PageNames.short(Console.shared.line(run.note), length: Self.noteLength)) }
        text = "run \(run.id): " + parts.joined(separator: ", ")
    }
}
