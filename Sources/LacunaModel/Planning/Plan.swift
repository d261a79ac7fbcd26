/// A window to fetch and commit as one.
package struct PlannedBatch: Sendable, Hashable {
    /// Why the window is fetched.
    package enum Reason: String, Sendable, Hashable {
        /// Something in it is missing or declared wrong.
        case gap
        /// It is read on every run: within `lookback` of the newest unit, or not over yet.
        case lookback
        /// It lies beyond `latest`.
        case catchup
    }

    /// The partition.
    package let partition: Partition
    /// The units that the batch is to cover; never crosses a line of the grid.
    package let window: Range<Int64>
    /// The units of the window that are asked for: of ordered keys all, of text keys those that lack something.
    package let units: UnitSet
    /// The units that the source is asked for: the window, widened by `overlap`.
    package let request: Range<Int64>
    /// Why.
    package let reason: Reason
    /// The units of the window that a check found wrong: they are loaded though they look covered.
    package let flagged: UnitSet
    /// The cell of the grid that the window lies in.
    package let cell: Range<Int64>
    /// The units of the window that are expected.
    package let expected: UnitSet
    /// What the plan knew of the batch's partition.
    package let standing: Standing
    /// Whether it is asked for a second time in its run, because something newer has been shown since.
    package private(set) var isAskedAgain = false

    /// What a plan knows of a partition: its batches carry it, so that nobody looks for it a second time.
    package struct Standing: Sendable, Hashable {
        /// The extents that were stored.
        package var extents: Extents?
        /// The newest unit: the stored one, or that of the table's largest key.
        package var latest: Int64?
        /// The only expected units, if a query names them.
        package var named: UnitSet?
        /// The units that have rows.
        package var present = PresentUnits()
        /// The units that are verified empty.
        package var verified = UnitSet()
        /// The units that are accepted as missing and not marked.
        package var accepted = UnitSet()
        /// The units that have rows, are not complete and not settled.
        package var openThin = UnitSet()

        /// The units that were declared wrong.
        package var refetch = UnitSet()

        /// The newest unit that has a row.
        package var newestRow: Int64? { present.hull.isEmpty ? nil : present.hull.upperBound - 1 }

        /// Nothing is known.
        package init() {}

        /// What a snapshot shows of a partition.
        package init(_ coverage: PartitionCoverage) {
            extents = coverage.evidence.extents
            latest = coverage.latest
            named = coverage.evidence.expected
            present = coverage.evidence.present
            verified = coverage.evidence.verified
            refetch = coverage.evidence.refetch
            accepted = coverage.evidence.acceptedIncomplete.subtracting(refetch)
            openThin = coverage.thin
        }
    }

    /// A batch.
    ///
    /// - Parameters:
    ///   - cell: the cell of the grid; nil: the window is one.
    ///   - expected: the expected units of the window; nil: all.
    package init(
        partition: Partition, window: Range<Int64>, units: UnitSet? = nil, request: Range<Int64>, reason: Reason,
        flagged: UnitSet = UnitSet(), cell: Range<Int64>? = nil, expected: UnitSet? = nil,
        standing: Standing = Standing()
    ) {
        self.partition = partition
        self.window = window
        self.units = units ?? UnitSet(window)
        self.request = request
        self.reason = reason
        self.flagged = flagged
        self.cell = cell ?? window
        self.expected = expected ?? UnitSet(window)
        self.standing = standing
        assert(
            self.cell.lowerBound <= window.lowerBound && window.upperBound <= self.cell.upperBound,
            "a window crosses no line of the grid")
        assert(
            request.lowerBound <= window.lowerBound && window.upperBound <= request.upperBound,
            "a window is asked for whole")
    }

    /// The part of a batch that holds some of its units, to be asked for once more; nil if there are none.
    package func narrowed(to wanted: UnitSet) -> PlannedBatch? {
        let wanted = wanted.intersection(units)
        guard let window = wanted.hull else { return nil }
        var batch = PlannedBatch(
            partition: partition, window: window, units: units.intersection(window), request: window, reason: reason,
            flagged: flagged.intersection(window), cell: cell, expected: expected.intersection(window),
            standing: standing)
        batch.isAskedAgain = true
        return batch
    }

    /// The two halves of a batch of more than one unit, for finding the units at fault.
    package func halves() -> [PlannedBatch]? {
        guard units.count > 1, let middle = units.unit(at: units.count / 2) else { return nil }
        return [window.lowerBound..<middle, middle..<window.upperBound].map { part($0, request: $0) }
    }

    /// The units of the window that have rows and are asked for because they are not complete.
    package var thin: UnitSet { standing.openThin.intersection(window).intersection(units) }

    /// How many units the source is asked for.
    package var askedCount: UInt64 {
        request == window ? units.count : request.unitCount
    }

    /// The part of the batch that holds its first units, and the rest; nil if either is empty. Each end keeps its overlap.
    package func split(after count: UInt64) -> (first: PlannedBatch, rest: PlannedBatch)? {
        guard count > 0, count < units.count, let border = units.unit(at: count) else { return nil }
        return (
            part(window.lowerBound..<border, request: request.lowerBound..<border),
            part(border..<window.upperBound, request: border..<request.upperBound)
        )
    }

    /// The batch that this one and the part before or behind it were cut from; nil if they do not meet.
    package func joined(with other: PlannedBatch) -> PlannedBatch? {
        guard partition == other.partition, reason == other.reason, cell == other.cell else { return nil }
        let (first, last) = window.lowerBound < other.window.lowerBound ? (self, other) : (other, self)
        guard first.window.upperBound == last.window.lowerBound,
            first.request.upperBound == last.request.lowerBound
        else { return nil }
        return PlannedBatch(
            partition: partition, window: first.window.lowerBound..<last.window.upperBound,
            units: units.union(other.units), request: first.request.lowerBound..<last.request.upperBound,
            reason: reason,
            flagged: flagged.union(other.flagged), cell: cell, expected: expected.union(other.expected),
            standing: standing)
    }

    /// The same batch, which asks for its own units alone.
    package func withoutOverlap() -> PlannedBatch { part(window, request: window) }

    private func part(_ range: Range<Int64>, request: Range<Int64>) -> PlannedBatch {
        PlannedBatch(
            partition: partition, window: range, units: units.intersection(range), request: request, reason: reason,
            flagged: flagged.intersection(range), cell: cell, expected: expected.intersection(range),
            standing: standing)
    }
}

