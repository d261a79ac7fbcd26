import Foundation
import Yams

/// Reads YAML into ``ConfigNode``s, within bounds that no useful config comes near.
///
/// Aliases are expanded here and not by Yams, which compares whole nodes while it looks for repeated keys: a few lines
/// of aliases to aliases would keep it busy for ever. For Yams every `*` is replaced by a private-use character. A
/// plain scalar cannot begin with `*`, so one that begins with the stand-in is an alias; elsewhere the `*` is put back.
struct YAMLDocument {
    static let byteLimit = 1 << 20
    private static let nodeLimit = 100_000
    private static let depthLimit = 64

    private let reading: Reading
    private let standIn: Unicode.Scalar
    private let lines: [Substring.UnicodeScalarView]
    private var anchors: [String: ConfigNode] = [:]
    private var count = 0

    /// A document that cannot be read further; the reason was reported.
    private struct Unreadable: Error {}

    /// Reads a config's text; nil if it cannot be read, which was reported then.
    static func read(_ text: String, reading: Reading) -> ConfigNode? {
        guard text.utf8.count <= byteLimit else {
            reading.report("the file is larger than 1 MiB", at: nil)
            return nil
        }
        let text = text.first == "\u{FEFF}" ? String(text.dropFirst()) : text
        let scalars = Set(text.unicodeScalars.filter { $0.properties.generalCategory == .privateUse })
        guard
            let standIn = (0xE000...0xF8FF).lazy.compactMap(Unicode.Scalar.init).first(where: { !scalars.contains($0) })
        else {
            reading.report("the file uses every private-use character", at: nil)
            return nil
        }
        var document = YAMLDocument(reading: reading, standIn: standIn, text: text)
        document.refuseByteOrderMarks()
        return reading.hasProblems ? nil : document.read(text)
    }

    private init(reading: Reading, standIn: Unicode.Scalar, text: String) {
        self.reading = reading
        self.standIn = standIn
        lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// Yams drops a byte order mark that a scalar begins with.
    private func refuseByteOrderMarks() {
        for (index, line) in lines.enumerated() {
            guard let mark = line.firstIndex(of: "\u{FEFF}") else { continue }
            let column = line.distance(from: line.startIndex, to: mark) + 1
            refuseByteOrderMark(at: Position(line: index + 1, column: column))
        }
    }

    private func refuseByteOrderMark(at position: Position) {
        reading.report("a byte order mark (U+FEFF) cannot stand here; remove it", at: position)
    }

    /// Whether the text in quotes at `position` begins with a byte order mark that is written as an escape.
    private func beginsWithEscapedMark(at position: Position) -> Bool {
        guard lines.indices.contains(position.line - 1) else { return false }
        let rest = String(String.UnicodeScalarView(lines[position.line - 1].dropFirst(position.column - 1)))
            .lowercased()
        return rest.hasPrefix("\"\\ufeff") || rest.hasPrefix("\"\\u0000feff")
    }

    private mutating func read(_ text: String) -> ConfigNode? {
        var replaced = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            replaced.append(scalar == "*" ? standIn : scalar)
        }
        do {
            // `.basic`: the text of a scalar is all that matters here. Without an encoding Yams asks the environment.
            let parser = try Parser(yaml: String(replaced), resolver: .basic, encoding: .utf8)
            // Nodes refer to their anchors weakly; the parser holds them.
            return try withExtendedLifetime(parser) {
                guard let root = try parser.singleRoot() else {
                    reading.report("the file is empty; a config starts with 'version: 1'", at: nil)
                    return nil
                }
                return try convert(root, depth: 1)
            }
        } catch let error as YamlError {
            report(error, in: text)
        } catch is Unreadable {
        } catch {
            reading.report("the file cannot be read as YAML", at: nil)
        }
        return nil
    }

    private mutating func convert(_ node: Node, depth: Int) throws -> ConfigNode {
        let position = Position(node.mark)
        guard depth <= YAMLDocument.depthLimit else {
            throw unreadable("lists and maps are nested deeper than \(YAMLDocument.depthLimit) levels", at: position)
        }
        let result: ConfigNode
        let anchor: String?
        switch node {
        case .scalar(let scalar):
            if let name = aliasName(scalar) {
                return try alias(name, depth: depth, at: position)
            }
            try check(tag: scalar.tag, at: position)
            if scalar.style == .doubleQuoted, beginsWithEscapedMark(at: position) { refuseByteOrderMark(at: position) }
            let text = restored(scalar.string)
            if text.unicodeScalars.contains("\0") {
                reading.report("a NUL character, which PostgreSQL cannot store", at: position)
            }
            result = ConfigNode(
                scalar: reading.interpolate(text, at: position), isPlain: scalar.style == .plain, position: position)
            anchor = scalar.anchor?.rawValue
        case .sequence(let sequence):
            try check(tag: sequence.tag, at: position)
            result = ConfigNode(list: try sequence.map { try convert($0, depth: depth + 1) }, position: position)
            anchor = sequence.anchor?.rawValue
        case .mapping(let mapping):
            try check(tag: mapping.tag, at: position)
            result = ConfigNode(map: try entries(mapping, depth: depth), position: position)
            anchor = mapping.anchor?.rawValue
        case .alias:
            throw unreadable("an alias cannot stand here", at: position)
        }
        try add(1, at: position)
        if let anchor { anchors[anchor] = result }
        return result
    }

