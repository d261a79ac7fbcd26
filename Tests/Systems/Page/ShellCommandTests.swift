import Foundation
import LacunaModel
import TestSupport
import Testing

@testable import LacunaCLI

@Suite("Commands to be copied")
struct ShellCommandTests {
    @Test(
        "A shell reads each word as it is", arguments: hostileTexts + ["$(rm -rf ~)", "`x`", "=ls", "a\u{202E}b", "-n"])
    func words(_ text: String) throws {
        let word = ShellCommand.quoted(text)
        #expect(!word.unicodeScalars.contains(where: TerminalText.isObeyed))
        #expect(HTMLText.escape(word).contains("\\u{") == text.contains("\\u{"), "what is shown is what is copied")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", "printf %s \(word)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        if text == "-n" { return }
        #expect(Array(output) == Array(text.utf8), "\(word)")
    }

    @Test("A partition is named as --partition reads it, and is left out if it cannot be")
    func partitions() {
        let stream = PageFixture.stream(columns: ["league"])
        #expect(
            ShellCommand.reconcile(stream, Partition(["nba, west"]), config: "my config.yaml", retriesNow: true)
                == "lacuna reconcile --config 'my config.yaml' --partition 'league=nba, west' --retry-now games")
        let two = PageFixture.stream("-x", columns: ["a", "b"])
        #expect(ShellCommand.reconcile(two, Partition(["1", "2"])) == "lacuna reconcile --partition a=1,b=2 -- -x")
        #expect(ShellCommand.reconcile(two, Partition(["1,5", "2"])) == "lacuna reconcile -- -x")
        #expect(ShellCommand.reconcile(PageFixture.stream(), .whole) == "lacuna reconcile games")
    }
}

@Suite("Colours of the page")
struct PagePaletteTests {
    private static func luminance(_ colour: Int) -> Double {
        let parts = [colour >> 16, colour >> 8 & 255, colour & 255].map { value -> Double in
            let part = Double(value) / 255
            return part <= 0.040_45 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }

    private static func contrast(_ left: Int, _ right: Int) -> Double {
        let (a, b) = (luminance(left), luminance(right))
        return (max(a, b) + 0.05) / (min(a, b) + 0.05)
    }

    @Test("Text can be read, and states are told apart without colours", arguments: [PagePalette.light, .dark])
    func contrasts(_ palette: PagePalette) throws {
        for text in [palette.ink, palette.soft, palette.bad, palette.good, palette.link] {
            for ground in [palette.page, palette.card] { #expect(Self.contrast(text, ground) >= 4.5) }
        }
        #expect(Self.contrast(palette.ink, palette.code) >= 4.5)
        for (index, left) in UnitState.allCases.enumerated() {
            for right in UnitState.allCases.dropFirst(index + 1) {
                let colours = (try #require(palette.states[left]), try #require(palette.states[right]))
                #expect(left.shape != right.shape || Self.contrast(colours.0, colours.1) >= 3, "\(left) \(right)")
            }
        }
        // What is missing stands out by its darkness or brightness too.
        let missing = try #require(palette.states[.missing])
        #expect(Self.contrast(missing, try #require(palette.states[.covered])) >= 3)
        for state in [UnitState.missing, .thin, .marked, .provisional, .behind, .accepted] {
            let colour = try #require(palette.states[state])
            #expect(Self.contrast(colour, palette.card) >= 3 && Self.contrast(colour, palette.ground) >= 3, "\(state)")
        }
    }
}
