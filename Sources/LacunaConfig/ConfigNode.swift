/// A place in the config: line and column from 1, columns counted in Unicode scalars.
struct Position: Sendable, Hashable, Comparable {
    let line: Int
    let column: Int

    static func < (lhs: Position, rhs: Position) -> Bool {
        (lhs.line, lhs.column) < (rhs.line, rhs.column)
    }
}

/// A value of the config with its place; aliases are expanded and `${…}` is replaced.
struct ConfigNode: Sendable {
    enum Content: Sendable {
        case scalar(WrittenText)
        case list([ConfigNode])
        case map([ConfigEntry])
    }

    let content: Content
    let position: Position
    /// Whether it is `null`, `~` or nothing at all.
    let isNull: Bool
    /// The nodes in it, itself included, with every use of an alias counted.
    let size: Int
    /// The levels of lists and maps in it.
    let height: Int

    init(scalar: WrittenText, isPlain: Bool, position: Position) {
        content = .scalar(scalar)
        self.position = position
        isNull = isPlain && !scalar.hasSecrets && ["", "~", "null", "Null", "NULL"].contains(scalar.text)
        size = 1
        height = 0
    }

    init(list: [ConfigNode], position: Position) {
        content = .list(list)
        self.position = position
        isNull = false
        size = list.reduce(1) { $0 + $1.size }
        height = 1 + (list.map(\.height).max() ?? 0)
    }

    init(map: [ConfigEntry], position: Position) {
        content = .map(map)
        self.position = position
        isNull = false
        size = map.reduce(1) { $0 + 1 + $1.value.size }
        height = 1 + (map.map(\.value.height).max() ?? 0)
    }

    var scalar: WrittenText? {
        if case .scalar(let text) = content { text } else { nil }
    }

    var list: [ConfigNode]? {
        if case .list(let nodes) = content { nodes } else { nil }
    }

    var map: [ConfigEntry]? {
        if case .map(let entries) = content { entries } else { nil }
    }

    /// The elements of a list, or the node itself as the only one.
    var oneOrMany: [ConfigNode] { list ?? [self] }

    subscript(name: String) -> ConfigNode? {
        map?.first { $0.name == name }?.value
    }

    /// What it is, for a message: `a list`, `a map`, `'abc'`.
    var found: String {
        switch content {
        case .list: "a list"
        case .map: "a map"
        case .scalar(let text): "'\(Shown.text(text.shown))'"
        }
    }
}

/// A name in a map and its value.
struct ConfigEntry: Sendable {
    let name: String
    let position: Position
    let value: ConfigNode
}

/// Text of the config as a message shows it: short, on one line, without what a terminal would obey.
enum Shown {
    static func text(_ text: String, limit: Int = 80) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse:
                result += scalar == "\n" || scalar == "\t" ? " " : "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return text.unicodeScalars.count > limit ? result + "…" : result
    }
}
