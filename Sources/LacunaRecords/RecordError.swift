import LacunaModel

/// Why the records of a window were rejected. Nothing of the window is loaded.
///
/// It names the place and the key, never a whole record.
package struct RecordError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A record is not a JSON object (RFC 8259) that `jsonb` can hold.
        case malformedJSON
        /// A row is not CSV (RFC 4180), or has another number of fields than the header.
        case malformedCSV
        /// The text ends in the middle of a record.
        case truncated
        /// A record has no key, or a NULL.
        case missingKey
        /// A record's key is not a key of the stream.
        case unreadableKey
        /// A record's key is not in the window.
        case keyOutsideWindow
        /// A record belongs to another partition.
        case wrongPartition
        /// Some records carry a partition field and others do not.
        case unevenPartitionField
        /// A record is larger than the limit.
        case recordTooLarge
        /// There is no header, or a column of it has no name.
        case emptyHeader
        /// A column is named twice in the header.
        case duplicateColumn
        /// The header has no column that holds the key.
        case missingKeyColumn
        /// A later document has other columns than the first, or the same in another order.
        case headerChanged
        /// The records have more different fields than any table has columns.
        case tooManyFields
        /// A NUL byte, which PostgreSQL's text cannot hold.
        case nulByte
        /// Bytes that are not UTF-8.
        case invalidUTF8
        /// Records came in one format after others had come in another.
        case formatChanged
    }

    /// What is wrong.
    package let kind: Kind
    /// The record, counted from 1 over the whole fetch; nil if the fault is not in a record.
    package let record: Int?
    /// The line of the document at which the record starts, counted from 1; nil if the record came by itself.
    package let line: Int?
    /// The document (page, file or output of a command), counted from 1.
    package let document: Int
    /// The field at fault, if there is one.
    package let field: String?
    /// The text of the key or partition value at fault: at most 80 characters, control characters escaped.
    package let text: String?
    /// What was found and what was expected.
    package let explanation: String

    init(_ kind: Kind, at place: RecordPlace, field: String? = nil, text: String? = nil, _ explanation: String) {
        self.kind = kind
        self.record = place.record
        self.line = place.line
        self.document = place.document
        self.field = field
        self.text = text
        self.explanation = explanation
    }

    /// The place and the explanation: `record 17 (line 18): key '787999' lies outside the window 787447–787970`.
    package var description: String {
        var notes: [String] = []
        if document > 1 { notes.append("document \(document)") }
        if let line { notes.append("line \(line)") }
        let position = notes.joined(separator: ", ")
        guard let record else { return position.isEmpty ? explanation : "\(position): \(explanation)" }
        return "record \(record)\(position.isEmpty ? "" : " (\(position))"): \(explanation)"
    }

    /// Text that is fit for a message: control characters escaped, at most 80 characters.
    static func printable(_ bytes: UnsafeRawBufferPointer) -> String {
        // A character may take many bytes; 80 of them are found in the first few hundred in all but hostile texts.
        let head = UnsafeRawBufferPointer(rebasing: bytes.prefix(512))
        return printable(String(decoding: head, as: UTF8.self))
    }

    static func printable(_ text: String) -> String {
        var result = ""
        var count = 0
        for scalar in text.unicodeScalars {
            guard count < 80 else { return result + "…" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default:
                result.unicodeScalars.append(scalar)
            }
            count += 1
        }
        return result
    }
}

/// Where a record stands in what was fetched.
struct RecordPlace {
    var record: Int?
    var line: Int?
    var document = 1
}
