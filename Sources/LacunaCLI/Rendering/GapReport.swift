import Foundation
import Lacuna

/// What `lacuna gaps` and `lacuna status` know of a stream, ready to be rendered.
struct GapReport {
    let survey: Survey

    var definition: StreamDefinition { survey.stream.definition }
    var columns: [String] { definition.partitions.columns }
    var partitions: [PartitionCoverage] { survey.partitions }
    var missingCount: UInt64 { survey.missingCount }
    var expectedCount: UInt64 { partitions.reduce(0) { $0 + $1.expected.count } }
    var gapCount: Int { partitions.reduce(0) { $0 + gaps(of: $1).count } }
    var isOrdered: Bool { definition.keyType.isOrdered }

    /// Whether there is nothing to do: no gap, and no partition that was never filled.
    var isClean: Bool { missingCount == 0 && !partitions.contains { $0.isNew && $0.expected.isEmpty && !isOver($0) } }

    /// A partition whose declared range is empty has nothing to wait for.
    private func isOver(_ coverage: PartitionCoverage) -> Bool {
        definition.expect.to != .tip && coverage.tail != nil
    }

    /// The gaps of a partition as they are shown: ranges, of ids one by one.
    func gaps(of coverage: PartitionCoverage) -> [Range<Int64>] {
        guard !isOrdered else { return coverage.gaps.ranges }
        return coverage.gaps.ranges.flatMap { range in range.map { $0..<$0 + 1 } }
    }

    func label(_ coverage: PartitionCoverage) -> String {
        Console.printable(coverage.partition.label(columns: columns))
    }

    func key(_ unit: Int64?) -> String {
        unit.map { definition.keyType.text($0) } ?? "–"
    }

    func text(_ range: Range<Int64>) -> String {
        // Numbers and times hold nothing that a terminal obeys; ids come from outside.
        Console.printable(definition.keyType.text(range))
    }
}

/// The form that JSON is written in. Field names are stable.
struct GapReportDocument: Encodable {
    struct Span: Encodable {
        let first: String
        let last: String
        let units: UInt64
    }

    struct PartitionDocument: Encodable {
        let partition: [String: String]
        let oldest: String?
        let latest: String?
        let expectedUnits: UInt64
        let coveredUnits: UInt64
        let missingUnits: UInt64
        let verifiedEmptyUnits: UInt64
        let refetchUnits: UInt64
        let contiguous: Span?
        let gaps: [Span]
        let tail: [Span]?
    }

    struct ScanDocument: Encodable {
        let strategy: String
        let reason: String
        let estimatedRows: Int64?
        let spannedUnits: UInt64?
        let seconds: Double
        let unitsReadAgain: UInt64?
        let changesSince: String?
        let wholeBecause: String?

        init(_ account: ScanAccount) {
            reason = account.reason
            estimatedRows = account.rowEstimate
            spannedUnits = account.spannedUnits
            seconds = account.duration / .seconds(1)
            switch account.changes {
            case .readAgain(let units, let since):
                (strategy, unitsReadAgain, changesSince, wholeBecause) = ("changes", units, since, nil)
            case .scannedWhole(let reason):
                (strategy, unitsReadAgain, changesSince) = (account.strategy.rawValue, nil, nil)
                wholeBecause = reason
            case nil:
                (strategy, unitsReadAgain, changesSince, wholeBecause) = (account.strategy.rawValue, nil, nil, nil)
            }
        }
    }

    let stream: String
    let table: String
    let key: String
    let scan: ScanDocument?
    let expectedUnits: UInt64
    let missingUnits: UInt64
    let gapCount: Int
    let clean: Bool
    let partitions: [PartitionDocument]

    init(_ report: GapReport, explains: Bool = false) {
        scan =
            explains ? ScanDocument(report.survey.scan) : nil
        stream = report.definition.name
        table = "\(report.survey.stream.table.schema).\(report.survey.stream.table.name)"
        key = report.definition.keyColumn
        expectedUnits = report.expectedCount
        missingUnits = report.missingCount
        gapCount = report.gapCount
        clean = report.isClean
        let type = report.definition.keyType
        func span(_ range: Range<Int64>) -> Span {
            Span(first: type.text(range.lowerBound), last: type.text(range.upperBound - 1), units: range.unitCount)
        }
        partitions = report.partitions.map { coverage in
            PartitionDocument(
                partition: Dictionary(uniqueKeysWithValues: zip(report.columns, coverage.partition.values)),
                oldest: coverage.oldest.map(type.text), latest: coverage.latest.map(type.text),
                expectedUnits: coverage.expected.count, coveredUnits: coverage.coveredCount,
                missingUnits: coverage.gaps.count, verifiedEmptyUnits: coverage.verified.count,
                refetchUnits: coverage.refetch.count, contiguous: coverage.contiguous.map(span),
                gaps: report.gaps(of: coverage).map(span), tail: coverage.tail?.ranges.map(span))
        }
    }

    private enum CodingKeys: String, CodingKey {
        case stream, table, key, clean, partitions, scan
        case expectedUnits = "expected_units"
        case missingUnits = "missing_units"
        case gapCount = "gap_count"
    }
}

extension GapReportDocument.ScanDocument {
    private enum CodingKeys: String, CodingKey {
        case strategy, reason, seconds
        case estimatedRows = "estimated_rows"
        case spannedUnits = "spanned_units"
        case unitsReadAgain = "units_read_again"
        case changesSince = "changes_since"
        case wholeBecause = "whole_because"
    }
}

extension GapReportDocument.PartitionDocument {
    private enum CodingKeys: String, CodingKey {
        case partition, oldest, latest, contiguous, gaps, tail
        case expectedUnits = "expected_units"
        case coveredUnits = "covered_units"
        case missingUnits = "missing_units"
        case verifiedEmptyUnits = "verified_empty_units"
        case refetchUnits = "refetch_units"
    }
}

/// JSON as it is printed: stable order, no escaped slashes.
enum JSONText {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
