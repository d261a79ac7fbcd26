import ArgumentParser
import Foundation
import LacunaConfig

extension CompletionKind {
    /// A config file.
    static let config = CompletionKind.file(extensions: ["yaml", "yml"])

    /// The names of the streams in the config that the command line means.
    static let streams = CompletionKind.custom { words, index, _ in
        StreamCompletion(words: words, index: index, environment: ProcessInfo.processInfo.environment).names
    }
}

/// Which stream names a shell offers for an argument. It never fails: without a config there are none.
struct StreamCompletion {
    /// The words of the command line, as they are typed.
    let words: [String]
    /// Which word is completed.
    let index: Int
    let environment: [String: String]

    /// The streams of the config that are not on the command line yet.
    var names: [String] {
        let typed = Set(words.indices.filter { $0 != index }.map { Self.unquoted(words[$0]) })
        return Configuration.streamNames(path: config).filter { name in
            // A shell takes one candidate a line.
            !typed.contains(name) && !name.contains(where: \.isNewline)
        }
    }

    /// The path of the config, as ``GlobalOptions/configPath`` says it.
    var config: String {
        let path = optionValue ?? environment["LACUNA_CONFIG"] ?? "lacuna.yaml"
        guard path.hasPrefix("~/"), let home = environment["HOME"] else { return path }
        return home + path.dropFirst()
    }

    /// What the last `--config` says; nil if there is none.
    private var optionValue: String? {
        var value: String?
        for (position, word) in words.enumerated() where position != index {
            if word == "--" { break }
            if word.hasPrefix("--config=") {
                value = String(word.dropFirst("--config=".count))
            } else if word == "--config" {
                // bash takes `--config=FILE` for three words.
                let next = position + (position + 1 < words.count && words[position + 1] == "=" ? 2 : 1)
                if next < words.count, next != index { value = words[next] }
            }
        }
        return value.map(Self.unquoted)
    }

    /// A word without the quotes and backslashes that a shell removes.
    static func unquoted(_ word: String) -> String {
        var text = ""
        var quote: Character?
        var isEscaped = false
        for character in word {
            if isEscaped {
                // Between double quotes a backslash stands for itself before most characters.
                if quote == "\"", !"\"\\$`".contains(character) { text.append("\\") }
                text.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if character == quote {
                quote = nil
            } else if quote == nil, character == "'" || character == "\"" {
                quote = character
            } else {
                text.append(character)
            }
        }
        return text
    }
}
