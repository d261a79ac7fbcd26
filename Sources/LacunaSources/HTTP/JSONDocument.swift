import LacunaModel
import LacunaRecords

/// A whole JSON document, checked, and the places of its values. Nothing is converted: numbers stay as they were written.
struct JSONDocument: Sendable {
    /// A value in the document.
    struct Value: Sendable {
        /// Its bytes; of a string those between its quotes.
        let range: Range<Int>
        let kind: JSONScanner.Kind
        let hasEscapes: Bool
    }

    /// The text is not one JSON document.
    struct Fault: Error {
        /// What is wrong with it, for the end of a sentence.
        let reason: String
    }

    /// What the bytes of a document have to follow and precede. The scanner reads objects, so the document is the only
    /// field of one.
    static let prefix = Array(#"{"":"#.utf8)
    static let suffix = Array("}".utf8)

    let bytes: [UInt8]
    let root: Value

    /// Checks a document.
    ///
    /// - Parameter bytes: ``prefix``, the document, ``suffix``.
    init(wrapped bytes: [UInt8]) throws(Fault) {
        var bytes = bytes
        let start = JSONDocument.prefix.count
        // A byte order mark means nothing in UTF-8.
        if bytes[start...].starts(with: [0xEF, 0xBB, 0xBF]) {
            bytes.replaceSubrange(start..<start + 3, with: [0x20, 0x20, 0x20])
        }
        var values: [Value] = []
        do {
            try bytes.withUnsafeBytes { text in
                _ = try JSONScanner.scan(text) { field in
                    guard values.count < 2 else { return }
                    values.append(Value(range: field.value, kind: field.kind, hasEscapes: field.valueHasEscapes))
                }
            }
        } catch {
            let fault = error as? JSONScanner.Fault
            throw Fault(reason: fault.map { JSONDocument.reason($0, size: bytes.count) } ?? "it is not JSON")
        }
        guard values.count == 1 else { throw Fault(reason: "more follows after its end") }
        self.bytes = bytes
        root = values[0]
    }

    /// The value at a path; nil where there is none.
    func value(at path: JSONPath) -> Value? {
        var value = root
        for name in path.names {
            switch value.kind {
            case .object:
                guard let member = member(name, of: value) else { return nil }
                value = member
            case .array:
                guard let index = Int(name), index >= 0, let element = element(index, of: value) else { return nil }
                value = element
            default: return nil
            }
        }
        return value
    }

    /// A string without its escapes, or the text of another value as it was written.
    func text(_ value: Value) -> String {
        withBytes(of: value) { JSONScanner.text($0, hasEscapes: value.hasEscapes) }
    }

    /// A number without a fraction, or a string that holds one.
    func integer(_ value: Value) -> Int64? {
        value.kind == .number || value.kind == .string ? Int64(text(value)) : nil
    }

    /// Hands the bytes of a value to `body`.
    func withBytes<Result>(of value: Value, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[value.range])) }
    }

    /// Hands each element of an array to `body`, in order, as it was written.
    func forEachElement(of array: Value, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try bytes.withUnsafeBytes { text in
            var elements = JSONElements(text, of: array.range)
            while let range = elements.next() { try body(UnsafeRawBufferPointer(rebasing: text[range])) }
        }
    }

    private func member(_ name: String, of object: Value) -> Value? {
        var found: Value?
        withBytes(of: object) { text in
            // It was checked with the document.
            _ = try? JSONScanner.scan(text) { field in
                let written = UnsafeRawBufferPointer(rebasing: text[field.name])
                guard JSONScanner.text(written, hasEscapes: field.nameHasEscapes) == name else { return }
                let start = object.range.lowerBound
                let range = start + field.value.lowerBound..<start + field.value.upperBound
                found = Value(range: range, kind: field.kind, hasEscapes: field.valueHasEscapes)
            }
        }
        return found
    }

    private func element(_ index: Int, of array: Value) -> Value? {
        bytes.withUnsafeBytes { text in
            var elements = JSONElements(text, of: array.range)
            for _ in 0..<index where elements.next() == nil { return nil }
            guard let range = elements.next() else { return nil }
            switch text[range.lowerBound] {
            case UInt8(ascii: "{"): return Value(range: range, kind: .object, hasEscapes: false)
            case UInt8(ascii: "["): return Value(range: range, kind: .array, hasEscapes: false)
            case UInt8(ascii: "\""):
                let content = range.lowerBound + 1..<range.upperBound - 1
                return Value(range: content, kind: .string, hasEscapes: text[content].contains(UInt8(ascii: "\\")))
            case UInt8(ascii: "n"): return Value(range: range, kind: .null, hasEscapes: false)
            case UInt8(ascii: "t"), UInt8(ascii: "f"): return Value(range: range, kind: .boolean, hasEscapes: false)
            default: return Value(range: range, kind: .number, hasEscapes: false)
            }
        }
    }

    private static func reason(_ fault: JSONScanner.Fault, size: Int) -> String {
        // The suffix is the last byte: what fails there fails at the end of the document.
        if fault.reason == .end || fault.offset >= size - 1 { return "it ends too early" }
        let place = "at byte \(max(fault.offset - prefix.count, 0) + 1)"
        switch fault.reason {
        case .malformed(let expected): return "\(place) it should have \(expected.rawValue)"
        case .end: return "it ends too early"
        case .nul: return "\(place) it has a NUL, which PostgreSQL cannot hold"
        case .utf8: return "\(place) it is not UTF-8"
        case .surrogate: return "\(place) it has half of a surrogate pair"
        case .depth: return "it is nested more than \(JSONScanner.depthLimit) levels deep"
        }
    }
}

/// The elements of an array in a text that was checked.
struct JSONElements {
    private let text: UnsafeRawBufferPointer
    private var index: Int
    private let end: Int

    init(_ text: UnsafeRawBufferPointer, of array: Range<Int>) {
        self.text = text
        index = array.lowerBound + 1
        end = array.upperBound - 1
    }

    mutating func next() -> Range<Int>? {
        while index < end, text[index] <= 0x20 || text[index] == UInt8(ascii: ",") { index += 1 }
        guard index < end else { return nil }
        let start = index
        switch text[index] {
        case UInt8(ascii: "{"), UInt8(ascii: "["): skipNested()
        case UInt8(ascii: "\""): skipString()
        default:
            while index < end, text[index] > 0x20, text[index] != UInt8(ascii: ",") { index += 1 }
        }
        return start..<index
    }

    private mutating func skipNested() {
        var depth = 0
        while index < end {
            switch text[index] {
            case UInt8(ascii: "\""):
                skipString()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            index += 1
            if depth == 0 { return }
        }
    }

    private mutating func skipString() {
        index += 1
        while index < end, text[index] != UInt8(ascii: "\"") {
            index += text[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        index += 1
    }
}
