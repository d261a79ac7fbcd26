import LacunaModel

/// The names of all top-level fields that came, in the order in which they were first seen.
///
/// Records mostly have the same fields in the same order, so the name after the last one that was found is tried first;
/// a hash table finds the others.
package struct FieldNames {
    /// More than any table has columns. It bounds the memory that hostile records can take.
    package static let limit = CSVScanner.fieldLimit

    private(set) var names: [String] = []
    private var text = ContiguousArray<UInt8>()
    private var ends = ContiguousArray<Int>()
    private var roles = ContiguousArray<Int32>()
    /// In how many records each name came, and in which one last.
    private var counts = ContiguousArray<(records: Int, last: Int)>()
    private var record = 0
    private var table = ContiguousArray<Int32>(repeating: -1, count: 64)
    private var predicted = 0
    private let wanted: [String]

    /// - Parameter wanted: names that have a role: their index here.
    init(wanted: [String]) {
        self.wanted = wanted
    }

    /// Begins a record.
    @inline(__always)
    mutating func rewind() {
        predicted = 0
        record &+= 1
    }

    /// The names that some records have and others have not.
    var uneven: [String] { names.indices.filter { counts[$0].records != record }.map { names[$0] } }

    @inline(__always)
    private mutating func count(_ index: Int) {
        guard counts[index].last != record else { return }
        counts[index] = (counts[index].records &+ 1, record)
    }

    /// Notes a name.
    ///
    /// - Returns: its index in `wanted`, −1 if it is not wanted; nil if there are too many names.
    @inline(__always)
    mutating func note(_ name: UnsafeRawBufferPointer) -> Int? {
        if predicted < ends.count, matches(predicted, name) {
            predicted &+= 1
            count(predicted &- 1)
            return Int(roles[predicted &- 1])
        }
        return find(name)
    }

    @inline(__always)
    private func matches(_ index: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        let start = index == 0 ? 0 : ends[index &- 1]
        let end = ends[index]
        guard end &- start == name.count else { return false }
        return text.withUnsafeBytes { ByteSearch.equal(UnsafeRawBufferPointer(rebasing: $0[start..<end]), name) }
    }

    @inline(never)
    private mutating func find(_ name: UnsafeRawBufferPointer) -> Int? {
        var slot = hash(name) & (table.count - 1)
        while table[slot] >= 0 {
            let index = Int(table[slot])
            if matches(index, name) {
                predicted = index + 1
                count(index)
                return Int(roles[index])
            }
            slot = (slot + 1) & (table.count - 1)
        }
        guard names.count < FieldNames.limit, text.count + name.count <= 4 << 20 else { return nil }
        let string = String(decoding: name, as: UTF8.self)
        names.append(string)
        counts.append((1, record))
        text.append(contentsOf: name)
        ends.append(text.count)
        let role = wanted.firstIndex(of: string) ?? -1
        roles.append(Int32(role))
        predicted = names.count
        table[slot] = Int32(names.count - 1)
        if names.count * 2 > table.count { grow() }
        return role
    }

    private mutating func grow() {
        table = ContiguousArray(repeating: -1, count: table.count * 2)
        for index in names.indices {
            let start = index == 0 ? 0 : ends[index - 1]
            var slot = text.withUnsafeBytes { hash(UnsafeRawBufferPointer(rebasing: $0[start..<ends[index]])) }
            slot &= table.count - 1
            while table[slot] >= 0 { slot = (slot + 1) & (table.count - 1) }
            table[slot] = Int32(index)
        }
    }

    /// SipHash with the process's random key: names come from outside and could be made to collide.
    private func hash(_ name: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: name)
        return hasher.finalize()
    }
}
