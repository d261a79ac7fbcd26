/// Is shown the values of a JSON text in order while ``JSONScanner`` reads it. All places are offsets in the text.
protocol JSONVisitor: ~Copyable {
    /// In how many objects and arrays the values lie that the visitor is shown next. 0 is the whole text.
    ///
    /// It may become greater by one in ``open(isObject:)``; ``close()`` takes that back.
    var depth: Int { get }

    /// A value begins.
    ///
    /// - Parameters:
    ///   - start: its first byte.
    ///   - name: the bytes between the quotes of its name. An element of an array has none, and this says nothing.
    ///   - hasEscapes: whether the name holds escapes.
    mutating func begin(at start: Int, name: Range<Int>, hasEscapes: Bool, in text: UnsafeRawBufferPointer)

    /// The value that began last is an object or array.
    mutating func open(isObject: Bool)

    /// The object or array ends that holds the values at ``depth``.
    mutating func close()

    /// The value ends that began last at this depth.
    ///
    /// - Parameters:
    ///   - end: past its last byte.
    ///   - hasEscapes: whether it is a string that holds escapes.
    mutating func end(at end: Int, kind: JSONScanner.Kind, hasEscapes: Bool)
}

extension JSONScanner {
    /// What a value consists of: all of its bytes, of a string those between its quotes.
    @inline(__always)
    static func content(from start: Int, to end: Int, _ kind: Kind) -> Range<Int> {
        kind == .string ? start &+ 1..<end &- 1 : start..<end
    }
}
