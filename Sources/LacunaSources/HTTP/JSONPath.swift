import LacunaRecords

/// A place in a JSON document: names of fields and indexes of arrays with dots between them, `data.items.0`.
///
/// A name that holds a dot stands in quotes, `"@odata.nextLink"`, or in brackets, `$['@odata.nextLink']`. `$` alone is the
/// document itself.
public struct JSONPath: Sendable, Hashable, CustomStringConvertible {
    /// The path as it was written.
    public let description: String
    let names: [String]

    /// The document itself.
    static let document = JSONPath("$", names: [])

    private init(_ text: String, names: [String]) {
        description = text
        self.names = names
    }

    /// Reads a path; nil if a name is missing.
    public init?(_ text: String) {
        description = text
        guard text != "$" else {
            names = []
            return
        }
        var rest = Substring(text)
        if rest.hasPrefix("$.") { rest = rest.dropFirst(2) } else if rest.hasPrefix("$[") { rest = rest.dropFirst() }
        var names: [String] = []
        while true {
            guard let name = JSONPath.name(&rest) else { return nil }
            names.append(name)
            guard let next = rest.first else { break }
            if next == "." { rest = rest.dropFirst() } else if next != "[" { return nil }
        }
        self.names = names
    }

    /// The path of a name as it is written.
    static func text(of name: String) -> String {
        name.contains { ".[\"'".contains($0) } ? "\"\(name)\"" : name
    }

    /// Takes the next name; nil if there is none, or one without its end.
    private static func name(_ rest: inout Substring) -> String? {
        if rest.hasPrefix("[") {
            rest = rest.dropFirst()
            let name: String?
            if let quote = rest.first, quote == "'" || quote == "\"" {
                name = quoted(&rest, quote)
            } else {
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                rest = rest.dropFirst(digits.count)
                name = digits.isEmpty ? nil : String(digits)
            }
            guard rest.first == "]" else { return nil }
            rest = rest.dropFirst()
            return name
        }
        if rest.first == "\"" { return quoted(&rest, "\"") }
        let name = rest.prefix { $0 != "." && $0 != "[" }
        rest = rest.dropFirst(name.count)
        return name.isEmpty ? nil : String(name)
    }

    private static func quoted(_ rest: inout Substring, _ quote: Character) -> String? {
        rest = rest.dropFirst()
        var name = ""
        while let character = rest.popFirst() {
            if character == quote { return name.isEmpty ? nil : name }
            if character == "\\" {
                guard let escaped = rest.popFirst() else { return nil }
                name.append(escaped)
            } else {
                name.append(character)
            }
        }
        return nil
    }
}

/// A path that a set looks for.
struct WantedPath: Sendable {
    /// The path.
    let path: JSONPath
    /// The number of its value.
    let number: Int
}

extension JSONPathSet {
    /// Looks for a path too.
    mutating func want(_ path: JSONPath) -> WantedPath {
        WantedPath(path: path, number: add(path.names))
    }
}
