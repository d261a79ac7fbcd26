import LacunaModel
import LacunaRecords
import LacunaSources

extension Configuration {
    /// The config as it takes effect, for people: aliases and defaults filled in, secrets as `***`.
    package func redacted() -> String {
        var entries = document.map ?? []
        let defaults = document["defaults"]?.map ?? []
        entries.removeAll { $0.name == "defaults" }
        entries = entries.map { entry in
            guard entry.name == "streams", let streams = entry.value.map else { return entry }
            let filled = streams.map { stream in
                let own = stream.value.map ?? []
                let missing = defaults.filter { value in !own.contains { $0.name == value.name } }
                let node = ConfigNode(map: own + missing, position: stream.value.position)
                return ConfigEntry(name: stream.name, position: stream.position, value: node)
            }
            let node = ConfigNode(map: filled, position: entry.value.position)
            return ConfigEntry(name: entry.name, position: entry.position, value: node)
        }
        var lines: [String] = []
        append(entries, indent: "", to: &lines)
        return lines.joined(separator: "\n") + "\n"
    }

    private func append(_ entries: [ConfigEntry], indent: String, to lines: inout [String]) {
        for entry in entries {
            let name = indent + quoted(entry.name) + ":"
            switch entry.value.content {
            case .map(let inner) where !inner.isEmpty:
                lines.append(name)
                append(inner, indent: indent + "  ", to: &lines)
            default: lines.append("\(name) \(inline(entry.value))")
            }
        }
    }

    private func inline(_ node: ConfigNode) -> String {
        switch node.content {
        case .scalar(let text): quoted(masked(text))
        case .list(let nodes): "[\(nodes.map(inline).joined(separator: ", "))]"
        case .map(let entries): "{\(entries.map { "\(quoted($0.name)): \(inline($0.value))" }.joined(separator: ", "))}"
        }
    }

    /// A written text may hold a secret too: a password in a connection string, or a value that also comes from outside.
    private func masked(_ text: WrittenText) -> String {
        SecretMask(secrets)(text.shown)
    }

    /// Whether a character would not be seen, or be obeyed by a terminal.
    private static func isWrittenAsNumber(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// YAML's double-quoted form wherever the plain one could mean something else.
    private func quoted(_ text: String) -> String {
        let isPlain = text.first.map { $0.isLetter || $0.isNumber } ?? false
        let isHarmless = text.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
                || "_-./ ".unicodeScalars.contains($0)
        }
        let isWord = ["null", "true", "false", "yes", "no", "on", "off"].contains(text.lowercased())
        if isPlain, isHarmless, !isWord, text.last != " " { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where Self.isWrittenAsNumber(scalar):
                let digits = String(scalar.value, radix: 16)
                result += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
