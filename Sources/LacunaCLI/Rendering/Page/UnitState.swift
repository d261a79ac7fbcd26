import Lacuna

/// Where units stand, as the page draws them. A new state needs a case here with its words and its shape, its units in
/// ``PartitionUnits``, and a colour in ``PagePalette``.
enum UnitState: String, CaseIterable, Sendable {
    case missing, thin, marked, provisional, behind, accepted, empty, covered, unexpected, notDue

    /// How a state is told from the others without any colour.
    enum Shape: Hashable, Sendable {
        /// Fills its place.
        case solid
        /// Fills its place, and stands out of the strip above and below.
        case standingOut
        /// Stripes that lie, rise or stand.
        case lyingStripes, risingStripes, standingStripes
        case dots
        /// Fills half of its place.
        case half
        /// A narrow bar or a small square in the middle.
        case middle
        /// A thin line, or next to nothing.
        case line
        case nothing
    }

    /// What the legend and the tooltips call it.
    var words: String {
        switch self {
        case .missing: "missing"
        case .thin: "thin: has rows, but not all of them"
        case .marked: "to be fetched again"
        case .provisional: "provisional"
        case .behind: "behind: due, and newer than what is there"
        case .accepted: "accepted as missing"
        case .empty: "verified empty"
        case .covered: "has rows"
        case .unexpected: "not expected"
        case .notDue: "not due yet"
        }
    }

    var shape: Shape {
        switch self {
        case .missing: .standingOut
        case .thin: .half
        case .marked: .lyingStripes
        case .provisional: .dots
        case .behind: .standingStripes
        case .accepted: .risingStripes
        case .empty: .middle
        case .covered: .solid
        case .unexpected: .nothing
        case .notDue: .line
        }
    }

    /// Whether one such unit among many is worth being shown for all of them.
    var isUrgent: Bool {
        switch self {
        case .missing, .thin, .marked, .provisional: true
        case .behind, .accepted, .empty, .covered, .unexpected, .notDue: false
        }
    }

    /// Whether each of its ranges tells what it is.
    var hasTooltip: Bool { self != .covered && self != .unexpected }

    /// The class that the page's style knows it by.
    var styleClass: String { "u-\(rawValue)" }
}

/// The units of a partition by where they stand. No unit is in two of the sets.
struct PartitionUnits: Sendable {
    private let sets: [UnitState: UnitSet]
    /// From the first unit that is drawn to the last.
    let hull: Range<Int64>?

    subscript(state: UnitState) -> UnitSet { sets[state] ?? UnitSet() }

    /// - Parameter now: seconds since the epoch.
    init(_ coverage: PartitionCoverage, of stream: StreamDefinition, now: Int64) {
        let expected = coverage.expected
        let gaps = coverage.gaps
        let marked = gaps.intersection(coverage.refetch)
        let thin = coverage.thin.subtracting(marked)
        let open = gaps.union(coverage.provisional)
        let accepted = coverage.accepted.subtracting(open)
        let empty = coverage.verified.intersection(expected).subtracting(open).subtracting(accepted)
        var sets: [UnitState: UnitSet] = [
            .missing: gaps.subtracting(marked).subtracting(thin), .thin: thin, .marked: marked,
            .provisional: coverage.provisional,
            .accepted: accepted, .empty: empty,
            .covered: expected.subtracting(open).subtracting(accepted).subtracting(empty),
        ]
        if stream.keyType.isOrdered {
            sets[.unexpected] = UnitSet(coverage.range).subtracting(expected)
            let tail = coverage.tail ?? UnitSet()
            if let hull = tail.hull {
                let due = max(hull.lowerBound, stream.attestableEnd(now: now, newest: hull.upperBound - 1))
                sets[.behind] = tail.intersection(hull.lowerBound..<min(due, hull.upperBound))
                sets[.notDue] = tail.subtracting(sets[.behind] ?? UnitSet())
            }
        }
        self.sets = sets
        let hulls = sets.values.compactMap(\.hull)
        hull = hulls.map(\.lowerBound).min().flatMap { lower in
            hulls.map(\.upperBound).max().map { lower..<max(lower, $0) }
        }
    }

    /// The state that stands for all units of a range, how many of them are in it, and how many there are; nil if none is
    /// in any state.
    func standing(of range: Range<Int64>) -> (state: UnitState, count: UInt64, total: UInt64)? {
        var total: UInt64 = 0
        var largest: (state: UnitState, count: UInt64)?
        var urgent: (state: UnitState, count: UInt64)?
        for state in UnitState.allCases {
            let count = self[state].count(in: range)
            guard count > 0 else { continue }
            total += count
            if urgent == nil, state.isUrgent { urgent = (state, count) }
            if count > largest?.count ?? 0 { largest = (state, count) }
        }
        return (urgent ?? largest).map { ($0.state, $0.count, total) }
    }
}
