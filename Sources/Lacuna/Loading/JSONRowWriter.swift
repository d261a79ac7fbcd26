import Postgres

/// Rewrites spooled JSON objects as rows of COPY's text format
/// (<https://www.postgresql.org/docs/current/sql-copy.html>), so that the server need not parse JSON.
///
/// A value becomes the text that `jsonb_to_record` would give the column's input function. Where that takes the server's
/// own reading (a number with an exponent, an array for an array column), the writer refuses, and the batch is staged.
struct JSONRowWriter: ~Copyable {
    /// Where a column's value comes from.
    struct Column: Sendable {
        /// The record's field; nil where every row has the same value.
        let field: String?
        /// The value that every row has.
        let constant: String?
        /// Whether the column is `jsonb`, which takes any value as JSON.
        let isJSON: Bool
    }

    private struct Slot {
        var value = 0..<0
        var kind = JSONScanner.Kind.null
        var hasEscapes = false
    }

    private static let flushSize = 64 << 10

    private let columns: [(slot: Int, constant: [UInt8], isJSON: Bool)]
    private var names: FieldNames
    private var slots: ContiguousArray<Slot>
    private var scratch = RawBuffer()
    private var output = RawBuffer()
    /// The rows so far.
    private(set) var count = 0
    private var splitter = RowSplitter(.ndjson, limit: .max / 2)

    init(_ columns: [Column]) {
        var wanted: [String] = []
        self.columns = columns.map { column in
            guard let field = column.field else { return (-1, Array((column.constant ?? "").utf8), false) }
            if !wanted.contains(field) { wanted.append(field) }
            return (wanted.firstIndex(of: field) ?? 0, [], column.isJSON)
        }
        names = FieldNames(wanted: wanted)
        slots = ContiguousArray(repeating: Slot(), count: wanted.count)
    }

    /// Takes a piece of NDJSON that a sink has checked.
    ///
    /// - Parameter put: takes the rows, whole ones, some at a time.
    /// - Throws: ``StraightCopyRefused``; what `put` throws.
    mutating func write(
        _ piece: UnsafeRawBufferPointer, put: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        splitter.feed(piece)
        while let row = try splitter.next() {
            try append(row.bytes)
            count += 1
            if output.count >= JSONRowWriter.flushSize { try flush(put) }
        }
    }

    /// Hands over what is left.
    mutating func finish(put: (UnsafeRawBufferPointer) throws -> Void) throws {
        try flush(put)
    }

    private mutating func flush(_ put: (UnsafeRawBufferPointer) throws -> Void) throws {
        try put(output.bytes)
        output.removeAll()
    }

    private mutating func append(_ record: UnsafeRawBufferPointer) throws {
        for index in slots.indices { slots[index].kind = .null }
        names.rewind()
        _ = try JSONScanner.scan(record) { field in
            var name = UnsafeRawBufferPointer(rebasing: record[field.name])
            if field.nameHasEscapes {
                JSONText.unescape(name, into: &scratch)
                name = scratch.bytes
            }
            // A name that comes twice has its last value, as in jsonb.
            if let role = names.note(name), role >= 0 {
                slots[role] = Slot(value: field.value, kind: field.kind, hasEscapes: field.valueHasEscapes)
            }
        }
        for index in columns.indices {
            if index > 0 { output.append(UInt8(ascii: "\t")) }
            let column = columns[index]
            if column.slot < 0 {
                column.constant.withUnsafeBytes { appendEscaped($0) }
            } else {
                try append(slots[column.slot], isJSON: column.isJSON, of: record)
            }
        }
        output.append(UInt8(ascii: "\n"))
    }

    private mutating func append(_ slot: Slot, isJSON: Bool, of record: UnsafeRawBufferPointer) throws {
        let value = UnsafeRawBufferPointer(rebasing: record[slot.value])
        switch slot.kind {
        case .null:
            output.append(UInt8(ascii: "\\"))
            output.append(UInt8(ascii: "N"))
        case _ where isJSON:
            let quotes = slot.kind == .string ? 1 : 0
            appendEscaped(
                UnsafeRawBufferPointer(
                    rebasing: record[slot.value.lowerBound - quotes..<slot.value.upperBound + quotes]))
        case .string where slot.hasEscapes:
            JSONText.unescape(value, into: &scratch)
            appendEscaped(scratch.bytes)
        case .string: appendEscaped(value)
        case .number:
            guard JSONRowWriter.isPlain(value) else { throw StraightCopyRefused() }
            output.append(value)
        case .boolean: output.append(value)
        case .object, .array: throw StraightCopyRefused()
        }
    }

    /// Whether `jsonb` keeps a number as it is written: no exponent, and no zero with a sign.
    private static func isPlain(_ number: UnsafeRawBufferPointer) -> Bool {
        guard number.count <= 1000 else { return false }
        if number.count > 1, number[0] == UInt8(ascii: "-"), number[1] == UInt8(ascii: "0") { return false }
        return number.allSatisfy { $0 | 0x20 != UInt8(ascii: "e") }
    }

    /// Appends text with what COPY gives a meaning escaped: backslash, tab and line ends.
    private mutating func appendEscaped(_ text: UnsafeRawBufferPointer) {
        var start = 0
        for index in text.indices {
            let letter: UInt8
            switch text[index] {
            case UInt8(ascii: "\\"): letter = UInt8(ascii: "\\")
            case 0x09: letter = UInt8(ascii: "t")
            case 0x0A: letter = UInt8(ascii: "n")
            case 0x0D: letter = UInt8(ascii: "r")
            default: continue
            }
            output.append(UnsafeRawBufferPointer(rebasing: text[start..<index]))
            output.append(UInt8(ascii: "\\"))
            output.append(letter)
            start = index + 1
        }
        output.append(UnsafeRawBufferPointer(rebasing: text[start...]))
    }
}
