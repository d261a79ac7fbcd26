import LacunaModel

/// Where the values of wanted top-level fields stand in a JSON object, found out object by object.
package struct JSONFieldValues: JSONVisitor, ~Copyable {
    /// A field's value.
    package struct Value {
        /// Where it stands in the object; of a string, what its quotes enclose.
        package var range = 0..<0
        /// Its type; null if the field is absent.
        package var kind = JSONScanner.Kind.null
        /// Whether it is a string that is written with escapes.
        package var hasEscapes = false
        /// Whether the object has the field.
        package var isPresent = false
    }

    /// All top-level names that came.
    private(set) var names: FieldNames
    private var values: ContiguousArray<Value>
    private var scratch = RawBuffer()
    /// The field that is being read.
    private var name = UnsafeRawBufferPointer(start: nil, count: 0)
    private var nameHasEscapes = false
    private var start = 0
    private var hasTooManyNames = false

    /// - Parameter wanted: the fields whose values are kept, each once.
    package init(wanted: [String]) {
        names = FieldNames(wanted: wanted)
        values = ContiguousArray(repeating: Value(), count: wanted.count)
    }

    /// The value of a wanted field in the object that was read last.
    package subscript(index: Int) -> Value {
        @inline(__always) get { values[index] }
    }

    /// Reads an object. Of a name that comes twice the last value counts, as in `jsonb`.
    ///
    /// - Returns: where the object stands; nil if too many different names have come.
    package mutating func read(_ record: UnsafeRawBufferPointer) throws(JSONScanner.Fault) -> JSONScanner.Extent? {
        for index in values.indices { values[index] = Value() }
        names.rewind()
        hasTooManyNames = false
        let extent = try JSONScanner.scan(record, as: .object, showing: &self)
        return hasTooManyNames ? nil : extent
    }

    var depth: Int { @inline(__always) get { 1 } }

    @inline(__always)
    mutating func begin(at start: Int, name: Range<Int>, hasEscapes: Bool, in text: UnsafeRawBufferPointer) {
        self.start = start
        self.name = UnsafeRawBufferPointer(rebasing: text[name])
        nameHasEscapes = hasEscapes
    }

    @inline(__always)
    mutating func open(isObject: Bool) {}

    @inline(__always)
    mutating func close() {}

    @inline(__always)
    mutating func end(at end: Int, kind: JSONScanner.Kind, hasEscapes: Bool) {
        var name = name
        if nameHasEscapes {
            JSONRewriter.unescape(name, into: &scratch)
            name = scratch.bytes
        }
        guard let role = names.note(name) else {
            hasTooManyNames = true
            return
        }
        guard role >= 0 else { return }
        let range = JSONScanner.content(from: start, to: end, kind)
        values[role] = Value(range: range, kind: kind, hasEscapes: hasEscapes, isPresent: true)
    }

    /// The content of a string, escapes resolved; of another value its text. Valid until the next call.
    package mutating func text(_ index: Int, in record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let value = UnsafeRawBufferPointer(rebasing: record[values[index].range])
        guard values[index].hasEscapes else { return value }
        JSONRewriter.unescape(value, into: &scratch)
        return scratch.bytes
    }
}
