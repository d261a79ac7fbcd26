import LacunaModel

/// Checks that a text is one JSON object (RFC 8259) that PostgreSQL's `jsonb` can hold, and finds its top-level fields.
///
/// Stricter than the grammar where `jsonb` is: no `\u0000`, no surrogate without its pair
/// (<https://www.postgresql.org/docs/current/datatype-json.html>). Nothing is converted or copied.
package struct JSONScanner {
    /// A top-level field.
    package struct Field {
        /// The bytes between the quotes of the name.
        package let name: Range<Int>
        /// Whether the name holds escapes.
        package let nameHasEscapes: Bool
        /// The bytes of the value; of a string those between its quotes.
        package let value: Range<Int>
        /// What the value is.
        package let kind: Kind
        /// Whether the value is a string that holds escapes.
        package let valueHasEscapes: Bool
    }

    /// What a value is.
    package enum Kind: Sendable {
        case string, number, boolean, null, object, array
    }

    /// What is wrong with a text.
    package struct Fault: Error, Sendable, Equatable {
        /// What is wrong.
        package enum Reason: Sendable, Equatable {
            /// It is not JSON: what was expected.
            case malformed(expected: StaticText)
            /// It ends too early.
            case end
            /// A NUL byte or `\u0000`.
            case nul
            /// Bytes that are not UTF-8.
            case utf8
            /// Half of a surrogate pair.
            case surrogate
            /// More than ``JSONScanner/depthLimit`` arrays and objects in each other.
            case depth
        }

        /// What is wrong.
        package let reason: Reason
        /// Where, in bytes.
        package let offset: Int
        /// The name of the top-level field that was being read.
        package let field: Range<Int>?
    }

    /// A text that costs nothing until it is shown.
    package enum StaticText: String, Sendable {
        case object = "an object that starts with '{'"
        case name = "a field name in double quotes"
        case nameOrEnd = "a field name in double quotes or '}'"
        case colon = "':'"
        case value = "a value"
        case separator = "',' or the end of the object or array"
        case nothing = "nothing after the object"
        case escape = "a valid escape"
        case printable = "control characters written as escapes"
        case digit = "a digit"
        case literal = "true, false or null"
    }

    /// The object inside the space around it.
    package struct Extent {
        /// From `{` to `}`.
        package let range: Range<Int>
        /// Whether tabs or line ends stand between the tokens.
        package let hasControlSpace: Bool
    }

    /// How many arrays and objects may lie in each other.
    package static let depthLimit = 512

    private enum Expected {
        case nameOrClose, name, valueOrClose, value, commaOrClose
    }

    let bytes: UnsafeRawBufferPointer
    let base: UnsafeRawPointer
    let size: Int
    var index = 0
    private var depth = 0
    private var isObject = true
    private var enclosing = SIMD8<UInt64>(repeating: 0)
    private var hasControlSpace = false
    private var name = 0..<0
    private var nameHasEscapes = false

    private init(_ bytes: UnsafeRawBufferPointer, base: UnsafeRawPointer) {
        self.bytes = bytes
        self.base = base
        size = bytes.count
    }

    /// Checks a text.
    ///
    /// - Parameters:
    ///   - bytes: the text; space around the object is allowed.
    ///   - onField: is given each top-level field in order, a name that comes twice as often as it comes. What it was
    ///     given counts only if the scan does not throw.
    @inline(__always)
    package static func scan(
        _ bytes: UnsafeRawBufferPointer,
        onField: (Field) -> Void
    ) throws(Fault) -> Extent {
        guard let base = bytes.baseAddress else { throw Fault(reason: .end, offset: 0, field: nil) }
        var scanner = JSONScanner(bytes, base: base)
        return try scanner.run(onField)
    }

    private mutating func run(_ onField: (Field) -> Void) throws(Fault) -> Extent {
        skipSpace()
        guard index < size else { throw fault(.end) }
        guard bytes[index] == UInt8(ascii: "{") else { throw fault(.malformed(expected: .object)) }
        hasControlSpace = false
        let start = index
        var valueStart = 0
        var expected = try open(isObject: true)
        while true {
            skipSpace()
            guard index < size else { throw fault(.end) }
            let byte = bytes[index]
            switch expected {
            case .nameOrClose, .name:
                if byte == UInt8(ascii: "\"") {
                    try scanName()
                    expected = .value
                    continue
                }
                guard byte == UInt8(ascii: "}"), expected == .nameOrClose else {
                    throw fault(.malformed(expected: expected == .name ? .name : .nameOrEnd))
                }
            case .valueOrClose, .value:
                if byte != UInt8(ascii: "]") || expected == .value {
                    if depth == 1 { valueStart = index }
                    if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                        expected = try open(isObject: byte == UInt8(ascii: "{"))
                        continue
                    }
                    let (kind, hasEscapes) = try scanScalar(byte)
                    if depth == 1 {
                        let value = kind == .string ? valueStart &+ 1..<index &- 1 : valueStart..<index
                        onField(field(value, kind, hasEscapes))
                    }
                    expected = .commaOrClose
                    continue
                }
            case .commaOrClose:
                if byte == UInt8(ascii: ",") {
                    index &+= 1
                    expected = isObject ? .name : .value
                    continue
                }
                guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw fault(.malformed(expected: .separator))
                }
            }
            // Only a bracket that closes comes here.
            let kind: Kind = isObject ? .object : .array
            close()
            if depth == 0 { break }
            if depth == 1 { onField(field(valueStart..<index, kind, false)) }
            expected = .commaOrClose
        }
        let extent = Extent(range: start..<index, hasControlSpace: hasControlSpace)
        skipSpace()
        guard index == size else { throw fault(.malformed(expected: .nothing)) }
        return extent
    }

    @inline(__always)
    private func field(_ value: Range<Int>, _ kind: Kind, _ hasEscapes: Bool) -> Field {
        Field(name: name, nameHasEscapes: nameHasEscapes, value: value, kind: kind, valueHasEscapes: hasEscapes)
    }

    private mutating func open(isObject opensObject: Bool) throws(Fault) -> Expected {
        guard depth < JSONScanner.depthLimit else { throw fault(.depth) }
        if isObject {
            enclosing[depth &>> 6] |= 1 &<< UInt64(depth & 63)
        } else {
            enclosing[depth &>> 6] &= ~(1 &<< UInt64(depth & 63))
        }
        isObject = opensObject
        depth &+= 1
        index &+= 1
        return opensObject ? .nameOrClose : .valueOrClose
    }

    private mutating func close() {
        depth &-= 1
        index &+= 1
        isObject = enclosing[depth &>> 6] & (1 &<< UInt64(depth & 63)) != 0
    }

    @inline(__always)
    private mutating func skipSpace() {
        while index < size {
            let byte = bytes[index]
            if byte > 0x20 { return }
            if byte == 0x20 {
                index &+= 1
            } else if byte == 0x0A || byte == 0x0D || byte == 0x09 {
                hasControlSpace = true
                index &+= 1
            } else {
                return
            }
        }
    }

    func fault(_ reason: Fault.Reason) -> Fault {
        // A NUL where a token should stand is worth its own name.
        if case .malformed = reason, index < size, bytes[index] == 0 {
            return Fault(reason: .nul, offset: index, field: name.isEmpty ? nil : name)
        }
        return Fault(reason: reason, offset: index, field: name.isEmpty ? nil : name)
    }

    private mutating func scanName() throws(Fault) {
        let start = index &+ 1
        let hasEscapes = try scanString()
        if depth == 1 {
            name = start..<index &- 1
            nameHasEscapes = hasEscapes
        }
        skipSpace()
        guard index < size else { throw fault(.end) }
        guard bytes[index] == UInt8(ascii: ":") else { throw fault(.malformed(expected: .colon)) }
        index &+= 1
    }

    @inline(__always)
    private mutating func scanScalar(_ byte: UInt8) throws(Fault) -> (Kind, Bool) {
        switch byte {
        case UInt8(ascii: "\""):
            return (.string, try scanString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try scanNumber()
            return (.number, false)
        case UInt8(ascii: "t"):
            try scanLiteral("true")
            return (.boolean, false)
        case UInt8(ascii: "f"):
            try scanLiteral("false")
            return (.boolean, false)
        case UInt8(ascii: "n"):
            try scanLiteral("null")
            return (.null, false)
        default:
            throw fault(.malformed(expected: .value))
        }
    }
}
