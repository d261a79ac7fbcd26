import Lacuna

/// What is drawn of a partition on its stream's axis.
struct Strip: Sendable {
    /// A part of the strip in one state.
    struct Mark: Hashable, Sendable {
        let state: UnitState
        /// Where it begins and ends on the axis, from 0 to 1.
        let lower: Double
        let upper: Double
        /// From the first of its units to the last.
        let hull: Range<Int64>
        /// How many ranges it stands for: more than one if they are too narrow to be told apart.
        let rangeCount: Int
        let unitCount: UInt64
        /// How much of its place its units take, from 0 to 1.
        let share: Double
    }

    /// In the order in which they are drawn: gaps last, over everything else.
    let marks: [Mark]

    /// The order in which states are drawn.
    static let order: [UnitState] = [
        .covered, .unexpected, .notDue, .behind, .empty, .accepted, .provisional, .marked, .thin, .missing,
    ]

    /// - Parameter cells: how many ranges can be told apart at most.
    init(_ units: PartitionUnits, on axis: PageAxis, cells: Int) {
        var marks: [Mark] = []
        for state in Strip.order where state != .unexpected && state != .covered {
            marks += Strip.marks(units[state], state, on: axis, cells: cells)
        }
        self.marks = Strip.base(units, on: axis, cells: cells) + marks
    }

    /// The strip of ids, which have no order: each state gets a part as long as its share.
    init(sharesOf units: PartitionUnits) {
        let shown: [UnitState] = [.covered, .empty, .accepted, .provisional, .marked, .thin, .missing]
        let total = max(shown.reduce(0) { $0 + units[$1].count }, 1)
        var before: UInt64 = 0
        marks = shown.compactMap { state in
            let set = units[state]
            guard let hull = set.hull else { return nil }
            let count = set.count
            defer { before += count }
            return Mark(
                state: state, lower: Double(before) / Double(total), upper: Double(before + count) / Double(total),
                hull: hull, rangeCount: Int(clamping: count), unitCount: count, share: 1)
        }
    }

    /// What lies under the gaps: all that is expected up to the newest unit, so that no hairlines show between its parts.
    private static func base(_ units: PartitionUnits, on axis: PageAxis, cells: Int) -> [Mark] {
        var expected = units[.covered]
        for state in [UnitState.empty, .accepted, .provisional, .marked, .thin, .missing] {
            expected = expected.union(units[state])
        }
        let cell = Int64(clamping: axis.range.unitCount / UInt64(cells))
        return expected.intersection(axis.range).coalesced(distance: cell).ranges.map { range in
            Mark(
                state: .covered, lower: axis.position(range.lowerBound), upper: axis.position(range.upperBound),
                hull: range, rangeCount: 1, unitCount: range.unitCount, share: 1)
        }
    }

    /// The ranges of a set. Those that begin and end in one cell are one mark.
    static func marks(_ units: UnitSet, _ state: UnitState, on axis: PageAxis, cells: Int) -> [Mark] {
        var marks: [Mark] = []
        // Of the cell that is being filled: its number, and what is in it.
        var open: (cell: Int, hull: Range<Int64>, rangeCount: Int, unitCount: UInt64)?
        func close() {
            guard let mark = open else { return }
            open = nil
            let isOne = mark.rangeCount == 1
            let lower = isOne ? axis.position(mark.hull.lowerBound) : Double(mark.cell) / Double(cells)
            let upper = isOne ? axis.position(mark.hull.upperBound) : Double(mark.cell + 1) / Double(cells)
            let place = max((upper - lower) * Double(axis.range.unitCount), 1)
            marks.append(
                Mark(
                    state: state, lower: lower, upper: upper, hull: mark.hull, rangeCount: mark.rangeCount,
                    unitCount: mark.unitCount, share: isOne ? 1 : min(Double(mark.unitCount) / place, 1)))
        }
        for range in units.ranges {
            let shown = range.clamped(to: axis.range)
            guard !shown.isEmpty else { continue }
            let first = min(Int(axis.position(shown.lowerBound) * Double(cells)), cells - 1)
            let last = min(Int(axis.position(shown.upperBound) * Double(cells)), cells - 1)
            if let mark = open, first == last, mark.cell == first {
                open = (
                    first, mark.hull.lowerBound..<range.upperBound, mark.rangeCount + 1,
                    mark.unitCount + range.unitCount
                )
                continue
            }
            close()
            open = (first == last ? first : -1, range, 1, range.unitCount)
            // A range over several cells is a mark of its own.
            if first != last { close() }
        }
        close()
        return marks
    }

