/// How a range was held against the source, the cheapest first.
package enum VerificationProof: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Both sides have as many rows.
    case count
    /// The sums of a hash of each row are the same.
    case digest
    /// Row by row.
    case rows

    /// Whether `lhs` proves less.
    package static func < (lhs: VerificationProof, rhs: VerificationProof) -> Bool {
        lhs.strength < rhs.strength
    }

    private var strength: Int {
        switch self {
        case .count: 0
        case .digest: 1
        case .rows: 2
        }
    }
}

/// A range that was held against the source.
package struct VerifiedRange: Sendable, Hashable {
    /// The units.
    package let range: Range<Int64>
    /// By what.
    package let proof: VerificationProof
    /// Whether both sides were equal.
    package let isEqual: Bool
    /// When the run began that did it, seconds since the epoch.
    package let verified: Int64

    /// A range.
    package init(range: Range<Int64>, proof: VerificationProof, isEqual: Bool, verified: Int64) {
        self.range = range
        self.proof = proof
        self.isEqual = isEqual
        self.verified = verified
    }
}

/// The windows that a verification looks at. It asks neither a database nor a clock.
package struct VerificationPlan: Sendable {
    /// A window of one partition, which crosses no line of the grid.
    package struct Window: Sendable, Hashable {
        /// The partition.
        package let partition: Partition
        /// The units.
        package let range: Range<Int64>

        /// A window.
        package init(partition: Partition, range: Range<Int64>) {
            self.partition = partition
            self.range = range
        }
    }

    /// The windows, by partition and from the oldest to the newest.
    package private(set) var windows: [Window]

    /// All windows of some units, cut at the lines of the grid.
    ///
    /// - Parameter scope: the units that are to be looked at, by partition.
    package init(_ scope: [(partition: Partition, units: UnitSet)], grid: BatchGrid) {
        windows = scope.flatMap { partition, units in
            units.ranges.flatMap { range in
                grid.windows(of: range).map { Window(partition: partition, range: $0) }
            }
        }
    }

    /// How many units the windows hold.
    package var unitCount: UInt64 { windows.reduce(0) { $0.adding(saturating: $1.range.unitCount) } }

    /// Keeps a share of the windows, chosen by chance and spread over all of them.
    ///
    /// - Parameters:
    ///   - share: above 0, at most 1. At least one window stays.
    ///   - generator: the chance.
    package mutating func sample(_ share: Double, using generator: inout some RandomNumberGenerator) {
        let wanted = count(of: share)
        guard wanted < windows.count else { return }
        windows = (0..<wanted).map { index in
            // One of each stretch.
            let lower = index * windows.count / wanted
            let upper = (index + 1) * windows.count / wanted
            return windows[Int.random(in: lower..<upper, using: &generator)]
        }
    }

    /// Keeps a share of the windows: those whose proof is the oldest, and first those that have none.
    ///
    /// - Parameters:
    ///   - share: above 0, at most 1. At least one window stays.
    ///   - verified: what was proven before, by partition; ascending.
    ///   - proof: the proof that is wanted; a weaker one counts as none.
    package mutating func takeOldest(
        _ share: Double, verified: [Partition: [VerifiedRange]], proof: VerificationProof
    ) {
        let wanted = count(of: share)
        guard wanted < windows.count else { return }
        let known = verified.mapValues { $0.filter { $0.proof >= proof } }
        let ages = windows.map { VerificationPlan.oldestProof(of: $0.range, known[$0.partition] ?? []) }
        let chosen = windows.indices.sorted { (ages[$0], $0) < (ages[$1], $1) }.prefix(wanted).sorted()
        windows = chosen.map { windows[$0] }
    }

    private func count(of share: Double) -> Int {
        min(windows.count, max(1, Int((Double(windows.count) * share).rounded(.up))))
    }

    /// When the unit of a range was verified whose proof is the oldest; the smallest number if one has none.
    package static func oldestProof(of range: Range<Int64>, _ verified: [VerifiedRange]) -> Int64 {
        var (low, high) = (0, verified.count)
        while low < high {
            let middle = (low + high) / 2
            if verified[middle].range.upperBound <= range.lowerBound { low = middle + 1 } else { high = middle }
        }
        var reached = range.lowerBound
        var oldest = Int64.max
        for known in verified[low...] {
            guard known.range.lowerBound <= reached, reached < range.upperBound else { break }
            oldest = min(oldest, known.verified)
            reached = known.range.upperBound
        }
        return reached < range.upperBound ? .min : oldest
    }
}
