/// Paths to values in JSON texts, all of which one walk finds. A path is names of members and indexes of elements.
///
/// A name that comes twice in an object stands for its last value, as in `jsonb`. Names are the same if their characters
/// are, escapes resolved; no other forms of a character count as equal (RFC 8259, section 8.3).
package struct JSONPathSet: Sendable {
    /// A walk has a bit for each path.
    package static let limit = 64

    struct Step {
        /// Where its name is in ``names``.
        let name: Range<Int>
        /// The element that it means in an array; −1: none.
        let index: Int
    }

    /// The steps of each path, among ``steps``.
    private(set) var paths: ContiguousArray<Range<Int>> = []
    private(set) var steps: ContiguousArray<Step> = []
    private(set) var names: ContiguousArray<UInt8> = []
    /// The most steps of a path.
    private(set) var longest = 0

    package init() {}

    /// Whether another path can be added.
    package var hasRoom: Bool { paths.count < JSONPathSet.limit }

    /// Adds a path; the empty one is the whole text.
    ///
    /// - Returns: its number among the values that ``values(in:from:)`` finds.
    package mutating func add(_ path: [String]) -> Int {
        precondition(paths.count < JSONPathSet.limit, "more paths than a walk can look for")
        let first = steps.count
        for name in path {
            let start = names.count
            names.append(contentsOf: name.utf8)
            let index = Int(name) ?? -1
            steps.append(Step(name: start..<names.count, index: max(index, -1)))
        }
        paths.append(first..<steps.count)
        longest = max(longest, path.count)
        return paths.count - 1
    }

    /// Checks a text and finds the value at each path, nil if there is none.
    ///
    /// - Parameter start: where the text starts in `bytes`.
    package func values(
        in bytes: UnsafeRawBufferPointer, from start: Int = 0
    ) throws(JSONScanner.Fault) -> [JSONScanner.Value?] {
        var walk = JSONPathWalk(self)
        _ = try JSONScanner.scan(bytes, from: start, as: .any, showing: &walk)
        return walk.values
    }
}

/// One walk over a text. It looks only into objects and arrays that a path leads through.
private struct JSONPathWalk: JSONVisitor, ~Copyable {
    /// The values at one depth. Sets of paths are bits.
    private struct Level {
        /// The paths that lead to values of this object or array.
        var paths: UInt64 = 0
        var isObject = false
        /// The number of the element that is being read.
        var index = -1
        /// Where the value that is being read starts.
        var start = 0
        /// The paths that end at this value.
        var ending: UInt64 = 0
        /// The paths that lead into this value.
        var leading: UInt64 = 0
    }

    private let set: JSONPathSet
    private var levels: ContiguousArray<Level>
    private(set) var depth = 0
    private(set) var values: [JSONScanner.Value?]
    private var scratch = RawBuffer()

    init(_ set: JSONPathSet) {
        self.set = set
        levels = ContiguousArray(repeating: Level(), count: set.longest + 1)
        levels[0].paths = set.paths.count == 64 ? .max : 1 << UInt64(set.paths.count) - 1
        values = Array(repeating: nil, count: set.paths.count)
    }

    mutating func begin(at start: Int, name: Range<Int>, hasEscapes: Bool, in text: UnsafeRawBufferPointer) {
        levels[depth].index &+= 1
        levels[depth].start = start
        levels[depth].ending = 0
        levels[depth].leading = 0
        var name = UnsafeRawBufferPointer(rebasing: text[name])
        if hasEscapes, levels[depth].isObject {
            JSONRewriter.unescape(name, into: &scratch)
            name = scratch.bytes
        }
        var rest = levels[depth].paths
        while rest != 0 {
            let number = rest.trailingZeroBitCount
            rest &= rest &- 1
            guard isOnPath(number, name) else { continue }
            // An earlier member of this name is void, with all that was found in it.
            values[number] = nil
            if set.paths[number].count == depth {
                levels[depth].ending |= 1 &<< UInt64(number)
            } else {
                levels[depth].leading |= 1 &<< UInt64(number)
            }
        }
    }

    /// Whether the value that begins is the one that the path names at this depth.
    @inline(__always)
    private func isOnPath(_ number: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        guard depth > 0 else { return true }
        let step = set.steps[set.paths[number].lowerBound &+ depth &- 1]
        guard levels[depth].isObject else { return step.index == levels[depth].index }
        guard step.name.count == name.count else { return false }
        return set.names.withUnsafeBytes { ByteSearch.equal(UnsafeRawBufferPointer(rebasing: $0[step.name]), name) }
    }

    mutating func open(isObject: Bool) {
        let paths = levels[depth].leading
        guard paths != 0 else { return }
        depth &+= 1
        levels[depth] = Level(paths: paths, isObject: isObject)
    }

    mutating func close() {
        depth &-= 1
    }

    mutating func end(at end: Int, kind: JSONScanner.Kind, hasEscapes: Bool) {
        var rest = levels[depth].ending
        guard rest != 0 else { return }
        let range = JSONScanner.content(from: levels[depth].start, to: end, kind)
        while rest != 0 {
            values[rest.trailingZeroBitCount] = JSONScanner.Value(range: range, kind: kind, hasEscapes: hasEscapes)
            rest &= rest &- 1
        }
    }
}
