/// Text and elements of HTML.
enum HTMLText {
    /// Text fit to stand anywhere in a page, in an attribute too.
    static func escape(_ text: String) -> String {
        var result = ""
        for scalar in Console.printable(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            // A zero-width joiner and its like stay; what is no character of HTML does not.
            case _ where scalar.properties.isNoncharacterCodePoint:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A name that may be written from right to left: it does not turn what stands around it.
    static func name(_ text: String) -> String {
        let short = PageNames.short(text)
        return short == text
            ? "<bdi>\(escape(text))</bdi>" : "<bdi title=\"\(escape(text))\">\(escape(short))</bdi>"
    }

    /// A range whose ends are not broken over two lines.
    static func range(_ text: String, isOrdered: Bool) -> String {
        guard isOrdered else { return "<bdi>\(escape(text))</bdi>" }
        // A rhythm before the range may stand on a line of its own.
        let parts = escape(text).split(separator: "–").map { part in
            part.split(separator: ", ").map { "<span class=\"whole\">\($0)</span>" }.joined(separator: ", ")
        }
        return parts.joined(separator: "–<wbr>")
    }

    /// A share of 0 to 1, as a percentage with two decimals.
    static func percentage(_ share: Double) -> String {
        let hundredths = Int((share * 10_000).rounded())
        let (whole, rest) = (hundredths / 100, hundredths % 100)
        guard rest > 0 else { return "\(whole)%" }
        return "\(whole).\(rest < 10 ? "0" : "")\(rest.isMultiple(of: 10) ? rest / 10 : rest)%"
    }
}
