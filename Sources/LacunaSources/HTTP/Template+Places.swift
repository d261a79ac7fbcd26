import LacunaModel
import LacunaRecords

extension Template {
    /// Reads a body: only `{window.…}`, `{partition.…}` and `{keys}` are placeholders, every other brace stands for itself, so
    /// that JSON needs no escapes.
    ///
    /// - Throws: ``TemplateError``.
    public static func body(_ text: String) throws(TemplateError) -> Template {
        try Template(escapingBraces(of: text))
    }

    /// The text of a body with every brace doubled that belongs to no placeholder.
    package static func escapingBraces(of text: String) -> String {
        var result = ""
        var rest = text[...]
        while let character = rest.first {
            let isPlaceholder = ["{window.", "{partition.", "{keys}"].contains(where: rest.hasPrefix)
            if isPlaceholder, let close = rest.firstIndex(of: "}") {
                result += rest[...close]
                rest = rest[rest.index(after: close)...]
                continue
            }
            result.append(character)
            if character == "{" || character == "}" { result.append(character) }
            rest.removeFirst()
        }
        return result
    }

    /// For each segment, whether it begins inside a JSON string.
    var isInsideJSONString: [Bool] {
        var isInside = false
        return segments.map { segment in
            let before = isInside
            if case .literal(let literal) = segment {
                var isEscaped = false
                for byte in literal.utf8 {
                    if isEscaped {
                        isEscaped = false
                    } else if isInside, byte == UInt8(ascii: "\\") {
                        isEscaped = true
                    } else if byte == UInt8(ascii: "\"") {
                        isInside.toggle()
                    }
                }
            }
            return before
        }
    }

    /// A value for inside a JSON string.
    static func jsonEscaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Whether a value may stand in JSON without quotes: a number, which cannot change what surrounds it.
    static func isJSONNumber(_ value: String) -> Bool {
        var rest = value[...]
        if rest.first == "-" { rest.removeFirst() }
        let whole = rest.prefix { $0.isASCII && $0.isNumber }
        guard !whole.isEmpty, whole == "0" || whole.first != "0" else { return false }
        rest = rest[whole.endIndex...]
        if rest.first == "." {
            rest.removeFirst()
            return !rest.isEmpty && rest.allSatisfy { $0.isASCII && $0.isNumber }
        }
        return rest.isEmpty
    }
}
