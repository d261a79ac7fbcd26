import SeededRandom

/// The identity of a row of the user's table.
public struct FactKey: Hashable, Comparable, Sendable {
    /// The partition.
    public let partition: String
    /// The unit.
    public let unit: Int64
    /// Which of the unit's rows.
    public let part: Int

    /// In the order of the primary key.
    public static func < (lhs: FactKey, rhs: FactKey) -> Bool {
        (lhs.partition, lhs.unit, lhs.part) < (rhs.partition, rhs.unit, rhs.part)
    }
}

/// A verified-empty range.
struct VerifiedRow: Hashable {
    let partition: String
    let units: Range<Int64>
}

/// A range that was answered with nothing, and when.
struct ProvisionalRow: Hashable {
    let partition: String
    let units: Range<Int64>
    let askedAt: Int64
}

/// A refetch mark.
struct RefetchRow: Hashable {
    let partition: String
    let units: Range<Int64>
    let reason: String
    let markedAt: Int64
    /// Whether any number of rows may go.
    let replaces: Bool
}

/// The extents of a partition.
public struct ExtentsRow: Hashable, Sendable {
    /// The smallest unit.
    public var oldest: Int64
    /// The largest unit.
    public var latest: Int64
}

/// A run in the journal.
public struct RunRow: Hashable, Sendable {
    /// `reconcile`, `catchup` …
    public var mode: String
    /// `running`, `done` …
    public var state: String
    /// The batches that were planned.
    public var planned: Int
    /// The batches that the run says it committed.
    public var committed = 0
    /// The batches that failed.
    public var failed = 0
    /// The units that were missing afterwards; nil where unknown.
    public var missing: Int?
    /// Whether the run was closed.
    public var isEnded = false
}

/// The token of a batch.
public struct Token: Hashable, Sendable {
    /// The run.
    public let run: Int64
    /// The batch's number in it.
    public let batch: Int64
}

/// A batch in the journal.
public struct BatchRow: Hashable, Sendable {
    /// The partition.
    public let partition: String
    /// The window.
    public let units: Range<Int64>
    /// `committed` or `failed`.
    public let state: String
    /// What was fetched, written and verified empty.
    public var fetched = 0
    /// Rows that were new.
    public var inserted = 0
    /// Rows that were there and differed.
    public var updated = 0
    /// Rows that went.
    public var deleted = 0
    /// Units recorded as empty.
    public var empty = 0
    /// The runs in a row that it failed in.
    public var failures = 0
    /// When it ended, in microseconds.
    public var endedAt: Int64
}

/// Everything that is committed.
struct StoredState {
    var facts: [FactKey: String] = [:]
    var verified: [Int: VerifiedRow] = [:]
    var provisional: [Int: ProvisionalRow] = [:]
    var refetch: [Int: RefetchRow] = [:]
    var extents: [String: ExtentsRow] = [:]
    var runs: [Int64: RunRow] = [:]
    var batches: [Token: BatchRow] = [:]
    /// The stream's row in the registry, column by column.
    var stream: [String?]?

    /// The units of a partition that are verified empty.
    func verifiedUnits(of partition: String) -> Set<Int64> {
        var units: Set<Int64> = []
        for row in verified.values where row.partition == partition { units.formUnion(row.units) }
        return units
    }

    /// The units of a partition that are provisional.
    func provisionalUnits(of partition: String) -> Set<Int64> {
        var units: Set<Int64> = []
        for row in provisional.values where row.partition == partition { units.formUnion(row.units) }
        return units
    }

    /// The units of a partition that are marked.
    func markedUnits(of partition: String) -> Set<Int64> {
        var units: Set<Int64> = []
        for row in refetch.values where row.partition == partition { units.formUnion(row.units) }
        return units
    }
}

/// What a transaction wrote; nil for a row that it deleted.
struct Writes {
    var facts: [FactKey: String?] = [:]
    var verified: [Int: VerifiedRow?] = [:]
    var provisional: [Int: ProvisionalRow?] = [:]
    var refetch: [Int: RefetchRow?] = [:]
    var extents: [String: ExtentsRow] = [:]
    var runs: [Int64: RunRow] = [:]
    var batches: [Token: BatchRow] = [:]
    var stream: [String?]?

    var isEmpty: Bool {
        facts.isEmpty && verified.isEmpty && provisional.isEmpty && refetch.isEmpty && extents.isEmpty && runs.isEmpty
            && batches.isEmpty && stream == nil
    }

    /// Whether they are of nothing but runs.
    var isOfJournal: Bool {
        var others = self
        others.runs = [:]
        return others.isEmpty
    }

    /// `state` with these writes.
    func applied(to state: StoredState) -> StoredState {
        if isEmpty { return state }
        var state = state
        for (key, value) in facts { state.facts[key] = value }
        for (key, value) in verified { state.verified[key] = value }
        for (key, value) in provisional { state.provisional[key] = value }
        for (key, value) in refetch { state.refetch[key] = value }
        state.extents.merge(extents) { $1 }
        state.runs.merge(runs) { $1 }
        state.batches.merge(batches) { $1 }
        if let stream { state.stream = stream }
        return state
    }
}

/// What a lock on a row stands on.
enum RowName: Hashable {
    case fact(FactKey)
    case verified(Int)
    case refetch(Int)
    case extents(String)
    case run(Int64)
    case batch(Token)
    case stream
}
