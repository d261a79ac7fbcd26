import LacunaModel

/// Checks that a text is one JSON value (RFC 8259) that PostgreSQL's `jsonb` can hold, and shows a visitor where its parts
/// stand.
///
/// Stricter than the grammar where `jsonb` is: no `\u0000`, no surrogate without its pair
/// (<https://www.postgresql.org/docs/current/datatype-json.html>). Nothing is converted or copied.
package struct JSONScanner {
    /// What a text may be.
    package enum Root: Sendable {
        case any, object
    }

    /// A value that was found in a text.
    package struct Value: Sendable, Equatable {
        /// Its bytes; of a string those between its quotes.
        package let range: Range<Int>
        /// What it is.
        package let kind: Kind
        /// Whether it is a string that holds escapes.
        package let hasEscapes: Bool
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
        /// The name that was read last of those that the visitor was to see: of a record its top-level field.
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

    /// The value inside the space around it.
    package struct Extent {
        /// From its first byte to past its last one; a string's quotes are its own.
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
    ///   - bytes: the text; space around the value is allowed.
    ///   - start: where the text starts in `bytes`. All places count from the first of `bytes`.
    ///   - root: what the value may be.
    ///   - visitor: is shown the values at its depth in order. What it was shown counts only if the scan does not throw.
    @inline(__always)
    static func scan<Visitor: JSONVisitor & ~Copyable>(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int = 0,
        as root: Root,
        showing visitor: inout Visitor
    ) throws(Fault) -> Extent {
        guard let base = bytes.baseAddress else { throw Fault(reason: .end, offset: 0, field: nil) }
        var scanner = JSONScanner(bytes, base: base)
        scanner.index = start
        return try scanner.run(root, &visitor)
    }

    private mutating func run<Visitor: JSONVisitor & ~Copyable>(
        _ root: Root, _ visitor: inout Visitor
    ) throws(Fault) -> Extent {
        skipSpace()
        guard index < size else { throw fault(.end) }
        let byte = bytes[index]
        guard root == .any || byte == UInt8(ascii: "{") else { throw fault(.malformed(expected: .object)) }
        hasControlSpace = false
        let start = index
        let isShown = visitor.depth == 0
        if isShown { visitor.begin(at: start, name: name, hasEscapes: false, in: bytes) }
        let kind: Kind
        var hasEscapes = false
        if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
            kind = byte == UInt8(ascii: "{") ? .object : .array
            if isShown { visitor.open(isObject: kind == .object) }
            try scanContent(of: kind, &visitor)
        } else {
            (kind, hasEscapes) = try scanScalar(byte)
        }
        if isShown { visitor.end(at: index, kind: kind, hasEscapes: hasEscapes) }
        let extent = Extent(range: start..<index, hasControlSpace: hasControlSpace)
        skipSpace()
        guard index == size else { throw fault(.malformed(expected: .nothing)) }
        return extent
    }

    /// Reads the outermost object or array.
    @inline(__always)
    private mutating func scanContent<Visitor: JSONVisitor & ~Copyable>(
        of outermost: Kind, _ visitor: inout Visitor
    ) throws(Fault) {
        var expected = try open(isObject: outermost == .object)
        while true {
            skipSpace()
            guard index < size else { throw fault(.end) }
            let byte = bytes[index]
            switch expected {
            case .nameOrClose, .name:
                if byte == UInt8(ascii: "\"") {
                    try scanName(isShown: depth == visitor.depth)
                    expected = .value
                    continue
                }
                guard byte == UInt8(ascii: "}"), expected == .nameOrClose else {
                    throw fault(.malformed(expected: expected == .name ? .name : .nameOrEnd))
                }
            case .valueOrClose, .value:
                if byte != UInt8(ascii: "]") || expected == .value {
                    let isShown = depth == visitor.depth
                    if isShown { visitor.begin(at: index, name: name, hasEscapes: nameHasEscapes, in: bytes) }
                    if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                        if isShown { visitor.open(isObject: byte == UInt8(ascii: "{")) }
                        expected = try open(isObject: byte == UInt8(ascii: "{"))
                        continue
                    }
                    let (kind, hasEscapes) = try scanScalar(byte)
                    if isShown { visitor.end(at: index, kind: kind, hasEscapes: hasEscapes) }
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
            if depth == visitor.depth { visitor.close() }
            close()
            if depth == 0 { return }
            if depth == visitor.depth { visitor.end(at: index, kind: kind, hasEscapes: false) }
            expected = .commaOrClose
        }
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

    @inline(__always)
    private mutating func scanName(isShown: Bool) throws(Fault) {
        let start = index &+ 1
        let hasEscapes = try scanString()
        if isShown {
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
