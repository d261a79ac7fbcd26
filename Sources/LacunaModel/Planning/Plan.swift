/// A window to fetch and commit as one.
public struct PlannedBatch: Sendable, Hashable {
    /// Why the window is fetched.
    public enum Reason: String, Sendable, Hashable {
        /// Something in it is missing or declared wrong.
        case gap
        /// It is read on every run: within `lookback` of the newest unit, or not over yet.
        case lookback
        /// It lies beyond `latest`.
        case catchup
    }

    /// The partition.
    public let partition: Partition
    /// The units that the batch is to cover; never crosses a line of the grid.
    public let window: Range<Int64>
    /// The units of the window that are asked for: of ordered keys all, of text keys those that lack something.
    public let units: UnitSet
    /// The units that the source is asked for: the window, widened by `overlap`.
    public let request: Range<Int64>
    /// Why.
    public let reason: Reason
    /// The units of the window that a check found wrong: they are loaded though they look covered.
    public let suspects: UnitSet

    /// A batch.
    public init(
        partition: Partition, window: Range<Int64>, units: UnitSet? = nil, request: Range<Int64>, reason: Reason,
        suspects: UnitSet = UnitSet()
    ) {
        self.partition = partition
        self.window = window
        self.units = units ?? UnitSet(window)
        self.request = request
        self.reason = reason
        self.suspects = suspects
    }

    /// The two halves of a batch of more than one unit, for finding the units at fault.
    public func halves() -> [PlannedBatch]? {
        guard units.count > 1, let middle = units.unit(at: units.count / 2) else { return nil }
        return [window.lowerBound..<middle, middle..<window.upperBound].map { half in
            PlannedBatch(
                partition: partition, window: half, units: units.intersection(half), request: half, reason: reason,
                suspects: suspects.intersection(half))
        }
    }
}

/// Cuts gaps into batches: pure, values in, values out.
public struct Planner: Sendable {
    /// The stream.
    public let stream: StreamDefinition
    let grid: BatchGrid

    /// A planner for a stream.
    public init(_ stream: StreamDefinition) {
        self.stream = stream
        grid = BatchGrid(type: stream.keyType, batch: stream.batch)
    }

    /// What is to be fetched in one partition.
    public struct Demand: Sendable {
        /// The partition.
        public var partition: Partition
        /// The units to cover.
        public var units: UnitSet
        /// Why.
        public var reason: PlannedBatch.Reason
        /// The range that nothing is asked for outside of, not even by `overlap`.
        public var bounds: Range<Int64>
        /// Units that a check found wrong.
        public var suspects: UnitSet
        /// Whether it is fetched before all others, whatever the order.
        public var comesFirst = false

        /// A demand.
        public init(
            partition: Partition, units: UnitSet, reason: PlannedBatch.Reason, bounds: Range<Int64>,
            suspects: UnitSet = UnitSet()
        ) {
            self.partition = partition
            self.units = units
            self.reason = reason
            self.bounds = bounds
            self.suspects = suspects
        }
    }

    /// The most batches of one plan: a history may hold any number of windows.
    public static let batchLimit = 1_000_000

    /// The batches for some demands, in the order they are to be fetched.
    ///
    /// Each unit of a demand is in exactly one batch of it. With `coalesce`, units between two near gaps are in one too.
    ///
    /// - Parameters:
    ///   - demands: what is to be fetched.
    ///   - limit: about the most batches; a demand that holds more than its share of them gets those that come first.
    public func batches(for demands: [Demand], limit: Int = Planner.batchLimit) -> [PlannedBatch] {
        Array(schedule(for: demands, limit: limit))
    }

    /// The same batches, made one by one as they are asked for.
    public func schedule(for demands: [Demand], limit: Int = Planner.batchLimit) -> BatchSchedule {
        BatchSchedule(demands.filter { !$0.units.isEmpty }, planner: self, limit: limit)
    }

    /// The cell of the grid that a batch's window lies in.
    public func cell(of batch: PlannedBatch) -> Range<Int64> {
        grid.cell(of: batch.window.lowerBound)
    }

    /// A window with the stream's overlap, held inside `bounds`.
    func widened(_ window: Range<Int64>, within bounds: Range<Int64>) -> Range<Int64> {
        guard let overlap = stream.overlap, !overlap.isZero else { return window }
        let lower = max(stream.keyType.ordinal(window.lowerBound, minus: overlap), bounds.lowerBound)
        let upper = min(stream.keyType.ordinal(window.upperBound, plus: overlap), bounds.upperBound)
        return min(lower, window.lowerBound)..<max(upper, window.upperBound)
    }
}
