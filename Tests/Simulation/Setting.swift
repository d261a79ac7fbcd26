import Lacuna
import SeededRandom

/// What an episode is made of, all of it drawn from its seed.
public struct Setting: Sendable, CustomStringConvertible {
    /// Where it comes from.
    public let seed: UInt64
    /// The partitions.
    public let partitions: [String]
    /// The first expected unit.
    public let first: Int64
    /// The units that there are when it ends, at most.
    public let unitCount: Int
    /// Units to a window.
    public let batch: Int64
    /// By how much windows are widened.
    public let overlap: Int64
    /// How far behind the newest unit is read again.
    public let lookback: Int64
    /// Gaps so close to each other are fetched as one.
    public let coalesce: Int64
    /// Batches in flight in one process.
    public let workers: Int
    /// Processes at once.
    public let processes: Int
    /// How often a batch is tried.
    public let attempts: Int
    /// Whether batches are leased.
    public let leases: Bool
    /// Whether records carry their partition.
    public let namesPartition: Bool
    /// After so many crashes everything heals.
    public let crashes: Int
    /// One answer of the source in so many is bad; 0: none.
    public let badAnswers: Int
    /// One statement in so many fails; 0: none.
    public let badStatements: Int
    /// One COMMIT in so many is lost, or its answer.
    public let lostCommits: Int
    /// Whether somebody deletes rows.
    public let hasPruner: Bool
    /// Whether the source corrects rows, and somebody marks them.
    public let hasCorrections: Bool
    /// Whether the source grows.
    public let grows: Bool
    /// Whether somebody else ingests rows before the source has them.
    public let isAhead: Bool

    /// The most units that the source gives rows of at once, without a word; 0: any number.
    public let cap: Int
    /// Whether it gives the newest.
    public let capsNewest: Bool
    /// How many units the source lags behind its tip.
    public let lag: Int64
    /// What a catchup commits all or nothing.
    public let atomic: Atomicity

    /// Whether the source withdraws rows, which are to go.
    public let replaces: Bool

    /// Whether nothing crashes and no statement fails; after so many runs of one process everything heals.
    let calmRuns: Int?

    /// Draws a setting.
    public init(seed: UInt64) {
        self.init(seed: seed, calmRuns: nil)
    }

    /// Draws a setting, with crashes or without.
    init(seed: UInt64, calmRuns: Int?) {
        var random = SeededGenerator(seed: seed)
        func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        func oneIn(_ n: Int) -> Bool { draw(1...n) == 1 }
        self.seed = seed
        partitions = oneIn(3) ? ["a", "b"] : ["a"]
        first = [0, 1, -17, 1000, 9_007_199_254_740_990, 9_223_372_036_854_775_700][draw(0...5)]
        unitCount = draw(6...40)
        batch = Int64(draw(2...12))
        overlap = oneIn(4) ? Int64(draw(1...3)) : 0
        lookback = oneIn(5) ? Int64(draw(1...8)) : 0
        coalesce = oneIn(4) ? Int64(draw(1...4)) : 0
        workers = draw(1...3)
        let processes = [1, 1, 2, 2, 3][draw(0...4)]
        self.processes = calmRuns == nil ? processes : 1
        attempts = draw(1...3)
        leases = !oneIn(4)
        namesPartition = oneIn(2)
        crashes = draw(10...60)
        let badAnswers = oneIn(2) ? draw(4...30) : 0
        // Nothing else fails there.
        self.badAnswers = calmRuns == nil ? badAnswers : 3
        let badStatements = oneIn(3) ? draw(50...400) : 0
        self.badStatements = calmRuns == nil ? badStatements : 0
        lostCommits = oneIn(2) ? draw(2...8) : 0
        hasPruner = oneIn(3)
        // Where windows are read beyond what is missing, an answer that is older than a correction may come in after it:
        // docs/RELIABILITY.md says so.
        hasCorrections = oneIn(2) && overlap == 0 && lookback == 0
        grows = !oneIn(3)
        isAhead = oneIn(4)
        // A cut answer says nothing of rows that were corrected and are not marked yet, or that are deleted meanwhile.
        cap = oneIn(4) && !hasCorrections && !hasPruner && !isAhead ? draw(1...6) : 0
        capsNewest = oneIn(2)
        let lag = oneIn(4) ? Int64(draw(1...5)) : 0
        // Rows that somebody else brings say nothing of how far the source is.
        self.lag = calmRuns == nil && !isAhead ? lag : 0
        self.calmRuns = calmRuns
        atomic = partitions.count > 1 && oneIn(2) ? .partition : .stream
        replaces = hasCorrections && oneIn(2)
    }

    /// All of it in a line.
    public var description: String {
        """
        seed \(seed): \(partitions.count) partitions, \(unitCount) units from \(first), batch \(batch), overlap \(overlap), lookback \
        \(lookback), coalesce \(coalesce), workers \(workers), processes \(processes), attempts \(attempts), \
        \(leases ? "leases" : "no leases"), \(crashes) crashes, bad answers \(badAnswers), bad statements \
        \(badStatements), lost COMMITs \(lostCommits)\(hasPruner ? ", pruner" : "")\(hasCorrections ? ", corrections" : "")\
        \(grows ? ", grows" : "")\(isAhead ? ", ahead" : "")\
        \(cap > 0 ? ", cap \(cap) \(capsNewest ? "newest" : "oldest")" : "")\(lag > 0 ? ", lag \(lag)" : "")\
        \(atomic == .partition ? ", atomic partitions" : "")\(replaces ? ", replaces" : "")
        """
    }

    /// The stream.
    var stream: StreamDefinition {
        var stream = StreamDefinition(name: "facts", table: "public.facts", keyColumn: "n", keyType: .integer(step: 1))
        stream.partitions = .product([PartitionColumn(name: "region", values: partitions)])
        stream.expect.from = .unit(first)
        stream.batch = .units(batch)
        if overlap > 0 { stream.overlap = .units(overlap) }
        if lookback > 0 { stream.lookback = .units(lookback) }
        stream.coalesce = coalesce
        stream.workers = workers
        stream.leases = leases
        stream.atomic = atomic
        if replaces { stream.rows = .replace }
        // Beside a real server no clock is moved.
        if calmRuns != nil { stream.confirm = 1_000_000_000 }
        stream.retry = RetryPolicy(attempts: attempts, backoff: .seconds(1), maxBackoff: .seconds(10))
        return stream
    }
}
