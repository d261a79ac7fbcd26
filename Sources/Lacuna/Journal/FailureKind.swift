/// What is the same in the messages of failures that have one cause. Pure.
package enum FailureKind {
    /// A message without what differs from window to window: numbers, what stands in quotes, the query of an address.
    package static func text(of message: String) -> String {
        var kind = ""
        var isInQuery = false
        var isQuoted = false
        var previous: Character = " "
        for character in message {
            defer { previous = character }
            if isInQuery {
                guard character == " " else { continue }
                isInQuery = false
            }
            if character == "'" {
                // Not the apostrophe within a word.
                if isQuoted || !previous.isLetter { isQuoted.toggle() }
                kind.append(character)
            } else if isQuoted {
                continue
            } else if character == "?" {
                isInQuery = true
                kind.append(character)
            } else if character.isNumber {
                if !previous.isNumber { kind.append("0") }
            } else {
                kind.append(character)
            }
        }
        return kind
    }
}
