import Foundation
import Lacuna

/// Since when a gap is there, and why.
struct GapStory {
    /// The causes of its units, the most telling one first, each with the number of its units.
    let causes: [(cause: GapCause, unitCount: UInt64)]
    /// Since when it is known, seconds since the epoch; nil if no survey has kept it.
    let since: Int64?
    /// When the last row of its units went, seconds since the epoch; nil if that is not known.
    let hadRowsUntil: Int64?

    init(_ parts: ArraySlice<ExplainedGap>, inside range: Range<Int64>) {
        var counts: [GapCause: UInt64] = [:]
        for part in parts { counts[part.cause, default: 0] += part.range.clamped(to: range).unitCount }
        causes = counts.map { ($0.key, $0.value) }.sorted { GapStory.precedes($0.cause, $1.cause) }
        since = parts.compactMap(\.firstSeen).min().map { $0 / 1_000_000 }
        hadRowsUntil = parts.compactMap(\.hadRowsUntil).max()
    }

    private static func precedes(_ left: GapCause, _ right: GapCause) -> Bool {
        func rank(_ cause: GapCause) -> (Int, Int64, Int64, String) {
            let kind = GapCause.Kind.allCases.firstIndex(of: cause.kind) ?? 0
            return (kind, -Int64(cause.tries ?? 0), -(cause.at ?? 0), cause.detail)
        }
        return rank(left) < rank(right)
    }

    /// The causes in a few words, each kind once.
    var words: String {
        var said: [String] = []
        for (cause, _) in causes {
            if !said.contains(cause.words) { said.append(cause.words) }
        }
        return said.joined(separator: ", ")
    }
}

extension GapCause {
    /// The cause in a few words.
    var words: String {
        switch kind {
        case .failing: "failing, tried \(Numbers.count(tries ?? 1, "time"))"
        case .checkFailed: "check failed"
        case .marked: markedBy.map { "marked by \(Console.printable($0))" } ?? "marked"
        case .thin: "thin"
        case .hadRows: at.map { "had rows until \(GapCause.minute($0))" } ?? "had rows"
        case .refused: "refused by the source"
        case .deferred: "deferred"
        case .fetched: at.map { "fetched \(GapCause.minute($0))" } ?? "fetched before"
        case .neverFetched: "never fetched"
        case .unknown: "cause unknown"
        }
    }

    /// `2025-01-31 15:00`, in UTC.
    private static func minute(_ seconds: Int64) -> String {
        let text = KeyType.timestamp(step: 1, timezone: .utc).text(seconds)
        return String(text.prefix(16)).replacing("T", with: " ")
    }
}

extension GapReport {
    /// Since when a gap is there, and why; nil if nothing is known of it.
    func story(of gap: Range<Int64>, _ coverage: PartitionCoverage) -> GapStory? {
        guard let parts = explained?.overlapping(gap, of: coverage.partition), !parts.isEmpty else { return nil }
        return GapStory(parts, inside: gap)
    }
}
