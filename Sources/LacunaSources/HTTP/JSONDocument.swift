import LacunaModel
import LacunaRecords

/// A whole JSON document, checked, and the places of the values that were looked for. Nothing is converted: numbers stay as
/// they were written.
struct JSONDocument: Sendable {
    typealias Value = JSONScanner.Value

    /// The text is not one JSON document.
    struct Fault: Error {
        /// What is wrong with it, for the end of a sentence.
        let reason: String
    }

    let bytes: [UInt8]
    private let values: [Value?]

    /// Checks a document and finds the values at some paths, in one walk.
    init(_ bytes: [UInt8], finding paths: JSONPathSet = JSONPathSet()) throws(Fault) {
        // A byte order mark means nothing in UTF-8.
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        do {
            values = try bytes.withUnsafeBytes { try paths.values(in: $0, from: start) }
        } catch {
            let fault = error as? JSONScanner.Fault
            throw Fault(reason: fault.map(JSONDocument.reason) ?? "it is not JSON")
        }
        self.bytes = bytes
    }

    /// The value at a path of those that were looked for; nil if there is none.
    subscript(wanted: WantedPath) -> Value? { self[wanted.number] }

    /// The value at the path of a number.
    subscript(number: Int) -> Value? { values[number] }

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

    private static func reason(_ fault: JSONScanner.Fault) -> String {
        let place = "at byte \(fault.offset + 1)"
        switch fault.reason {
        case .malformed(.nothing): return "more follows after its end"
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
