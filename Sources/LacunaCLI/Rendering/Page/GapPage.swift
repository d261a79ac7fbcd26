import Foundation
import Lacuna

/// The report as one page, before it is written: what it says, shows and sums up. A pure function of what was read.
struct GapPage: Sendable {
    /// How much of everything is shown before the rest is summed up.
    struct Limits: Sendable {
        /// Streams with a section of their own, and those with a line.
        var streams = 60
        var streamLines = 300
        /// Strips of all streams.
        var strips = 240
        /// Marks on all strips. If they are more, more gaps share a mark.
        var marks = 4500
        /// Rows of gaps, of a partition and of all.
        var gaps = 24
        var allGaps = 700
        /// Partitions with a part of their own below the strips.
        var details = 120
        /// Marks in pictures of single units.
        var cells = 3000
        /// Whether every gap is listed by itself.
        private(set) var listsAll = false

        /// Lists every gap of every partition by itself. The page may become as large as it has to.
        mutating func listEverything() {
            listsAll = true
            (streams, strips, details) = (.max, .max, .max)
        }
    }

    /// A figure in large type.
    struct Figure: Hashable, Sendable {
        /// Nil: it is not known.
        let value: String?
        /// What it is, or why it is not known.
        let caption: String
        /// Whether it is nothing to worry about; nil: neither.
        let isGood: Bool?
    }

    /// A stream that has no section of its own.
    struct StreamLine: Hashable, Sendable {
        let name: String
        let text: String
    }

    /// What there is to say in a sentence.
    let verdict: String
    let isClean: Bool
    /// The database's clock when the first stream was looked at, seconds since the epoch.
    let time: Int64?
    let figures: [Figure]
    /// Why streams could not be looked at.
    let failures: [String]
    /// Worst first.
    let streams: [PageStream]
    /// The streams after these, and how many more there are.
    let lines: [StreamLine]
    let hiddenStreamCount: Int

    /// - Parameters:
    ///   - failures: a line for each stream that could not be looked at.
    ///   - config: the config file, if commands have to name it.
    init(_ streams: [PageInput], failures: [String] = [], config: String? = nil, limits: Limits = Limits()) {
        let totals = streams.map(PageTotals.init)
        let order = streams.indices.sorted { PageTotals.isWorse(totals[$0], totals[$1]) ?? ($0 < $1) }
        verdict = PageVerdict.sentence(totals, failureCount: failures.count)
        isClean = failures.isEmpty && !totals.isEmpty && totals.allSatisfy(\.isClean)
        time = streams.map(\.now).min()
        figures = PageVerdict.figures(streams, totals)
        self.failures = failures
        let shown = order.prefix(limits.streams)
        var budget = PageBudget(limits, streamCount: shown.count)
        var parts = shown.map { PageStream(streams[$0], totals[$0], config: config, budget) }
        // Fewer marks, until the page is small enough.
        var cells = PageBudget.finest
        for index in parts.indices { parts[index].draw(cells: cells) }
        while parts.reduce(0, { $0 + $1.markCount }) > limits.marks, cells > PageBudget.coarsest {
            cells /= 2
            for index in parts.indices { parts[index].draw(cells: cells) }
        }
        for index in parts.indices {
            parts[index].drawRest(cells: budget.restCells)
            parts[index].addDetails(&budget)
        }
        self.streams = parts
        let rest = order.dropFirst(limits.streams)
        lines = rest.prefix(limits.streamLines).map { StreamLine(name: streams[$0].name, text: totals[$0].badge) }
        hiddenStreamCount = rest.count - lines.count
    }
}

/// What may still be shown.
struct PageBudget: Sendable {
    /// How many parts of a strip can be told apart, at best and at worst.
    static let (finest, coarsest) = (1000, 15)
    /// So many partitions are shown of every stream.
    private static let fewestStrips = 4

    let limits: GapPage.Limits
    /// Strips of each stream.
    let strips: Int
    /// Parts of the strip that sums up the partitions without one.
    let restCells: Int
    var gaps: Int
    var details: Int
    var cells: Int

    init(_ limits: GapPage.Limits, streamCount: Int) {
        self.limits = limits
        strips = max(limits.strips / max(streamCount, 1), PageBudget.fewestStrips)
        restCells = min(max(limits.marks / 2 / max(streamCount, 1), PageBudget.coarsest), 200)
        (gaps, details, cells) = (limits.allGaps, limits.details, limits.cells)
    }
}

/// What the page is made from: what one stream's survey and journal say.
struct PageInput: Sendable {
    /// What the journal says.
    enum Journal: Sendable {
        case read(StreamStatus)
        /// Why nothing is known of runs.
        case unknown(String)
    }

    let definition: StreamDefinition
    /// Schema and name of the table.
    let table: String
    /// Whether commands can name it: a table that is looked at without a config is no stream.
    let isStream: Bool
    /// The database's clock, seconds since the epoch.
    let now: Int64
    let partitions: [PartitionCoverage]
    /// Units that the stream's check found wrong, by partition.
    let flagged: [Partition: UnitSet]
    /// The units behind the tip of each partition; nil if only the source knows.
    let behind: [UInt64?]
    let journal: Journal
    /// Whether there is nothing to do.
    let isClean: Bool
    /// Since when and why units are missing; nil if that cannot be read.
    var explained: ExplainedGaps?

    /// The name, in characters that can be shown.
    var name: String { Console.printable(definition.name) }
}

extension PageInput {
    init(_ report: GapReport, isStream: Bool, journal: Journal) {
        self.init(
            definition: report.definition, table: report.table, isStream: isStream, now: report.survey.now,
            partitions: report.partitions, flagged: report.survey.flagged,
            behind: report.partitions.map { report.isOrdered && !$0.isNew ? report.survey.behindCount(of: $0) : nil },
            journal: journal, isClean: report.isClean, explained: report.explained)
    }
}
