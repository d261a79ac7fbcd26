/// Where an answer that does not prove its end may have been cut off by a cap: the units at its edges without records.
///
/// A cap shows itself if such an edge is asked for alone: then records come that were left out before. The outermost unit that
/// had records is asked for too, because the cap may have cut through it; unless it is the only one, because then it may fill
/// the cap by itself again.
package struct EdgeDoubt: Sendable, Hashable {
    /// What is asked for once more.
    package let range: Range<Int64>
    /// The units without records that depend on it.
    package let units: UnitSet
    /// The outermost unit with records, if it is asked for too.
    package let outermost: Int64?

    /// A unit with records that a cap may have cut through, to be asked for alone.
    package static func outermost(_ unit: Int64) -> EdgeDoubt {
        EdgeDoubt(range: unit..<unit + 1, units: UnitSet(), outermost: unit)
    }

    /// The ids that no record came for, of an answer that has records.
    package static func missing(_ open: UnitSet, records: UnitSet) -> [EdgeDoubt] {
        guard !records.isEmpty, let hull = open.hull else { return [] }
        return [EdgeDoubt(range: hull, units: open, outermost: nil)]
    }

    /// The edges of an answer, none of them empty.
    ///
    /// - Parameters:
    ///   - open: the units whose emptiness the answer would prove.
    ///   - records: the units that records came for; an answer without records was cut off by nothing.
    package static func edges(of open: UnitSet, records: UnitSet) -> [EdgeDoubt] {
        guard let hull = records.hull else { return [] }
        let (first, last) = (hull.lowerBound, hull.upperBound - 1)
        let isOne = first == last
        var edges: [EdgeDoubt] = []
        let before = open.intersection(Int64.min..<first)
        if let lower = before.hull?.lowerBound {
            edges.append(
                EdgeDoubt(range: lower..<(isOne ? first : first + 1), units: before, outermost: isOne ? nil : first))
        }
        let after = last < .max ? open.intersection(last + 1..<Int64.max) : UnitSet()
        if let upper = after.hull?.upperBound {
            edges.append(
                EdgeDoubt(range: (isOne ? last + 1 : last)..<upper, units: after, outermost: isOne ? nil : last))
        }
        return edges
    }
}
