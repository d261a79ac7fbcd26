/// A set of units, kept as sorted, disjoint, non-adjacent half-open ranges of ordinals.
///
/// The algebra of gaps runs on it: ``PartitionCoverage`` says how. All operations are linear merges
/// over the ranges of both sides, so a million ranges cost milliseconds.
///
/// Ordinals run from `Int64.min` to `Int64.max - 1`: the unit 2^63−1 cannot be an element, because no half-open
/// range of `Int64` holds it.
public struct UnitSet: Sendable, Hashable {
    /// The ranges, ascending; none empty, none touching another.
    public private(set) var ranges: [Range<Int64>]

    /// The empty set.
    public init() {
        ranges = []
    }

    /// The units of one range.
    public init(_ range: Range<Int64>) {
        ranges = range.isEmpty ? [] : [range]
    }

    /// The union of ranges in any order, overlapping or not.
    public init(_ unsorted: some Sequence<Range<Int64>>) {
        ranges = []
        ranges.reserveCapacity(unsorted.underestimatedCount)
        var isSorted = true
        for range in unsorted where !range.isEmpty {
            if isSorted, let last = ranges.last, range.lowerBound < last.lowerBound { isSorted = false }
            if isSorted { append(range) } else { ranges.append(range) }
        }
        guard !isSorted else { return }
        let sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }
        ranges.removeAll(keepingCapacity: true)
        for range in sorted { append(range) }
    }

    /// The union of ranges in any order. Those of a set are kept as they are, without a copy.
    public init(_ ranges: [Range<Int64>]) {
        self.init()
        self.ranges = ranges
        if !isOrdered { self.init(ranges.lazy.map(\.self)) }
    }

    /// Whether the ranges are what they are promised to be.
    private var isOrdered: Bool {
        ranges.allSatisfy { !$0.isEmpty }
            && zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound }
    }

    /// True if no unit is in the set.
    public var isEmpty: Bool { ranges.isEmpty }

    /// The number of units. The full range of `Int64` fits.
    public var count: UInt64 {
        ranges.reduce(0) { $0 + $1.unitCount }
    }

    /// The number of units that lie in `range`.
    public func count(in range: Range<Int64>) -> UInt64 {
        var count: UInt64 = 0
        var index = firstIndex(endingAfter: range.lowerBound)
        while index < ranges.count, ranges[index].lowerBound < range.upperBound {
            count += ranges[index].clamped(to: range).unitCount
            index += 1
        }
        return count
    }

    /// The smallest range that holds every unit of the set; nil if it is empty.
    public var hull: Range<Int64>? {
        guard let first = ranges.first, let last = ranges.last else { return nil }
        return first.lowerBound..<last.upperBound
    }

    /// Whether the set holds `unit`.
    public func contains(_ unit: Int64) -> Bool {
        let index = firstIndex(endingAfter: unit)
        return index < ranges.count && ranges[index].contains(unit)
    }

    /// Units that are in either set.
    public func union(_ other: UnitSet) -> UnitSet {
        if other.isEmpty { return self }
        if isEmpty { return other }
        var result = UnitSet()
        result.ranges.reserveCapacity(ranges.count + other.ranges.count)
        var left = ranges[...]
        var right = other.ranges[...]
        while let a = left.first, let b = right.first {
            if a.lowerBound <= b.lowerBound {
                result.append(a)
                left.removeFirst()
            } else {
                result.append(b)
                right.removeFirst()
            }
        }
        for range in left { result.append(range) }
        for range in right { result.append(range) }
        assert(result.isOrdered, "ranges are ascending, and none touches another")
        return result
    }

    /// Units that are in both sets.
    public func intersection(_ other: UnitSet) -> UnitSet {
        if other.ranges.count <= 1 { return intersection(other.hull ?? 0..<0) }
        if ranges.count <= 1 { return other.intersection(hull ?? 0..<0) }
        var result = UnitSet()
        var i = 0
        var j = 0
        while i < ranges.count, j < other.ranges.count {
            let a = ranges[i]
            let b = other.ranges[j]
            let lower = max(a.lowerBound, b.lowerBound)
            let upper = min(a.upperBound, b.upperBound)
            if lower < upper { result.ranges.append(lower..<upper) }
            if a.upperBound <= b.upperBound { i += 1 } else { j += 1 }
        }
        assert(result.isOrdered, "ranges are ascending, and none touches another")
        return result
    }

    /// Units of this set that lie in `range`.
    public func intersection(_ range: Range<Int64>) -> UnitSet {
        guard !range.isEmpty, let hull else { return UnitSet() }
        // The same array: a million ranges are kept once.
        if range.lowerBound <= hull.lowerBound, hull.upperBound <= range.upperBound { return self }
        let first = firstIndex(endingAfter: range.lowerBound)
        var end = firstIndex(endingAfter: range.upperBound - 1)
        if end < ranges.count, ranges[end].lowerBound < range.upperBound { end += 1 }
        var result = UnitSet()
        guard first < end else { return result }
        result.ranges = Array(ranges[first..<end])
        result.ranges[0] = result.ranges[0].clamped(to: range)
        result.ranges[result.ranges.count - 1] = result.ranges[result.ranges.count - 1].clamped(to: range)
        assert(result.isOrdered, "ranges are ascending, and none touches another")
        return result
    }

    /// Units of this set that are not in `other`.
    public func subtracting(_ other: UnitSet) -> UnitSet {
        guard let hull, let others = other.hull, hull.overlaps(others) else { return self }
        var result = UnitSet()
        var j = 0
        for range in ranges {
            var lower = range.lowerBound
            while j < other.ranges.count, other.ranges[j].upperBound <= lower { j += 1 }
            var k = j
            while k < other.ranges.count, other.ranges[k].lowerBound < range.upperBound {
                let hole = other.ranges[k]
                if hole.lowerBound > lower { result.ranges.append(lower..<hole.lowerBound) }
                lower = max(lower, hole.upperBound)
                if lower >= range.upperBound { break }
                k += 1
            }
            j = k
            if lower < range.upperBound { result.ranges.append(lower..<range.upperBound) }
        }
        assert(result.isOrdered, "ranges are ascending, and none touches another")
        return result
    }

    /// Units of this set that are not in `range`.
    public func subtracting(_ range: Range<Int64>) -> UnitSet {
        subtracting(UnitSet(range))
    }

    /// The unit at a place in the order of the set, counted from 0; nil beyond its end.
    func unit(at index: UInt64) -> Int64? {
        var rest = index
        for range in ranges {
            if rest < range.unitCount { return range.lowerBound &+ Int64(rest) }
            rest -= range.unitCount
        }
        return nil
    }

    /// Adds the units of `range`.
    public mutating func insert(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        if let last = ranges.last, range.lowerBound < last.lowerBound {
            self = union(UnitSet(range))
        } else {
            append(range)
        }
    }

    /// Joins ranges that are at most `distance` missing units apart, so that the units between them become elements.
    package func coalesced(distance: Int64) -> UnitSet {
        guard distance > 0, ranges.count > 1 else { return self }
        var result = UnitSet()
        for range in ranges {
            if let last = result.ranges.last,
                (last.upperBound..<range.lowerBound).unitCount <= UInt64(distance)
            {
                result.ranges[result.ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                result.ranges.append(range)
            }
        }
        assert(result.isOrdered, "ranges are ascending, and none touches another")
        return result
    }

    /// Appends a range whose lower bound is at or above that of the last one.
    private mutating func append(_ range: Range<Int64>) {
        guard let last = ranges.last, range.lowerBound <= last.upperBound else {
            ranges.append(range)
            return
        }
        if range.upperBound > last.upperBound {
            ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
        }
    }

    /// The index of the first range whose upper bound is above `unit`, or `ranges.count`.
    private func firstIndex(endingAfter unit: Int64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= unit { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Range where Bound == Int64 {
    /// The number of units in the range. Unlike `count` it cannot overflow.
    package var unitCount: UInt64 {
        UInt64(bitPattern: upperBound &- lowerBound)
    }
}
