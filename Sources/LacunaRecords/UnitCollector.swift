import LacunaModel

/// Gathers units one by one into a set, cheap for sorted and for unsorted ones.
struct UnitCollector {
    private var set = UnitSet()
    private var pending: [Range<Int64>] = []
    private var lower: Int64 = 0
    private var upper: Int64 = 0

    /// Adds a unit, which is not `Int64.max`.
    @inline(__always)
    mutating func insert(_ unit: Int64) {
        if unit >= lower, unit < upper { return }
        if unit == upper, upper > lower {
            upper = unit &+ 1
            return
        }
        startRun(at: unit)
    }

    @inline(never)
    private mutating func startRun(at unit: Int64) {
        if upper > lower { pending.append(lower..<upper) }
        lower = unit
        upper = unit &+ 1
        // As many as the set has ranges, so that the merges together stay linear in what is inserted.
        if pending.count >= max(4096, set.ranges.count) { merge() }
    }

    private mutating func merge() {
        set = set.union(UnitSet(pending))
        pending.removeAll(keepingCapacity: true)
    }

    /// All units.
    mutating func finish() -> UnitSet {
        if upper > lower { pending.append(lower..<upper) }
        upper = lower
        merge()
        return set
    }
}
