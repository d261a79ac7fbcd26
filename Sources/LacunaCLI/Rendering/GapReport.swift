import Lacuna

/// What `lacuna gaps` and `lacuna status` know of a stream, ready to be rendered.
struct GapReport {
    let survey: Survey
    /// Since when and why units are missing; nil if that was not asked for, or cannot be read.
    var explained: ExplainedGaps?

    var definition: StreamDefinition { survey.stream.definition }
    /// The stream's name, fit for a terminal.
    var name: String { Console.printable(definition.name) }
    /// Schema and name of the table.
    var table: String { "\(survey.stream.table.schema).\(survey.stream.table.name)" }
    var columns: [String] { definition.partitions.columns }
    var partitions: [PartitionCoverage] { survey.partitions }
    var missingCount: UInt64 { survey.missingCount }
    var expectedCount: UInt64 { partitions.reduce(0) { $0.adding(saturating: $1.expected.count) } }
    var provisionalCount: UInt64 { survey.provisionalCount }
    /// Whether the report tells units without rows from those without all their rows.
    var showsThin: Bool { definition.complete != nil }
    var thinCount: UInt64 { survey.thinCount }
    var settledCount: UInt64 { survey.settledCount }
    var acceptedCount: UInt64 { survey.acceptedCount }
    var coveredCount: UInt64 { partitions.reduce(0) { $0.adding(saturating: $1.coveredCount) } }
    var gapCount: Int { partitions.reduce(0) { $0 + gaps(of: $1).count } }
    /// The units behind the tip, as far as they are over and it is known, of the partition that is furthest behind.
    var behindCount: UInt64 { partitions.map { survey.behindCount(of: $0) ?? 0 }.max() ?? 0 }
    var isOrdered: Bool { definition.keyType.isOrdered }

    /// Whether there is nothing to do: no gap, and no partition that was never filled. Of no partitions nothing is known.
    var isClean: Bool {
        missingCount == 0 && !partitions.isEmpty
            && !partitions.contains { $0.isNew && $0.expected.isEmpty && !isOver($0) }
    }

    /// A partition whose declared range is empty has nothing to wait for.
    private func isOver(_ coverage: PartitionCoverage) -> Bool {
        definition.expect.to != .tip && coverage.tail != nil
    }

    /// The gaps of a partition as they are shown: ranges, of ids one by one. Units with rows are ranges of their own.
    func gaps(of coverage: PartitionCoverage) -> [Range<Int64>] {
        guard isOrdered else { return coverage.gaps.ranges.flatMap { range in range.map { $0..<$0 + 1 } } }
        guard !coverage.thin.isEmpty else { return coverage.gaps.ranges }
        let missing = coverage.gaps.subtracting(coverage.thin).ranges
        return (missing + coverage.thin.ranges).sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Whether a gap has rows, and not all of them.
    func isThin(_ gap: Range<Int64>, _ coverage: PartitionCoverage) -> Bool {
        coverage.thin.contains(gap.lowerBound)
    }

    func label(_ coverage: PartitionCoverage) -> String {
        Console.printable(coverage.partition.label(columns: columns))
    }

    func key(_ unit: Int64?) -> String {
        unit.map { Console.printable(definition.keyType.text($0)) } ?? "–"
    }

    func text(_ range: Range<Int64>) -> String {
        // Numbers and times hold nothing that a terminal obeys; ids come from outside.
        Console.printable(definition.keyType.text(range))
    }
}

extension AcceptedRange {
    /// Why it was accepted as missing, and until when.
    func explanation(in stream: StreamDefinition) -> String {
        let days = KeyType.date(timezone: stream.keyType.timezone)
        return reason + (end.flatMap(days.unit(at:)).map { ", until \(days.text($0))" } ?? "")
    }
}
