import LacunaModel
import LacunaRecords

/// How the missing units of a table are found.
package enum ScanStrategy: String, Sendable, Hashable, CaseIterable {
    /// A window function over all units: takes any table.
    case window
    /// Counts the rows of segments, and looks into those that fall short: for units that are unique.
    case segments
    /// Reads a bit for each unit, 64 to a word: for units that lie close together.
    case bits
    /// Asks the index for each expected unit: for many rows per unit.
    case probe
    /// Hops from unit to unit along the index: for very many rows per unit, and units far apart.
    case skip
}

/// How a table was scanned, why so, and what it cost.
package struct ScanAccount: Sendable, Hashable {
    /// The way that was taken.
    package var strategy: ScanStrategy
    /// Why, as the end of a sentence.
    package var reason: String
    /// The planner's estimate of the table's rows; nil if it has none.
    package var rowEstimate: Int64?
    /// The units between the first and the last row of each partition, all partitions together; nil if not measured.
    package var spannedUnits: UInt64?
    /// What the scan took.
    package var duration: Duration = .zero
    /// What recorded changes had to do with it; nil if the stream does not track them.
    package var changes: Changes?

    /// Whether what has changed was scanned alone.
    package enum Changes: Sendable, Hashable {
        /// The units that may have changed since a time, and no others.
        case readAgain(units: UInt64, since: String)
        /// The whole table, and why.
        case scannedWhole(String)

        var isWhole: Bool {
            if case .scannedWhole = self { true } else { false }
        }
    }

    init(strategy: ScanStrategy, reason: String, rowEstimate: Int64? = nil) {
        self.strategy = strategy
        self.reason = reason
        self.rowEstimate = rowEstimate
    }
}
