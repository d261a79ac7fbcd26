import Lacuna

/// Gaps of one length at one distance: `every Monday`. A gap by itself is a group of one.
struct GapGroup: Hashable, Sendable {
    /// The fewest gaps that are told as a row of them.
    static let fewest = 4

    /// The oldest gap.
    let first: Range<Int64>
    /// How far the beginning of each lies from that of the next; 0 for one gap.
    let distance: UInt64
    /// How many there are.
    let count: Int

    /// The units of all of them.
    var unitCount: UInt64 { first.unitCount * UInt64(count) }

    /// The newest gap.
    var last: Range<Int64> { self[count - 1] }

    /// From the first unit of the oldest gap to the last unit of the newest.
    var hull: Range<Int64> { first.lowerBound..<last.upperBound }

    /// The gaps, oldest first.
    subscript(index: Int) -> Range<Int64> {
        let offset = Int64(bitPattern: distance &* UInt64(index))
        return first.lowerBound &+ offset..<first.upperBound &+ offset
    }

    /// Whether one of the gaps holds a unit of `range`.
    func overlaps(_ range: Range<Int64>) -> Bool {
        guard !range.isEmpty, range.overlaps(hull) else { return false }
        guard count > 1, range.lowerBound > first.lowerBound else { return true }
        // The last gap that begins at or before the range's first unit, and the one after it.
        let index = min(Int((first.lowerBound..<range.lowerBound).unitCount / distance), count - 1)
        return self[index].overlaps(range) || index + 1 < count && self[index + 1].overlaps(range)
    }

    /// Parts gaps into groups.
    ///
    /// - Parameters:
    ///   - gaps: ascending, and none touching another.
    ///   - rhythms: distances that people count in. A row of these is found also if other gaps lie between its own.
    /// - Returns: the groups, by their oldest gap. Each gap is in one of them.
    static func groups(of gaps: [Range<Int64>], rhythms: [UInt64] = []) -> [GapGroup] {
        // By length, so that one long gap does not part a row of short ones.
        var result: [GapGroup] = []
        for gaps in Dictionary(grouping: gaps, by: \.unitCount).values {
            var rest = gaps
            for rhythm in rhythms where rest.count >= fewest { rest = takeRows(of: rhythm, from: rest, &result) }
            takeNeighbours(from: rest, &result)
        }
        return result.sorted { $0.first.lowerBound < $1.first.lowerBound }
    }

    /// Takes the rows of one distance.
    ///
    /// - Returns: the gaps that are in none.
    private static func takeRows(
        of rhythm: UInt64, from gaps: [Range<Int64>], _ result: inout [GapGroup]
    ) -> [Range<Int64>] {
        guard let start = gaps.first?.lowerBound else { return gaps }
        let phases = Dictionary(grouping: gaps) { (start..<$0.lowerBound).unitCount % rhythm }
        var rest: [Range<Int64>] = []
        for phase in phases.values {
            for row in rows(phase, isOne: { $0 == rhythm }) {
                if row.count >= fewest {
                    result.append(GapGroup(first: row[row.startIndex], distance: rhythm, count: row.count))
                } else {
                    rest += row
                }
            }
        }
        return rest.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Takes rows of any distance, as long as nothing lies between their gaps, and then every gap by itself.
    private static func takeNeighbours(from gaps: [Range<Int64>], _ result: inout [GapGroup]) {
        var index = 0
        while index < gaps.count {
            var end = index + 1
            if end < gaps.count {
                let distance = distance(gaps[index], gaps[end])
                while end < gaps.count, self.distance(gaps[end - 1], gaps[end]) == distance { end += 1 }
                if end - index >= fewest {
                    result.append(GapGroup(first: gaps[index], distance: distance, count: end - index))
                    index = end
                    continue
                }
            }
            result.append(GapGroup(first: gaps[index], distance: 0, count: 1))
            index += 1
        }
    }

    /// Parts ascending gaps where the distance from one to the next is not the one that is wanted.
    private static func rows(_ gaps: [Range<Int64>], isOne: (UInt64) -> Bool) -> [ArraySlice<Range<Int64>>] {
        var rows: [ArraySlice<Range<Int64>>] = []
        var start = 0
        for index in gaps.indices.dropFirst() where !isOne(distance(gaps[index - 1], gaps[index])) {
            rows.append(gaps[start..<index])
            start = index
        }
        rows.append(gaps[start...])
        return rows
    }

    private static func distance(_ left: Range<Int64>, _ right: Range<Int64>) -> UInt64 {
        (left.lowerBound..<right.lowerBound).unitCount
    }
}

extension Array where Element == GapGroup {
    /// The groups with the most units, of equal ones the newest, in the order that they have here.
    func largest(_ limit: Int) -> [GapGroup] {
        guard count > limit else { return self }
        guard limit > 0 else { return [] }
        // The smallest that is kept stands last. Few are kept, and of a million groups few are inserted.
        var kept: [(index: Int, units: UInt64)] = []
        for (index, group) in enumerated() {
            let units = group.unitCount
            if kept.count == limit, units < kept[limit - 1].units { continue }
            let place = kept.firstIndex { $0.units <= units } ?? kept.count
            kept.insert((index, units), at: place)
            if kept.count > limit { kept.removeLast() }
        }
        return kept.map(\.index).sorted().map { self[$0] }
    }
}
