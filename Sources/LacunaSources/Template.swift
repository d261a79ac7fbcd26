import LacunaModel
import LacunaRecords

/// A text with placeholders: `{window.first}`, `{window.last}`, `{window.end}`, `{window.size}`, `{partition.NAME}`
/// and, for text keys, `{keys}`; ends of the window with an optional format, as in `{window.first:yyyyMMdd}`. `{{` and `}}` stand for the braces themselves.
///
/// There are no expressions. Each value is escaped for its context (URL, JSON, SQL) when the template is rendered.
public struct Template: Sendable, Hashable {
    /// A part of a template.
    enum Segment: Sendable, Hashable {
        case literal(String)
        case placeholder(Placeholder, format: String?)
    }

    /// What a placeholder stands for.
    enum Placeholder: Sendable, Hashable {
        case first
        case last
        case end
        case size
        case partition(String)
        case keys
    }

    /// The text as it was written.
    public let text: String
    let segments: [Segment]

    /// Reads a template.
    ///
    /// - Throws: ``TemplateError`` for an unknown placeholder, an unknown format or an unbalanced brace.
    public init(_ text: String) throws(TemplateError) {
        self.text = text
        var segments: [Segment] = []
        var literal = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            switch character {
            case "{" where rest.first == "{", "}" where rest.first == "}":
                literal.append(character)
                rest.removeFirst()
            case "{":
                guard let close = rest.firstIndex(of: "}") else {
                    throw TemplateError("'{' without '}' in '\(text)'; a brace itself is written '{{'")
                }
                if !literal.isEmpty { segments.append(.literal(literal)) }
                literal = ""
                segments.append(try Template.placeholder(String(rest[..<close]), in: text))
                rest = rest[rest.index(after: close)...]
            case "}":
                throw TemplateError("'}' without '{' in '\(text)'; a brace itself is written '}}'")
            default:
                literal.append(character)
            }
        }
        if !literal.isEmpty || segments.isEmpty { segments.append(.literal(literal)) }
        self.segments = segments
    }

    /// The partition columns that the template names.
    package var partitionColumns: Set<String> {
        Set(
            segments.compactMap {
                if case .placeholder(.partition(let name), _) = $0 { name } else { nil }
            })
    }

    /// Whether the template names an end of the window.
    package var usesWindow: Bool {
        segments.contains {
            switch $0 {
            case .placeholder(.partition, _), .placeholder(.keys, _), .literal: false
            case .placeholder: true
            }
        }
    }

    /// Whether the template names both ends of the window, and not one of them alone.
    var usesBothWindowEnds: Bool {
        let names = segments.compactMap { if case .placeholder(let name, _) = $0 { name } else { nil } }
        return names.contains(.size) || names.contains(.first) && (names.contains(.last) || names.contains(.end))
    }

    /// Whether the template names the ids that are asked for.
    package var usesKeys: Bool {
        segments.contains { if case .placeholder(.keys, _) = $0 { true } else { false } }
    }

    private static func placeholder(_ inner: String, in text: String) throws(TemplateError) -> Segment {
        let parts = inner.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let format = parts.count == 2 ? String(parts[1]) : nil
        let name = String(parts[0])
        let placeholder: Placeholder
        switch name {
        case "window.first": placeholder = .first
        case "window.last": placeholder = .last
        case "window.end": placeholder = .end
        case "window.size": placeholder = .size
        case "keys": placeholder = .keys
        case _ where name.hasPrefix("partition.") && name.count > 10:
            placeholder = .partition(String(name.dropFirst(10)))
        default:
            throw TemplateError(
                "unknown placeholder '{\(inner)}' in '\(text)'; known are {window.first}, {window.last}, {window.end}, "
                    + "{window.size}, {partition.NAME} and {keys}; a brace itself is written '{{'")
        }
        if let format {
            switch placeholder {
            case .first, .last, .end: _ = try KeyFormat(format)
            case .size, .partition, .keys: throw TemplateError("'{\(name)}' takes no format, in '\(text)'")
            }
        }
        return .placeholder(placeholder, format: format)
    }
}

/// A template that cannot be read or rendered.
public struct TemplateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
