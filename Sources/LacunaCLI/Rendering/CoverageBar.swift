import Lacuna

/// A picture of how much of a range is covered, one character for an equal part of its expected units.
enum CoverageBar {
    /// The bar of a partition. A part with anything missing never looks full, one with anything covered never empty.
    static func bar(_ coverage: PartitionCoverage, width: Int) -> String {
        let fractions = fractions(coverage, width: width)
        return fractions.isEmpty ? String(repeating: "·", count: width) : fractions.map(symbol).joined()
    }

    /// How much of each of `width` equal parts is covered; none if nothing is expected.
    private static func fractions(_ coverage: PartitionCoverage, width: Int) -> [Double] {
        let expected = coverage.expected
        let total = expected.count
        guard total > 0, width > 0 else { return [] }
        guard !coverage.gaps.isEmpty else { return Array(repeating: 1, count: width) }
        var result: [Double] = []
        var walker = UnitWalker(expected)
        for cell in 0..<width {
            let start = total.part(cell, of: width)
            let end = max(total.part(cell + 1, of: width), start + 1)
            var missing: UInt64 = 0
            var count: UInt64 = 0
            walker.take(from: start, to: min(end, total)) { units in
                missing += coverage.gaps.count(in: units)
                count += units.unitCount
            }
            result.append(count == 0 ? 1 : Double(count - missing) / Double(count))
        }
        return result
    }

    /// A bar that is filled from the left.
    static func plain(fraction: Double, width: Int) -> String {
        let filled = min(Int(fraction * Double(width)), width)
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }

    private static func symbol(_ covered: Double) -> String {
        switch covered {
        case 1...: "█"
        case 0.5..<1: "▓"
        case let fraction where fraction > 0: "▒"
        default: "░"
        }
    }
}

/// Finds the units at given places of a set, in ascending order.
private struct UnitWalker {
    private let ranges: [Range<Int64>]
    private var index = 0
    private var before: UInt64 = 0

    init(_ units: UnitSet) {
        ranges = units.ranges
    }

    /// Hands over the ranges that hold the units from the `start`-th to the one before the `end`-th.
    mutating func take(from start: UInt64, to end: UInt64, _ body: (Range<Int64>) -> Void) {
        while index < ranges.count {
            let range = ranges[index]
            let next = before + range.unitCount
            if next > start {
                let lower = range.lowerBound &+ Int64(bitPattern: max(start, before) - before)
                let upper = range.lowerBound &+ Int64(bitPattern: min(end, next) - before)
                if lower < upper { body(lower..<upper) }
            }
            if next >= end { break }
            before = next
            index += 1
        }
    }
}

extension UInt64 {
    fileprivate func part(_ index: Int, of count: Int) -> UInt64 {
        let (high, low) = multipliedFullWidth(by: UInt64(index))
        return UInt64(count).dividingFullWidth((high, low)).quotient
    }
}
