import Foundation
import TestSupport
import Testing

@testable import LacunaConfig
@testable import Postgres

/// Random and mutated configs. `LACUNA_FUZZ` says how many.
@Suite("Rubbish", .timeLimit(.minutes(30)))
struct FuzzTests {
    private static let pieces = [
        "*", "&a ", "*a", "{", "}", "[", "]", ": ", "\n", "\n  ", "\t", "- ", "? ", "!!str ", "| ", "> ", "\"", "'",
        "${env:DATABASE_URL}", "${", "$${", "~", "null", "9223372036854775808", "-1", "1e400", "\u{0}", "\u{FEFF}",
        "\u{E000}",
        "é\u{301}", "\u{1F469}\u{200D}\u{1F467}", "---\n", "...\n", "<<: ", "%YAML 1.2\n", "today - ", "{window.first:",
        "..", "#",
        "workers: 3\n", "batch: 1 month", "type: http", "{partition.region}",
    ]

    private static func mutate(_ valid: [Unicode.Scalar], _ random: inout SeededGenerator) -> String {
        var scalars = valid
        for _ in 0...Int.random(in: 0...4, using: &random) {
            let position = Int.random(in: 0..<scalars.count, using: &random)
            let length = Int.random(in: 0...min(12, scalars.count - position), using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: scalars.removeSubrange(position..<position + length)
            case 1: scalars.insert(contentsOf: scalars[position..<position + length], at: position)
            case 2:
                scalars.replaceSubrange(position..<position + length, with: scalars.shuffled(using: &random).prefix(3))
            default:
                scalars.insert(contentsOf: (pieces.randomElement(using: &random) ?? "").unicodeScalars, at: position)
            }
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    /// The templates that `lacuna init` writes, without what they take from elsewhere.
    private static func templates() throws -> [(name: String, text: String)] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/LacunaCLI/Templates/Files")
        return try ["ledgers", "library", "meetings", "racing", "sports"].map { name in
            let text = try String(contentsOf: folder.appendingPathComponent("\(name).lacuna.yaml"), encoding: .utf8)
            return (
                name,
                text.replacing(/\$\{env:[A-Z_]*URL\}/, with: "https://h.example/x")
                    .replacing(/\$\{env:[A-Z_]*DOMAIN\}/, with: "h.example")
                    .replacing(/\$\{env:[A-Z_]+\}/, with: "word")
            )
        }
    }

    @Test(
        "in a valid config never crashes or hangs the reader, which shows what it took as a config that reads the same")
    func mutated() throws {
        var random = SeededGenerator("configs")
        let templates = try Self.templates()
        var taken = 0
        try withFixture { fixture in
            let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("Sources/LacunaCLI/Templates/Files")
            for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                let parts = file.split(separator: ".")
                guard parts.count == 4, parts[1] == "sql" else { continue }
                try fixture.write("SELECT 1;\n", to: "sql/\(parts[2]).sql")
            }
            for (name, text) in templates { _ = try #require(try? fixture.parse(text), "\(name)") }
            let texts = templates.map { Array($0.text.unicodeScalars) } + [Array(ExampleTests.text.unicodeScalars)]
            for _ in 0..<Fuzzing.rounds(1500) {
                let text = Self.mutate(texts.randomElement(using: &random) ?? [], &random)
                if check(text, fixture) { taken += 1 }
            }
        }
        #expect(taken > 0)
    }

    @Test("alone never crashes or hangs the reader")
    func random() throws {
        var random = SeededGenerator("rubbish")
        let alphabet = Array("ab01:-?[]{}*&!|>'\"%@`#,\n\t ~$\\\u{7F}\u{85}\u{2028}é".unicodeScalars)
        try withFixture { fixture in
            for _ in 0..<Fuzzing.rounds(3000) {
                let count = Int.random(in: 0...200, using: &random)
                let isText = Bool.random(using: &random)
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                let scalars = (0..<count).compactMap { _ in alphabet.randomElement(using: &random) }
                _ = check(
                    isText ? String(String.UnicodeScalarView(scalars)) : String(decoding: bytes, as: UTF8.self), fixture
                )
            }
        }
    }

    /// Whether a config is taken. What is refused says why, and neither way shows a secret.
    private func check(_ text: String, _ fixture: Fixture) -> Bool {
        do {
            let configuration = try fixture.parse(text, ExampleTests.environment)
            let shown = configuration.redacted()
            #expect(!shown.contains("canary-1"), "\(text)")
            // A mask is not always a value that the setting takes.
            guard configuration.secrets.isEmpty else { return true }
            let again = try fixture.parse(shown, ExampleTests.environment)
            #expect(again.streams.map(\.definition) == configuration.streams.map(\.definition), "\(text)")
            #expect(again.streams.map(\.source) == configuration.streams.map(\.source), "\(text)")
            return true
        } catch {
            #expect(!error.problems.isEmpty, "\(text)")
            #expect(!error.description.unicodeScalars.contains { $0.value < 32 && $0 != "\n" }, "\(text)")
            #expect(!error.description.contains("canary-1"), "\(text)")
            return false
        }
    }

    @Test("in connection strings hides no password that libpq would find there")
    func connectionStrings() throws {
        var random = SeededGenerator("connection strings")
        let pieces = [
            "postgres://", "postgresql://", "me", ":", "pa%20ss", "p@ss", "@", "host", ",", "/", "db", "?", "&", "=",
            "password",
            "password=", "sslpassword=", " password = ", "'", "it\\'s", "\\", " ", "\t", "user=", "host=h ", "%40",
            "%zz", "é", "port=1",
            "[::1]", "#", "application_name='a password=b'",
        ]
        var found = 0
        for _ in 0..<Fuzzing.rounds(50_000) {
            let text = (0..<Int.random(in: 1...9, using: &random)).map { _ in pieces.randomElement(using: &random) ?? ""
            }.joined()
            let passwords = ConnectionString.passwords(in: text)
            guard let options = SessionOptions.parse(text) else { continue }
            for keyword in ["password", "sslpassword"] {
                guard let password = options[keyword], !password.isEmpty else { continue }
                found += 1
                #expect(passwords.contains(password), "\(keyword) of \(text.debugDescription)")
            }
        }
        #expect(found > 100)
    }
}
