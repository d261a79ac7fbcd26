import Foundation
import Lacuna

/// A command as it can be copied into a shell, whatever the names in it are.
enum ShellCommand {
    /// The command that fetches what a partition lacks.
    ///
    /// - Parameters:
    ///   - partition: nil, or one without columns: the whole stream.
    ///   - config: the config file, if it is not the one that is found without an option.
    ///   - retriesNow: whether windows wait after a failure.
    static func reconcile(
        _ stream: StreamDefinition, _ partition: Partition? = nil, config: String? = nil, retriesNow: Bool = false
    ) -> String {
        var words = ["lacuna", "reconcile"]
        if let config { words += option("--config", config) }
        let columns = stream.partitions.columns
        if let values = partition?.values, !columns.isEmpty, isNameable(values, columns) {
            words += option("--partition", zip(columns, values).map { "\($0)=\($1)" }.joined(separator: ","))
        }
        if retriesNow { words.append("--retry-now") }
        // A name that begins with a hyphen would be an option.
        words += stream.name.unicodeScalars.first == "-" ? ["--", stream.name] : [stream.name]
        return words.map(quoted).joined(separator: " ")
    }

    /// Whether `--partition` can name these values: several are parted by commas.
    private static func isNameable(_ values: [String], _ columns: [String]) -> Bool {
        let texts = columns.count > 1 ? columns + values : []
        return !texts.contains { $0.unicodeScalars.contains(",") }
            && !columns.contains { $0.unicodeScalars.contains("=") }
    }

    private static func option(_ name: String, _ value: String) -> [String] {
        value.unicodeScalars.first == "-" ? ["\(name)=\(value)"] : [name, value]
    }

    /// A word as a POSIX shell, bash and zsh read it as it is.
    static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let isPlain = scalars.allSatisfy { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", "/", ":", "=", "@", "%", "+", ",": true
            default: false
            }
        }
        if isPlain, let first = scalars.first, first != "=" { return text }
        guard !scalars.contains(where: isInvisible) else {
            // What cannot be seen, or turns the text around, is written in ASCII: POSIX.1-2024, 2.2.4 "Dollar-Single-Quotes".
            let parts = scalars.map { scalar -> String in
                switch scalar {
                case "'": "\\'"
                case "\\": "\\\\"
                case _ where isInvisible(scalar):
                    String(scalar).utf8.map { byte in
                        let digits = String(byte, radix: 8)
                        return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
                    }.joined()
                default: String(scalar)
                }
            }
            return "$'\(parts.joined())'"
        }
        // By Unicode scalars: a quote and a combining mark after it are one `Character`.
        let parts = scalars.split(separator: "'", omittingEmptySubsequences: false)
        return "'\(parts.map { String($0) }.joined(separator: "'\\''"))'"
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: true
        case .spaceSeparator: scalar != " "
        // A mark at the beginning would combine with the quote before it.
        case .nonspacingMark, .enclosingMark, .spacingMark: true
        default: TerminalText.isObeyed(scalar)
        }
    }
}