    private mutating func entries(_ mapping: Node.Mapping, depth: Int) throws -> [ConfigEntry] {
        var entries: [ConfigEntry] = []
        var names: Set<String> = []
        for (key, value) in mapping {
            let position = Position(key.mark)
            guard case .scalar(let scalar) = key else {
                throw unreadable("a name must be text, found a list or a map", at: position)
            }
            guard aliasName(scalar) == nil else {
                throw unreadable("a name cannot be an alias", at: position)
            }
            if scalar.style == .doubleQuoted, beginsWithEscapedMark(at: position) { refuseByteOrderMark(at: position) }
            let name = restored(scalar.string)
            if !names.insert(name).inserted { reading.report(repetition(of: name), at: position) }
            try add(1, at: position)
            entries.append(ConfigEntry(name: name, position: position, value: try convert(value, depth: depth + 1)))
        }
        return entries
    }

    private mutating func alias(_ name: String, depth: Int, at position: Position) throws -> ConfigNode {
        guard let node = anchors[name] else {
            throw unreadable(
                "alias '*\(Shown.text(name))' has no anchor '&\(Shown.text(name))' before it; text that begins with "
                    + "'*' must be quoted", at: position)
        }
        guard depth + node.height <= YAMLDocument.depthLimit else {
            throw unreadable("aliases nest deeper than \(YAMLDocument.depthLimit) levels", at: position)
        }
        try add(node.size, at: position)
        return node
    }

    private mutating func add(_ nodes: Int, at position: Position) throws {
        count += nodes
        if count > YAMLDocument.nodeLimit {
            throw unreadable("more than \(YAMLDocument.nodeLimit) values, aliases expanded", at: position)
        }
    }

    /// A tag would change what a value means; only those that say what is plain anyway are let pass.
    private func check(tag: Tag, at position: Position) throws {
        let name = tag.description
        let harmless = ["str", "int", "float", "bool", "timestamp", "seq", "map"].map { "tag:yaml.org,2002:" + $0 }
        guard name.isEmpty || name == Tag.Name.implicit.rawValue || name == "!" || harmless.contains(name) else {
            throw unreadable("the tag '\(Shown.text(restored(name)))' means nothing here; remove it", at: position)
        }
    }

    private func unreadable(_ message: String, at position: Position) -> Unreadable {
        reading.report(message, at: position)
        return Unreadable()
    }

    private func aliasName(_ scalar: Node.Scalar) -> String? {
        guard scalar.style == .plain, scalar.string.unicodeScalars.first == standIn else { return nil }
        return String(scalar.string.unicodeScalars.dropFirst())
    }

    private func restored(_ text: String) -> String {
        guard text.unicodeScalars.contains(standIn) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == standIn ? "*" : $0 }))
    }

    private func repetition(of name: String) -> String {
        "'\(Shown.text(name))' stands here more than once; keep one"
    }
}

extension YAMLDocument {
    private func report(_ error: YamlError, in text: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            report(syntax: problem, context: context, mark: mark)
        case .duplicatedKeysInMapping(let names, let context):
            // Yams names a repeated list or map in words of its own.
            let isText = names.first.map { !$0.hasPrefix("<unco") } ?? false
            reading.report(
                isText ? repetition(of: restored(names[0])) : "a name must be text, found a list or a map",
                at: Position(context.mark))
        case .reader(let problem, let offset, _, _):
            reading.report("not readable as YAML: \(problem)", at: offset.map { position(ofCharacter: $0, in: text) })
        case .memory:
            // libyaml answers so where its limit of nested levels is reached.
            reading.report("lists and maps are nested too deeply", at: nil)
        default:
            reading.report("the file cannot be read as YAML", at: nil)
        }
    }

    private func report(syntax problem: String, context: YamlError.Context?, mark: Mark) {
        if problem.contains("another document") {
            reading.report("a second YAML document begins here; a config is one document", at: Position(mark))
            return
        }
        if problem.contains("nesting level") {
            reading.report("lists and maps are nested too deeply", at: Position(mark))
            return
        }
        let circumstances = context.map { "\($0.text) that begins in line \($0.mark.line), " } ?? ""
        var message = "not readable as YAML: " + circumstances + restored(problem)
        if problem.contains("cannot start any token") || problem.contains("tab character") {
            message += "; indent with spaces, not with tabs, and quote text that begins with a special character"
        }
        reading.report(message, at: Position(mark))
    }

    private func position(ofCharacter offset: Int, in text: String) -> Position {
        let before = text.prefix(offset)
        let lines = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return Position(line: max(lines.count, 1), column: (lines.last?.unicodeScalars.count ?? 0) + 1)
    }
}

extension Position {
    fileprivate init(_ mark: Mark?) {
        self.init(line: mark?.line ?? 1, column: mark?.column ?? 1)
    }
}
