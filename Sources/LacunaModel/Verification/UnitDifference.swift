/// How the rows of one unit differ from what the source has.
package struct UnitDifference: Sendable, Hashable {
    /// The unit.
    package let unit: Int64
    /// How many rows the source has and the table lacks.
    package var missingHere: Int64
    /// How many rows the table has and the source lacks.
    package var missingThere: Int64
    /// How many rows both have that are not the same.
    package let different: Int64
    /// The columns that those differ in, in the table's order.
    package let columns: [String]

    /// A difference.
    package init(
        unit: Int64, missingHere: Int64 = 0, missingThere: Int64 = 0, different: Int64 = 0, columns: [String] = []
    ) {
        self.unit = unit
        self.missingHere = missingHere
        self.missingThere = missingThere
        self.different = different
        self.columns = columns
    }

    /// Whether nothing of it is left.
    package var isEmpty: Bool { missingHere == 0 && missingThere == 0 && different == 0 }
}

/// What was found in neighbouring units that differ alike, or in a window of which only the counts are known.
package struct RangeDifference: Sendable, Hashable {
    /// How the two sides differ.
    package enum Kind: Sendable, Hashable {
        /// Row by row, over all units.
        case rows(missingHere: Int64, missingThere: Int64, different: Int64, columns: [String])
        /// By the number of rows in the table and the number that the source says.
        case count(here: Int64, there: Int64)
    }

    /// The partition.
    package let partition: Partition
    /// The units.
    package private(set) var range: Range<Int64>
    /// How they differ.
    package private(set) var kind: Kind

    /// A difference.
    package init(partition: Partition, range: Range<Int64>, kind: Kind) {
        self.partition = partition
        self.range = range
        self.kind = kind
    }

    /// The differences of units of one partition, those of neighbours that differ alike as one.
    ///
    /// - Parameter units: in ascending order.
    package static func joining(_ units: [UnitDifference], of partition: Partition) -> [RangeDifference] {
        var result: [RangeDifference] = []
        for unit in units where !unit.isEmpty {
            let next = RangeDifference(partition: partition, unit)
            if let joined = result.last?.joined(with: next) {
                result[result.count - 1] = joined
            } else {
                result.append(next)
            }
        }
        return result
    }

    private init(partition: Partition, _ unit: UnitDifference) {
        self.init(
            partition: partition, range: unit.unit..<unit.unit + 1,
            kind: .rows(
                missingHere: unit.missingHere, missingThere: unit.missingThere, different: unit.different,
                columns: unit.columns))
    }

    private func joined(with next: RangeDifference) -> RangeDifference? {
        guard range.upperBound == next.range.lowerBound,
            case .rows(let here, let there, let different, let columns) = kind,
            case .rows(let nextHere, let nextThere, let nextDifferent, columns) = next.kind,
            (here > 0) == (nextHere > 0), (there > 0) == (nextThere > 0), (different > 0) == (nextDifferent > 0)
        else { return nil }
        return RangeDifference(
            partition: partition, range: range.lowerBound..<next.range.upperBound,
            kind: .rows(
                missingHere: here + nextHere, missingThere: there + nextThere, different: different + nextDifferent,
                columns: columns))
    }

    /// What differs, in a few words: for a mark, and for people.
    package var summary: String {
        switch kind {
        case .count(let here, let there): return "\(here) rows here, \(there) at the source"
        case .rows(let here, let there, let different, let columns):
            var parts: [String] = []
            if here > 0 { parts.append("\(here) missing here") }
            if there > 0 { parts.append("\(there) missing there") }
            if different > 0 { parts.append("\(different) different (\(columns.joined(separator: ", ")))") }
            return parts.joined(separator: ", ")
        }
    }
}

/// Two looks at the same units: the second one decides what is told.
package enum SecondLook {
    /// The differences that both looks found, as the second one did. What only one of them found has moved meanwhile, or its
    /// source has.
    ///
    /// - Parameters:
    ///   - first: what the first look found.
    ///   - second: what the second look found.
    ///   - provable: the units of which the second answer was whole. In others, rows that it lacks are not told.
    /// - Returns: what differs, by unit; and the units of which rows may be missing there, that nothing proved.
    package static func confirmed(
        _ first: [UnitDifference], _ second: [UnitDifference], provable: UnitSet
    ) -> (differences: [UnitDifference], unproven: UnitSet) {
        let known = UnitSet(first.map { $0.unit..<$0.unit + 1 })
        var unproven = UnitSet()
        var confirmed: [UnitDifference] = []
        for var difference in second where known.contains(difference.unit) {
            if difference.missingThere > 0, !provable.contains(difference.unit) {
                difference.missingThere = 0
                unproven.insert(difference.unit..<difference.unit + 1)
            }
            if !difference.isEmpty { confirmed.append(difference) }
        }
        return (confirmed, unproven)
    }
}
