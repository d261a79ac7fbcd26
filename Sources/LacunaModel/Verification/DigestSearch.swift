/// Finds by digests where two sides differ, and asks for as little as it can: values in, values out.
///
/// A question asks both sides for the digests of some parts. A part whose digests are equal is done with. Of one whose digests
/// differ the rows are compared if there are few, or if it cannot be split; else it is split, and asked about again.
package struct DigestSearch: Sendable {
    /// What one side has in a part.
    package struct Digest: Sendable, Hashable {
        /// How many rows.
        package let rows: Int64
        /// The sum of a hash of each; the same text for the same rows.
        package let sum: String

        /// A digest; without arguments that of no rows.
        package init(rows: Int64 = 0, sum: String = "0") {
            self.rows = rows
            self.sum = sum
        }
    }

    /// A part with so many rows is not split any more: its rows cost about as much as their digests.
    package static let fewRows: Int64 = 8
    /// How many parts one is split into.
    package static let fanOut: UInt64 = 16

    /// The ranges that are equal on both sides so far.
    package private(set) var equal = UnitSet()
    /// The ranges whose rows are to be compared, so far.
    package private(set) var toCompare: [Range<Int64>] = []
    /// The questions that are left; each is a list of parts. The first one's parts were given.
    private var questions: [[Range<Int64>]]
    private var isFirst = true

    /// A search.
    ///
    /// - Parameter parts: the parts of the first question: ascending and disjoint.
    package init(_ parts: [Range<Int64>]) {
        assert(zip(parts, parts.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "parts are ascending")
        questions = parts.isEmpty ? [] : [parts]
    }

    /// The parts that both sides are to be asked about next; nil if there is nothing left to ask.
    package var question: [Range<Int64>]? { questions.last }

    /// Takes the answers to ``question``, a digest for each of its parts.
    package mutating func take(_ here: [Digest], _ there: [Digest]) {
        guard let parts = questions.popLast() else { return }
        assert(here.count == parts.count && there.count == parts.count, "each part has a digest")
        let filled = parts.indices.filter { here[$0].rows > 0 || there[$0].rows > 0 }
        let differing = filled.filter { here[$0] != there[$0] }
        // Where most differs, more digests would only cost.
        let isScattered = !isFirst && differing.count * 2 > filled.count && differing.count > 1
        let wasFirst = isFirst
        isFirst = false
        let unequal = Set(differing)
        for index in parts.indices where !unequal.contains(index) { equal.insert(parts[index]) }
        if isScattered, let first = differing.first, let last = differing.last {
            toCompare.append(parts[first].lowerBound..<parts[last].upperBound)
            return
        }
        for index in differing {
            let part = parts[index]
            if part.unitCount > 1, max(here[index].rows, there[index].rows) > DigestSearch.fewRows {
                questions.append(DigestSearch.split(part))
            } else if !wasFirst, let last = toCompare.last, last.upperBound == part.lowerBound {
                toCompare[toCompare.count - 1] = last.lowerBound..<part.upperBound
            } else {
                toCompare.append(part)
            }
        }
    }

    /// The parts of a range, about equally long.
    package static func split(_ range: Range<Int64>) -> [Range<Int64>] {
        let size = max((range.unitCount + fanOut - 1) / fanOut, 1)
        var parts: [Range<Int64>] = []
        var rest = range
        while !rest.isEmpty {
            let upper = rest.unitCount <= size ? rest.upperBound : rest.lowerBound &+ Int64(size)
            parts.append(rest.lowerBound..<upper)
            rest = upper..<rest.upperBound
        }
        return parts
    }
}
