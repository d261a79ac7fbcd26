import Foundation

/// A JSON value as all of Lacuna's output has it: fields in the order of their names, no escaped slashes, nothing that a
/// terminal obeys but line ends. The elements of a list are made as they are written, so that a list of any length takes no
/// memory.
enum JSONOutput: CustomStringConvertible {
    case text(String)
    /// A number, true or false, as JSON writes it.
    case literal(String)
    /// Fields that are nil are left out.
    case object([(name: String, value: JSONOutput?)])
    /// An object that stands on one line.
    case line([(name: String, value: JSONOutput?)])
    case list(AnySequence<JSONOutput>)

    static func number(_ value: some BinaryInteger) -> JSONOutput { .literal("\(value)") }
    static func number(_ value: Double) -> JSONOutput { .literal("\(value)") }
    static func flag(_ value: Bool) -> JSONOutput { .literal("\(value)") }

    static func list<Elements: Sequence>(
        _ elements: Elements, _ element: @escaping (Elements.Element) -> JSONOutput
    ) -> JSONOutput {
        .list(AnySequence(elements.lazy.map(element)))
    }

    /// The value as text.
    var description: String {
        var text: [String] = []
        var lines = JSONLines { text.append($0) }
        lines.write(self)
        return text.joined(separator: "\n")
    }
}

/// Writes a JSON value line by line, indented.
private struct JSONLines {
    /// Takes each line.
    let put: (String) -> Void
    private var line = ""
    private var indent = ""

    init(_ put: @escaping (String) -> Void) {
        self.put = put
    }

    mutating func write(_ document: JSONOutput) {
        append(document)
        put(line)
        line = ""
    }

    private mutating func append(_ value: JSONOutput) {
        switch value {
        case .text(let text): append(text)
        case .literal(let literal): line += literal
        case .line(let fields):
            line += "{"
            var isFirst = true
            for (name, value) in JSONLines.ordered(fields) {
                if !isFirst { line += ", " }
                isFirst = false
                append(name)
                line += " : "
                append(value)
            }
            line += "}"
        case .object(let fields):
            append("{", "}", JSONLines.ordered(fields)) { lines, field in
                lines.append(field.name)
                lines.line += " : "
                lines.append(field.value)
            }
        case .list(let elements): append("[", "]", elements) { lines, element in lines.append(element) }
        }
    }

    /// The fields that there are, in the order of their names.
    private static func ordered(
        _ fields: [(name: String, value: JSONOutput?)]
    ) -> [(name: String, value: JSONOutput)] {
        fields.compactMap { field in field.value.map { (field.name, $0) } }.sorted { $0.name < $1.name }
    }

    /// Appends elements, each on a line of its own, between brackets.
    private mutating func append<Elements: Sequence>(
        _ opening: String, _ closing: String, _ elements: Elements,
        _ element: (inout JSONLines, Elements.Element) -> Void
    ) {
        line += opening
        var isEmpty = true
        indent += "  "
        for item in elements {
            if !isEmpty { line += "," }
            isEmpty = false
            put(line)
            line = indent
            element(&self, item)
        }
        indent.removeLast(2)
        if !isEmpty {
            put(line)
            line = indent
        }
        line += closing
    }

    /// Appends a string. What a terminal would obey is escaped, beside what JSON wants escaped.
    private mutating func append(_ text: String) {
        line += "\""
        let isPlain = text.utf8.allSatisfy {
            (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain {
            line += text
        } else {
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"", "\\": line += "\\\(scalar)"
                case _ where TerminalText.isObeyed(scalar):
                    let digits = String(scalar.value, radix: 16)
                    line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: line.unicodeScalars.append(scalar)
                }
            }
        }
        line += "\""
    }
}

extension Console {
    /// Prints a JSON document of the result.
    func data(_ document: JSONOutput) {
        var lines = JSONLines { self.data($0) }
        lines.write(document)
    }
}
