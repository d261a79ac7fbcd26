import Testing

@testable import LacunaConfig

@Suite("Rubbish")
struct FuzzTests {
    @Test("in a valid config never crashes or hangs the reader", .timeLimit(.minutes(2)), arguments: 1...8)
    func mutated(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let valid = Array(ExampleTests.text.unicodeScalars)
        let pieces: [String] = [
            "*", "&a ", "*a", "{", "}", "[", "]", ": ", "\n", "\n  ", "\t", "- ", "? ", "!!str ", "| ", "> ", "\"", "'",
            "${env:DATABASE_URL}", "${", "$${", "~", "null", "9223372036854775808", "-1", "1e400", "\u{0}", "\u{FEFF}",
            "\u{E000}", "é\u{301}", "\u{1F469}\u{200D}\u{1F467}", "---\n", "...\n", "<<: ", "%YAML 1.2\n", "today - ",
            "{window.first:", "..", "#",
        ]
        try withFixture { fixture in
            for _ in 0..<700 {
                var scalars = valid
                for _ in 0...Int.random(in: 0...4, using: &random) {
                    let position = Int.random(in: 0..<scalars.count, using: &random)
                    let length = Int.random(in: 0...min(12, scalars.count - position), using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: scalars.removeSubrange(position..<position + length)
                    case 1: scalars.insert(contentsOf: scalars[position..<position + length], at: position)
                    case 2:
                        scalars.replaceSubrange(
                            position..<position + length, with: scalars.shuffled(using: &random).prefix(3))
                    default:
                        scalars.insert(
                            contentsOf: (pieces.randomElement(using: &random) ?? "").unicodeScalars, at: position)
                    }
                }
                check(String(String.UnicodeScalarView(scalars)), fixture)
            }
        }
    }

    @Test("alone never crashes or hangs the reader", .timeLimit(.minutes(2)))
    func random() throws {
        var random = SplitMix(state: 99)
        let alphabet = Array("ab01:-?[]{}*&!|>'\"%@`#,\n\t ~$\\\u{7F}\u{85}\u{2028}é".unicodeScalars)
        try withFixture { fixture in
            for _ in 0..<3000 {
                let count = Int.random(in: 0...200, using: &random)
                let isText = Bool.random(using: &random)
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                let scalars = (0..<count).compactMap { _ in alphabet.randomElement(using: &random) }
                check(
                    isText ? String(String.UnicodeScalarView(scalars)) : String(decoding: bytes, as: UTF8.self), fixture
                )
            }
        }
    }

    private func check(_ text: String, _ fixture: Fixture) {
        do {
            _ = try fixture.parse(text, ExampleTests.environment).redacted()
        } catch {
            #expect(!error.problems.isEmpty, "\(text)")
            #expect(!error.description.unicodeScalars.contains { $0.value < 32 && $0 != "\n" }, "\(text)")
            #expect(!error.description.contains("canary-1"), "\(text)")
        }
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): small, and the same everywhere.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
