import LacunaModel
import LacunaRecords
import Postgres

/// Rewrites spooled JSON objects as rows of COPY's text format
/// (<https://www.postgresql.org/docs/current/sql-copy.html>), so that the server need not parse JSON.
///
/// A value becomes the text that `jsonb_to_record` would give the column's input function. Some values only the server can
/// read so: a number with an exponent, an array for an array column. Then the writer gives up, and the batch goes through
/// the staging table.
struct JSONRowWriter: ~Copyable {
    /// Where a column's value comes from.
    struct Column: Sendable {
        /// The record's field; nil if every row has the same value.
        let field: String?
        /// The value that every row has.
        let constant: String?
        /// Whether the column is `jsonb`, which takes any value as JSON.
        let isJSON: Bool
    }

    private static let flushSize = 64 << 10

    /// For each column the number of its field among the values, or below 0 and what every row has.
    private let columns: [(number: Int, constant: [UInt8], isJSON: Bool)]
    private var values: JSONFieldValues
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
        values = JSONFieldValues(wanted: wanted)
    }

    /// Takes a chunk of NDJSON that a sink has checked.
    ///
    /// - Parameter put: takes the rows, whole ones, some at a time.
    /// - Throws: ``DirectLoadRefused``; what `put` throws.
    mutating func write(
        _ chunk: UnsafeRawBufferPointer, put: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        splitter.feed(chunk)
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
        // The sink has counted the names.
        _ = try values.read(record)
        for index in columns.indices {
            if index > 0 { output.append(UInt8(ascii: "\t")) }
            let column = columns[index]
            if column.number < 0 {
                column.constant.withUnsafeBytes { appendEscaped($0) }
            } else {
                try append(column.number, isJSON: column.isJSON, of: record)
            }
        }
        output.append(UInt8(ascii: "\n"))
    }

    private mutating func append(_ number: Int, isJSON: Bool, of record: UnsafeRawBufferPointer) throws {
        let field = values[number]
        let value = UnsafeRawBufferPointer(rebasing: record[field.range])
        switch field.kind {
        case .null:
            output.append(UInt8(ascii: "\\"))
            output.append(UInt8(ascii: "N"))
        case _ where isJSON:
            let quotes = field.kind == .string ? 1 : 0
            appendEscaped(
                UnsafeRawBufferPointer(
                    rebasing: record[field.range.lowerBound - quotes..<field.range.upperBound + quotes]))
        case .string: appendEscaped(values.text(number, in: record))
        case .number:
            guard JSONRowWriter.isPlain(value) else { throw DirectLoadRefused() }
            output.append(value)
        case .boolean: output.append(value)
        case .object, .array: throw DirectLoadRefused()
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
