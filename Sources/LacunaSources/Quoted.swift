/// Parts of files and answers as messages repeat them: never more of them than helps a person.
enum Quoted {
    private static let nameCount = 20
    private static let nameLength = 60

    /// The names of columns or fields.
    static func list(_ names: [String]) -> String {
        let shown = names.prefix(nameCount).map { name in
            name.unicodeScalars.count > nameLength
                ? String(String.UnicodeScalarView(name.unicodeScalars.prefix(nameLength))) + "…" : name
        }
        let rest = names.count - shown.count
        return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
