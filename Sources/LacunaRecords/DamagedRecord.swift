/// Finds the key of a record that is not valid, so that the windows which it does not belong to can pass over it. Pure.
///
/// A key that may itself be damaged is none: its unit would be taken for another one.
package enum DamagedRecord {
    /// The text of a top-level field of an object; nil if it is not there, not whole, or there with several values.
    package static func key(ofJSON record: UnsafeRawBufferPointer, field: String) -> String? {
        let name = Array(field.utf8)
        var found: String?
        var depth = 0
        var index = 0
        while index < record.count {
            switch record[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "\""):
                guard let string = string(in: record, at: index) else { return nil }
                index = string.upperBound + 1
                let colon = next(in: record, from: index)
                guard depth == 1, record[string].elementsEqual(name), colon < record.count,
                    record[colon] == UInt8(ascii: ":")
                else { continue }
                guard let value = value(in: record, at: next(in: record, from: colon + 1)),
                    let text = text(record[value.range])
                else { return nil }
                if let found, found != text { return nil }
                found = text
                index = value.end
                continue
            default: break
            }
            index += 1
        }
        return found
    }

    /// The text of a field of a CSV row; nil if it is not there or not whole, or if another field may stand in its place.
    package static func key(ofCSV row: UnsafeRawBufferPointer, column: Int, of columnCount: Int) -> String? {
        // A quote too many makes one row of many, which are not all of one unit.
        guard !row.contains(UInt8(ascii: "\n")) else { return nil }
        var isQuoted = false
        var count = 0
        var start = 0
        var field: Slice<UnsafeRawBufferPointer>?
        for index in 0...row.count {
            let isEnd = index == row.count
            if !isEnd, row[index] == UInt8(ascii: "\"") { isQuoted.toggle() }
            guard isEnd || row[index] == UInt8(ascii: ",") && !isQuoted else { continue }
            if count == column { field = row[start..<index] }
            count += 1
            start = index + 1
        }
        // Where fields are missing or too many, only the first one stands in its place, and is whole if another follows.
        guard !isQuoted, count == columnCount || column == 0 && count > 1, var field else { return nil }
        if field.count >= 2, field.first == UInt8(ascii: "\""), field.last == UInt8(ascii: "\"") {
            field = field.dropFirst().dropLast()
        }
        return text(field)
    }

    /// What the quotes enclose of which the first is at `index`; nil if there is no second.
    private static func string(in record: UnsafeRawBufferPointer, at index: Int) -> Range<Int>? {
        var end = index + 1
        while end < record.count, record[end] != UInt8(ascii: "\"") { end += record[end] == UInt8(ascii: "\\") ? 2 : 1 }
        return end < record.count ? index + 1..<end : nil
    }

    /// A string or a number, and where the text goes on; nil if nothing follows that ends it.
    private static func value(
        in record: UnsafeRawBufferPointer, at index: Int
    ) -> (range: Range<Int>, end: Int)? {
        guard index < record.count else { return nil }
        if record[index] == UInt8(ascii: "\"") {
            return string(in: record, at: index).map { ($0, $0.upperBound + 1) }
        }
        var end = index
        while end < record.count, !isEnd(record[end]) { end += 1 }
        return end > index && end < record.count ? (index..<end, end) : nil
    }

    private static func isEnd(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}")
    }

    private static func next(in record: UnsafeRawBufferPointer, from index: Int) -> Int {
        var index = index
        while index < record.count, record[index] <= 0x20 { index += 1 }
        return index
    }

    /// A text without escapes and quotes within; nil if it has some or is not UTF-8.
    private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String? {
        guard !bytes.isEmpty, !bytes.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") }) else {
            return nil
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
