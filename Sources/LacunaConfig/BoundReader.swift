import LacunaModel
import LacunaRecords

/// Reads `expect.from` and `expect.to`: `tip`, a moving bound like `today - 90d`, or a key.
struct BoundReader {
    let reading: Reading
    let keyType: KeyType

    func bound(_ node: ConfigNode?, name: String, allowsTip: Bool) -> Expectation.Bound? {
        guard let node, let text = node.scalar?.text else { return nil }
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if words == "tip" {
            if allowsTip { return .tip }
            reading.report(
                "'\(name)' cannot be tip; the first unit is a key or a time like today - 90d", at: node.position)
            return nil
        }
        for word in ["today", "now"] where words.hasPrefix(word) {
            return moving(word, offset: words.dropFirst(word.count), name: name, node: node)
        }
        do {
            return .unit(try keyType.ordinal(of: text))
        } catch {
            var moving = ""
            if case .integer = keyType {} else { moving = ", or today - 90d, or now" }
            let suggestion = ["tip", "today", "now"].contains { Suggestion.nearest(to: text, among: [$0]) != nil }
            reading.report(
                "'\(name)': \(node.found) is not a key of this stream: expected \(error.expected)\(moving)"
                    + (allowsTip ? ", or tip" : ""),
                at: node.position,
                suggestion: suggestion ? Suggestion.nearest(to: text, among: ["tip", "today", "now"]) : nil)
            return nil
        }
    }

    private func moving(_ word: String, offset: Substring, name: String, node: ConfigNode) -> Expectation.Bound? {
        if case .integer = keyType {
            reading.report("'\(name)': \(word) is for date and timestamp keys; this key is integer", at: node.position)
            return nil
        }
        let trimmed = offset.drop(while: \.isWhitespace)
        guard let sign = trimmed.first else { return word == "today" ? .today(.init()) : .now(.init()) }
        guard sign == "-" || sign == "+", let length = Written.length(String(trimmed.dropFirst())) else {
            reading.report(
                "'\(name)': expected \(word), \(word) - 90d or \(word) + 7d, found \(node.found)", at: node.position)
            return nil
        }
        if case .units = length {
            reading.report("'\(name)': \(node.found) needs a unit, as in \(word) - 90d", at: node.position)
            return nil
        }
        if word == "today", case .date = keyType, case .seconds(let seconds) = length, seconds % 86_400 != 0 {
            reading.report("'\(name)': \(node.found) is not a number of whole days", at: node.position)
            return nil
        }
        let bound = Expectation.Offset(length, isPast: sign == "-")
        return word == "today" ? .today(bound) : .now(bound)
    }
}