/// Cuts what is to be fetched into batches. It asks neither a database nor a clock: equal demands give equal batches.
package struct Planner: Sendable {
    /// The stream.
    package let stream: StreamDefinition
    let grid: BatchGrid

    /// A planner for a stream.
    package init(_ stream: StreamDefinition) {
        self.stream = stream
        grid = BatchGrid(type: stream.keyType, batch: stream.batch)
    }

    /// What is to be fetched in one partition.
    package struct Demand: Sendable {
        /// The partition.
        package var partition: Partition
        /// The units to cover.
        package var units: UnitSet
        /// Why.
        package var reason: PlannedBatch.Reason
        /// The range that nothing is asked for outside of, not even by `overlap`.
        package var bounds: Range<Int64>
        /// Units that a check found wrong.
        package var flagged: UnitSet
        /// What is known of the partition.
        package var standing: PlannedBatch.Standing
        /// Whether it is fetched before all others, whatever the order.
        package var comesFirst = false

        /// A demand.
        package init(
            partition: Partition, units: UnitSet, reason: PlannedBatch.Reason, bounds: Range<Int64>,
            flagged: UnitSet = UnitSet(), standing: PlannedBatch.Standing = PlannedBatch.Standing()
        ) {
            self.partition = partition
            self.units = units
            self.reason = reason
            self.bounds = bounds
            self.flagged = flagged
            self.standing = standing
        }
    }

    /// The most batches of one plan: a history may hold any number of windows.
    package static let batchLimit = 1_000_000

    /// The batches for some demands, in the order they are to be fetched.
    ///
    /// Each unit of a demand is in one batch of it, and in no two; only `limit` leaves units out. With `coalesce`, a batch
    /// also holds the units between two near gaps.
    ///
    /// - Parameters:
    ///   - demands: what is to be fetched.
    ///   - limit: about the most batches; a demand that holds more than its share of them gets those that come first.
    package func batches(for demands: [Demand], limit: Int = Planner.batchLimit) -> [PlannedBatch] {
        Array(schedule(for: demands, limit: limit))
    }

    /// The same batches, made one by one as they are asked for.
    package func schedule(for demands: [Demand], limit: Int = Planner.batchLimit) -> BatchSchedule {
        BatchSchedule(demands.filter { !$0.units.isEmpty }, planner: self, limit: limit)
    }

    /// The expected units of a window.
    func expectedUnits(in window: Range<Int64>, of demand: Demand) -> UnitSet {
        let calendar = stream.calendarUnits(in: window, partition: demand.partition)
        return demand.standing.named.map(calendar.intersection) ?? calendar
    }

    /// A window with the stream's overlap, held inside `bounds`.
    func widened(_ window: Range<Int64>, within bounds: Range<Int64>) -> Range<Int64> {
        guard let overlap = stream.overlap, !overlap.isZero else { return window }
        let lower = max(stream.keyType.ordinal(window.lowerBound, minus: overlap), bounds.lowerBound)
        let upper = min(stream.keyType.ordinal(window.upperBound, plus: overlap), bounds.upperBound)
        return min(lower, window.lowerBound)..<max(upper, window.upperBound)
    }
}