    /// What is missing of many partitions together: a mark a cell, with the share of what is expected there.
    init(summing partitions: some Sequence<PartitionCoverage>, on axis: PageAxis, cells: Int) {
        var missing = CellCounts(axis, cells)
        var expected = CellCounts(axis, cells)
        for coverage in partitions {
            missing.add(coverage.gaps)
            expected.add(coverage.expected)
        }
        func mark(_ state: UnitState, _ cells: Range<Int>, of count: Int, _ units: Double, share: Double) -> Mark {
            let hull =
                expected.units(of: cells.lowerBound).lowerBound..<expected.units(of: cells.upperBound - 1).upperBound
            return Mark(
                state: state, lower: Double(cells.lowerBound) / Double(count),
                upper: Double(cells.upperBound) / Double(count),
                hull: hull, rangeCount: 2, unitCount: UInt64(max(units.rounded(), 1)), share: share)
        }
        // What is expected lies under what lacks.
        var base: [Mark] = []
        var gaps: [Mark] = []
        var start: Int?
        for cell in 0...cells {
            let count = cell < cells ? expected[cell] : 0
            if count > 0 { start = start ?? cell }
            if count <= 0, let first = start {
                base.append(mark(.covered, first..<cell, of: cells, 1, share: 1))
                start = nil
            }
            guard cell < cells, missing[cell] > 0 else { continue }
            let share = count > 0 ? min(missing[cell] / count, 1) : 1
            gaps.append(mark(.missing, cell..<cell + 1, of: cells, missing[cell], share: share))
        }
        marks = base + gaps
    }
}

/// How many units of many sets lie in each of some equal parts of an axis.
private struct CellCounts {
    private let axis: PageAxis
    private let cells: Int
    /// Units of ranges inside one cell, and the difference to the cell before of ranges over many.
    private var counts: [Double]
    private var steps: [Double]

    init(_ axis: PageAxis, _ cells: Int) {
        (self.axis, self.cells) = (axis, cells)
        counts = Array(repeating: 0, count: cells)
        steps = Array(repeating: 0, count: cells + 1)
    }

    private var size: Double { Double(axis.range.unitCount) / Double(cells) }

    mutating func add(_ units: UnitSet) {
        for range in units.ranges where range.overlaps(axis.range) {
            let lower = axis.position(range.lowerBound) * Double(cells)
            let upper = axis.position(range.upperBound) * Double(cells)
            let (first, last) = (min(Int(lower), cells - 1), min(Int(upper), cells - 1))
            if first == last {
                counts[first] += (upper - lower) * size
            } else {
                counts[first] += (Double(first + 1) - lower) * size
                counts[last] += (upper - Double(last)) * size
                if first + 1 < last {
                    steps[first + 1] += size
                    steps[last] -= size
                    isSummed = false
                }
            }
        }
    }

    private var isSummed = true

    /// All cells at once; the steps are summed from the first.
    subscript(cell: Int) -> Double {
        isSummed ? counts[cell] : counts[cell] + steps[0...cell].reduce(0, +)
    }

    func units(of cell: Int) -> Range<Int64> {
        func unit(_ index: Int) -> Int64 {
            let offset = Double(axis.range.unitCount) * Double(index) / Double(cells)
            return min(
                axis.range.lowerBound.adding(saturating: Int64(exactly: offset.rounded()) ?? .max),
                axis.range.upperBound)
        }
        let (lower, upper) = (unit(cell), unit(cell + 1))
        return lower < upper ? lower..<upper : lower..<lower + 1
    }
}
