import LacunaModel

/// How many records the outermost units have, and whether the records came in the order of their keys.
package struct EdgeCounts: Sendable, Hashable {
    /// The first unit.
    package private(set) var first = Int64.max
    /// Its records.
    package private(set) var firstCount = 0
    /// The last unit.
    package private(set) var last = Int64.min
    /// Its records.
    package private(set) var lastCount = 0
    /// Whether no record came after one of a later unit.
    package private(set) var isAscending = true
    private var previous = Int64.min

    package init() {}

    @inline(__always)
    mutating func count(_ unit: Int64) {
        if unit < previous { isAscending = false }
        previous = unit
        if unit >= last {
            lastCount = unit == last ? lastCount &+ 1 : 1
            last = unit
        }
        if unit <= first {
            firstCount = unit == first ? firstCount &+ 1 : 1
            first = unit
        }
    }

    /// How many records an outermost unit has; of other units nothing is known.
    package func count(of unit: Int64) -> Int? {
        if unit == last { return lastCount }
        return unit == first ? firstCount : nil
    }
}

/// Holds records against the window and the partition that were asked for, whatever their format.
struct RecordCheck {
    let layout: RecordLayout
    /// Where the record that is being checked stands.
    var place = RecordPlace()
    /// All records that came.
    private(set) var seen = 0
    /// The records that were passed over.
    private(set) var skipped = 0
    /// Those of them that lie in the window and belong to another partition.
    private(set) var otherPartition = 0
    private var units = UnitCollector()
    /// How many records the first and the last unit have.
    private(set) var edges = EdgeCounts()
    private(set) var keysAreExact = true
    private(set) var isCarried: [Bool?]

    private let remembersKey: Bool
    private var lastKey: [UInt8] = []
    private var lastReading = KeyReading.unreadable

    init(layout: RecordLayout) {
        self.layout = layout
        isCarried = Array(repeating: nil, count: layout.partition.count)
        // Clock times cost more to read than to compare, and mostly come many in a row.
        switch layout.keyType {
        case .integer, .text: remembersKey = false
        case .date, .timestamp: remembersKey = true
        }
    }

    /// Begins the next record.
    @inline(__always)
    mutating func begin(line: Int?) {
        seen &+= 1
        place.record = seen
        place.line = line
    }

    /// Checks the key.
    ///
    /// - Returns: whether the record is wanted, as far as the key tells.
    @inline(__always)
    mutating func admits(key: UnsafeRawBufferPointer) throws -> KeyReading? {
        let reading = remembersKey ? rememberedReading(key) : read(key)
        switch reading {
        case .exact(let unit), .approximate(let unit):
            if layout.window.contains(unit) { return reading }
            if layout.stray == .reject { throw outside(key) }
            return nil
        case .unreadable:
            throw unreadable(key)
        }
    }

    /// Whether a record that is not valid is of another window, by a key that was found in it all the same.
    func isOfAnotherWindow(_ key: String?) -> Bool {
        guard layout.stray == .skip, let key else { return false }
        switch Array(key.utf8).withUnsafeBytes({ read($0) }) {
        case .exact(let unit), .approximate(let unit): return !layout.window.contains(unit)
        case .unreadable: return false
        }
    }

    /// Counts a record that was checked.
    @inline(__always)
    mutating func finish(_ reading: KeyReading?) -> Bool {
        switch reading {
        case .exact(let unit):
            units.insert(unit)
            edges.count(unit)
        case .approximate(let unit):
            units.insert(unit)
            edges.count(unit)
            keysAreExact = false
        case .unreadable, nil:
            skipped &+= 1
            return false
        }
        return true
    }

    /// The units of the records that were kept.
    mutating func takeUnits() -> UnitSet { units.finish() }

    /// Notes whether a record carries a partition field.
    @inline(__always)
    mutating func note(partitionField index: Int, isCarried carried: Bool) throws {
        if isCarried[index] == carried { return }
        guard isCarried[index] == nil else { throw uneven(index, carried) }
        isCarried[index] = carried
    }

    /// What becomes of a record with another value of a partition field.
    mutating func rejectPartition(_ index: Int, value: UnsafeRawBufferPointer?) throws {
        guard layout.stray == .reject else {
            otherPartition += 1
            return
        }
        let field = layout.partition[index]
        let text = value.map { RecordError.printable($0) }
        throw RecordError(
            .wrongPartition, at: place, field: field.field, text: text,
            "field '\(RecordError.printable(field.field))' is \(text.map { "'\($0)'" } ?? "NULL"), "
                + "expected '\(RecordError.printable(field.value))'")
    }

    /// An error at the current record.
    func error(_ kind: RecordError.Kind, field: String? = nil, _ explanation: String) -> RecordError {
        RecordError(kind, at: place, field: field, explanation)
    }

    func missingKey(_ what: String) -> RecordError {
        error(
            .missingKey, field: layout.keyField,
            "key field '\(RecordError.printable(layout.keyField))' \(what), expected \(layout.keyType.example)")
    }

    @inline(__always)
    private func read(_ key: UnsafeRawBufferPointer) -> KeyReading {
        key.withMemoryRebound(to: UInt8.self) { bytes in
            let reading = layout.keyType.read(bytes)
            // Of an id space is a part.
            return reading == .unreadable && layout.keyType.isOrdered ? readTrimmed(bytes) : reading
        }
    }

    /// PostgreSQL's input functions pass over space around numbers and times.
    @inline(never)
    private func readTrimmed(_ key: UnsafeBufferPointer<UInt8>) -> KeyReading {
        guard let first = key.firstIndex(where: { $0 != 0x20 }), let last = key.lastIndex(where: { $0 != 0x20 }),
            last - first + 1 < key.count
        else { return .unreadable }
        return layout.keyType.read(UnsafeBufferPointer(rebasing: key[first...last]))
    }

    private mutating func rememberedReading(_ key: UnsafeRawBufferPointer) -> KeyReading {
        let isSame = lastKey.withUnsafeBytes { !$0.isEmpty && ByteSearch.equal($0, key) }
        if isSame { return lastReading }
        lastReading = read(key)
        lastKey.removeAll(keepingCapacity: true)
        if key.count <= 64 { lastKey.append(contentsOf: key) }
        return lastReading
    }

    private func outside(_ key: UnsafeRawBufferPointer) -> RecordError {
        let text = RecordError.printable(key)
        return RecordError(
            .keyOutsideWindow, at: place, field: layout.keyField, text: text,
            "key '\(text)' lies outside the window \(layout.keyType.text(layout.window))")
    }

    private func unreadable(_ key: UnsafeRawBufferPointer) -> RecordError {
        let text = RecordError.printable(key)
        return RecordError(
            .unreadableKey, at: place, field: layout.keyField, text: text,
            "key '\(text)' in field '\(RecordError.printable(layout.keyField))' is not \(layout.keyType.example)")
    }

    private func uneven(_ index: Int, _ carried: Bool) -> RecordError {
        let field = layout.partition[index].field
        return error(
            .unevenPartitionField, field: field,
            "\(carried ? "has" : "lacks") field '\(RecordError.printable(field))', "
                + "which the records before it \(carried ? "lack" : "have")")
    }
}
