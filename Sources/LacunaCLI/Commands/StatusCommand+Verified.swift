import Foundation
import Lacuna

extension StreamStatus {
    /// A range that was held against the source, and whose.
    struct Verified {
        let partition: Partition
        let known: VerifiedRange
    }

    /// What was held against the source, by partition and unit.
    var verifiedRanges: [Verified] {
        verified.sorted { $0.key < $1.key }.flatMap { partition, ranges in
            ranges.map { Verified(partition: partition, known: $0) }
        }
    }
}

extension StatusCommand {
    private static var verifiedLimit: Int { 10 }

    /// When each range was last held against the source: those that differed first, then the oldest.
    func verifiedLines(_ status: StreamStatus, _ report: GapReport, _ style: TextStyle) -> [String] {
        let ranges = status.verifiedRanges.sorted { left, right in
            (left.known.isEqual ? 1 : 0, left.known.verified) < (right.known.isEqual ? 1 : 0, right.known.verified)
        }
        guard !ranges.isEmpty else { return [] }
        var lines = ["", "  " + style.bold("last verified")]
        let rows = ranges.prefix(StatusCommand.verifiedLimit).map { verified in
            [
                Console.printable(verified.partition.label(columns: report.columns)), report.text(verified.known.range),
                String(time(verified.known).prefix(16).map { $0 == "T" ? " " : $0 }),
                "by \(verified.known.proof.rawValue)", verified.known.isEqual ? "equal" : "differed",
            ]
        }
        TextTable(Array(rows)).write(indent: "  ") { lines.append($0) }
        if ranges.count > rows.count {
            lines.append("  … and \(Numbers.count(ranges.count - rows.count, "range")) more; --format json lists all")
        }
        return lines
    }

    /// The form that JSON is written in. Field names are stable.
    func document(_ verified: StreamStatus.Verified, _ report: GapReport) -> JSONOutput {
        let type = report.definition.keyType
        return .object([
            ("partition", report.json(verified.partition)),
            ("first", .text(type.text(verified.known.range.lowerBound))),
            ("last", .text(type.text(verified.known.range.upperBound - 1))),
            ("proof", .text(verified.known.proof.rawValue)), ("equal", .flag(verified.known.isEqual)),
            ("verified_at", .text(time(verified.known))),
        ])
    }

    private func time(_ verified: VerifiedRange) -> String {
        Date(timeIntervalSince1970: Double(verified.verified)).ISO8601Format()
    }
}
