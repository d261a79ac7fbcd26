import LacunaRecords

/// A place in a JSON document: names of fields and indexes of arrays with dots between them, `data.items.0`.
///
/// `$` alone is the document itself.
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
        let path = text.hasPrefix("$.") ? text.dropFirst(2) : text[...]
        let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        names = parts
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
