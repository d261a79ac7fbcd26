import Foundation

/// A JSON value as it is printed: fields in the order given, no escaped slashes. The elements of a list are made as they are
/// written, so that a list of any length takes no memory.
enum JSONOutput {
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

    /// Writes the value, indented.
    ///
    /// - Parameter put: takes each line.
    func write(_ put: (String) -> Void) {
        var line = ""
        write(indent: "", line: &line, put)
        put(line)
    }

    private func write(indent: String, line: inout String, _ put: (String) -> Void) {
        switch self {
        case .text(let text): JSONOutput.append(text, to: &line)
        case .literal(let literal): line += literal
        case .line(let fields):
            line += "{"
            var isFirst = true
            for case (let name, let value?) in fields {
                if !isFirst { line += ", " }
                isFirst = false
                JSONOutput.append(name, to: &line)
                line += " : "
                value.write(indent: indent, line: &line, put)
            }
            line += "}"
        case .object(let fields):
            let present = fields.compactMap { field in field.value.map { (field.name, $0) } }
            JSONOutput.write(present, "{", "}", indent: indent, line: &line, put) { field, line, put in
                JSONOutput.append(field.0, to: &line)
                line += " : "
                field.1.write(indent: indent + "  ", line: &line, put)
            }
        case .list(let elements):
            JSONOutput.write(elements, "[", "]", indent: indent, line: &line, put) { element, line, put in
                element.write(indent: indent + "  ", line: &line, put)
            }
        }
    }

    /// Writes elements, each on a line of its own, between brackets.
    private static func write<Element>(
        _ elements: some Sequence<Element>, _ opening: String, _ closing: String, indent: String, line: inout String,
        _ put: (String) -> Void, _ element: (Element, inout String, (String) -> Void) -> Void
    ) {
        line += opening
        var isEmpty = true
        for item in elements {
            if !isEmpty { line += "," }
            isEmpty = false
            put(line)
            line = indent + "  "
            element(item, &line, put)
        }
        if !isEmpty {
            put(line)
            line = indent
        }
        line += closing
    }

    /// Appends a string. What a terminal would obey is escaped, beside what JSON wants escaped.
    private static func append(_ text: String, to line: inout String) {
        line += "\""
        if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
        {
            line += text
        } else {
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"", "\\": line += "\\\(scalar)"
                case _ where scalar.value < 32 || (127...159).contains(scalar.value):
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
    func output(_ document: JSONOutput) {
        document.write { output($0) }
    }
}
