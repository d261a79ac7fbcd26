/// The units that have rows, kept as what lacks: the hull of the rows, and the holes in it. Where nothing lacks, and many
/// partitions are so, it takes no memory beside itself.
package struct PresentUnits: Sendable, Hashable {
    /// From the first unit with a row to the last; empty if none has one.
    package private(set) var hull: Range<Int64> {
        didSet { if hull.isEmpty { hull = 0..<0 } }
    }
    /// The units of ``hull`` without a row.
    package private(set) var holes: UnitSet

    /// None.
    package init() {
        self.init(hull: 0..<0)
    }

    /// The units of a hull but for the holes in it.
    package init(hull: Range<Int64>, holes: UnitSet = UnitSet()) {
        self.hull = hull.isEmpty ? 0..<0 : hull
        self.holes = holes
    }

    /// The units of a range but for those that are missing.
    package init(_ range: Range<Int64>, missing: UnitSet) {
        let hull = UnitSet(range).subtracting(missing).hull ?? 0..<0
        self.init(hull: hull, holes: missing.intersection(hull))
    }

    /// How many there are.
    package var count: UInt64 { hull.unitCount - holes.count }

    /// The units of a range that have no row: none has one outside ``hull``.
    package func missing(in range: Range<Int64>) -> UnitSet {
        UnitSet(range).subtracting(hull).union(holes.intersection(range))
    }

    /// Takes a range away that holds an end of the hull, or lies behind all holes.
    ///
    /// - Returns: whether it does; where not, nothing is changed.
    package mutating func trim(_ gap: Range<Int64>) -> Bool {
        if gap.lowerBound <= hull.lowerBound {
            hull = min(max(gap.upperBound, hull.lowerBound), hull.upperBound)..<hull.upperBound
        } else if gap.upperBound >= hull.upperBound {
            hull = hull.lowerBound..<max(min(gap.lowerBound, hull.upperBound), hull.lowerBound)
        } else if gap.lowerBound >= holes.ranges.last?.upperBound ?? hull.lowerBound {
            holes.insert(gap)
        } else {
            return false
        }
        return true
    }

    /// Takes units away.
    package mutating func remove(_ units: UnitSet) {
        self = PresentUnits(hull, missing: holes.union(units))
    }
}
