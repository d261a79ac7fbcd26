/// The batches of a plan in the order they are to be fetched, made one by one from the gaps: a million of them take no memory.
package struct BatchSchedule: Sequence, Sendable {
    /// How many batches there are.
    package let count: Int
    /// The units of their windows.
    package let unitCount: UInt64
    private let demands: [Planner.Demand]
    private let planner: Planner
    /// The most batches of each demand.
    private let share: Int

    /// Whether there is none.
    package var isEmpty: Bool { count == 0 }
    /// The partitions that have a batch.
    package var partitions: Set<Partition> { Set(demands.map(\.partition)) }

    /// - Parameters:
    ///   - demands: what is to be fetched, none of it empty.
    ///   - limit: about the most batches; a demand that holds more than its share of them gets those that come first.
    init(_ demands: [Planner.Demand], planner: Planner, limit: Int) {
        self.demands = demands
        self.planner = planner
        share = Swift.max(limit / Swift.max(demands.count, 1), 1)
        var count = 0
        var unitCount: UInt64 = 0
        for demand in demands {
            var windows = DemandWindows(demand, planner: planner, limit: share)
            while let window = windows.window {
                count += 1
                unitCount += window.unitCount
                windows.advance(planner)
            }
        }
        self.count = count
        self.unitCount = unitCount
    }

    /// Begins with the first batch.
    package func makeIterator() -> Iterator {
        Iterator(demands.map { DemandWindows($0, planner: planner, limit: share) }, planner: planner)
    }

    /// The windows of one demand, in order.
    fileprivate struct DemandWindows: Sendable {
        let demand: Planner.Demand
        private let ranges: [Range<Int64>]
        /// Of text keys the units of each window; empty if a window has them all.
        private let groups: [UnitSet]
        private var rest: Range<Int64> = 0..<0
        private var place = 0
        private var left: Int

        /// The next window; nil after the last.
        private(set) var window: Range<Int64>?
        /// The units of ``window`` that are asked for.
        private(set) var units: UnitSet?

        init(_ demand: Planner.Demand, planner: Planner, limit: Int) {
            self.demand = demand
            left = limit
            if planner.stream.keyType.isOrdered {
                ranges = demand.units.coalesced(distance: planner.stream.coalesce).ranges
                groups = []
            } else {
                let ascending = planner.grid.groups(of: demand.units, limit: limit)
                groups = planner.stream.order == .newest ? ascending.reversed() : ascending
                ranges = []
            }
            advance(planner)
        }

        mutating func advance(_ planner: Planner) {
            window = nil
            guard left > 0 else { return }
            left -= 1
            if !groups.isEmpty {
                guard place < groups.count else { return }
                units = groups[place]
                window = groups[place].hull
                place += 1
                return
            }
            let order = planner.stream.order
            if rest.isEmpty {
                guard place < ranges.count else { return }
                rest = order == .newest ? ranges[ranges.count - 1 - place] : ranges[place]
                place += 1
            }
            guard let next = planner.grid.windows(of: rest, order: order, limit: 1).first else { return }
            rest = order == .newest ? rest.lowerBound..<next.lowerBound : next.upperBound..<rest.upperBound
            window = next
        }
    }

    /// Goes from batch to batch.
    package struct Iterator: IteratorProtocol, Sendable {
        /// Those that have a window left, as a heap: the first one's comes first.
        private var remaining: [DemandWindows]
        private let planner: Planner

        /// - Parameter remaining: each with a window.
        fileprivate init(_ remaining: consuming [DemandWindows], planner: Planner) {
            self.remaining = remaining
            self.planner = planner
            for place in (0..<self.remaining.count / 2).reversed() { sink(place) }
        }

        /// The next batch; nil after the last.
        package mutating func next() -> PlannedBatch? {
            guard let first = remaining.first, let window = first.window else { return nil }
            let (demand, units) = (first.demand, first.units)
            remaining[0].advance(planner)
            if remaining[0].window == nil {
                remaining.swapAt(0, remaining.count - 1)
                remaining.removeLast()
            }
            sink(0)
            return PlannedBatch(
                partition: demand.partition, window: window, units: units,
                request: units == nil ? planner.widened(window, within: demand.bounds) : window, reason: demand.reason,
                flagged: demand.flagged.intersection(window), cell: planner.grid.cell(of: window.lowerBound),
                expected: planner.expectedUnits(in: window, of: demand), standing: demand.standing)
        }

        private mutating func sink(_ start: Int) {
            var place = start
            while true {
                var least = place
                for child in [2 * place + 1, 2 * place + 2] where child < remaining.count && precedes(child, least) {
                    least = child
                }
                guard least != place else { return }
                remaining.swapAt(place, least)
                place = least
            }
        }

        private func precedes(_ left: Int, _ right: Int) -> Bool {
            guard let a = remaining[left].window, let b = remaining[right].window else { return false }
            if remaining[left].demand.comesFirst != remaining[right].demand.comesFirst {
                return remaining[left].demand.comesFirst
            }
            let newest = planner.stream.order == .newest
            let (one, other) = newest ? (b.upperBound, a.upperBound) : (a.lowerBound, b.lowerBound)
            if one != other { return one < other }
            return remaining[left].demand.partition < remaining[right].demand.partition
        }
    }
}
