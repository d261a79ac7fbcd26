import Testing

@testable import LacunaConfig

/// A config that is wrong, where, and what the answer says. `line` and `column` nil: the whole file.
struct WrongConfig: Sendable, CustomTestStringConvertible {
    let text: String
    let place: String?
    let fragments: [String]
    var environment: [String: String] = [:]

    init(_ text: String, at place: String?, _ fragments: String..., environment: [String: String] = [:]) {
        self.text = text
        self.place = place
        self.fragments = fragments
        self.environment = environment
    }

    var testDescription: String { fragments.joined(separator: " … ") }

    /// Whether one of the error's lines is about this place and says all of this.
    func matches(_ error: ConfigurationError) -> Bool {
        let prefix = "lacuna.yaml:" + (place.map { $0 + ": " } ?? " ")
        return error.description.split(separator: "\n").contains { line in
            line.hasPrefix(prefix) && fragments.allSatisfy { line.contains($0) }
        }
    }
}

/// Expects that a config is refused in these words at this place.
func expectRefusal(_ wrong: WrongConfig, sourceLocation: SourceLocation = #_sourceLocation) throws {
    try withFixture { fixture in
        let error = try #require(fixture.error(wrong.text, wrong.environment), sourceLocation: sourceLocation)
        #expect(
            wrong.matches(error), "expected \(wrong.place ?? "no place"): \(wrong.fragments), got\n\(error)",
            sourceLocation: sourceLocation)
    }
}

@Suite("A wrong document is refused with its place")
struct DocumentProblemTests {
    static let cases: [WrongConfig] = [
        WrongConfig("", at: nil, "the file is empty"),
        WrongConfig("# only a comment\n", at: nil, "the file is empty"),
        WrongConfig("---\n", at: "2:1", "expected a map of settings"),
        WrongConfig("hello", at: "1:1", "expected a map of settings", "found 'hello'"),
        WrongConfig("[1, 2]", at: "1:1", "expected a map", "found a list"),
        WrongConfig("version: 1\n\tdatabase: x", at: "2:1", "not readable as YAML", "tabs"),
        WrongConfig("version: 1\nstreams: [a, b", at: "3:1", "not readable as YAML", "begins in line 2", "',' or ']'"),
        WrongConfig("version: 1\ndatabase: \"x\u{07}\"", at: "2:13", "control characters"),
        WrongConfig("version: 1\nversion: 1", at: "1:1", "'version' stands here more than once"),
        WrongConfig("version: 1\n---\nversion: 1", at: "2:1", "second YAML document"),
        WrongConfig("database: *.csv", at: "1:11", "must be quoted"),
        WrongConfig("? [a]\n: b", at: "1:3", "a name must be text"),
        WrongConfig("version: !!binary aGk=", at: "1:10", "tag", "binary"),
        WrongConfig("database: \"a\\0b\"", at: "1:11", "NUL"),
        WrongConfig("version: 1\ndatabase: \"\\uFEFFx\"", at: "2:11", "byte order mark"),
        WrongConfig("version: 1\n\"\\U0000feffx\": 1", at: "2:1", "byte order mark"),
        WrongConfig("version: 1\ndatabase: \u{FEFF}x", at: "2:11", "byte order mark"),
        WrongConfig(String(repeating: "#", count: 1 << 20) + "\nversion: 1", at: nil, "larger than 1 MiB"),
        WrongConfig("a: &x [*x]", at: "1:8", "alias '*x' has no anchor"),
        WrongConfig("a: &x b\n*x : c", at: "2:1", "a name cannot be an alias"),
        WrongConfig(
            String(repeating: "[", count: 70) + String(repeating: "]", count: 70), at: "1:65", "deeper than 64"),
        WrongConfig(String(repeating: "[", count: 5000), at: "1:1", "nested too deeply"),
        WrongConfig(
            "version: 1\nsources: {}\nstreams: {a: &a {x: 1}, b: {<<: *a}}", at: "3:29", "unknown setting '<<'"),
    ]

    @Test("as YAML", arguments: cases)
    func document(_ wrong: WrongConfig) throws {
        try expectRefusal(wrong)
    }

    static let bombs = [
        // Doubled thirty times over.
        "a0: &a0 [x, x]\n" + (1...30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]" }.joined(separator: "\n"),
        // The same as names, which have to be compared.
        (0...30).map { "k\($0): &a\($0) [\($0 == 0 ? "x" : "*a\($0 - 1), *a\($0 - 1)")]" }.joined(separator: "\n")
            + "\n? [*a30]\n: 1\n? [*a30]\n: 2\n",
        // A little deeper with each line.
        "a0: &a0 [x]\n" + (1...5000).map { "a\($0): &a\($0) [*a\($0 - 1)]" }.joined(separator: "\n"),
    ]

    @Test("and aliases that multiply are bounded", .timeLimit(.minutes(30)), arguments: bombs)
    func bomb(_ text: String) throws {
        try withFixture { fixture in
            let error = try #require(fixture.error(text))
            #expect(
                ["more than 100000 values", "nest deeper than 64", "a name must be text"].contains {
                    error.description.contains($0)
                }, "\(error)")
        }
    }

    @Test("but a harmless alias, a byte order mark and Windows line ends are read")
    func harmless() throws {
        try withFixture { fixture in
            let text =
                "\u{FEFF}" + dateConfig("expect: &e {to: today}\ncolumns: {a: \"*b\"}\nworkers: &w 3\ncoalesce: *w\n")
            let configuration = try fixture.parse(text.replacing("\n", with: "\r\n"))
            #expect(configuration.streams[0].definition.coalesce == 3)
            #expect(configuration.streams[0].definition.columns == ["a": "*b"])
            #expect(configuration.streams[0].definition.expect.to == .today(.init()))
        }
    }

    @Test("as a file that cannot be read")
    func files() throws {
        try withFixture { fixture in
            for (path, reason) in [
                (fixture.directory + "/none.yaml", "there is no such file"),
                (fixture.directory, "it is a directory"),
            ] {
                let error = #expect(throws: ConfigurationError.self) {
                    try Configuration.load(path: path, environment: [:])
                }
                #expect(error?.description == "\(path): cannot read the config: \(reason)")
            }
            let path = fixture.directory + "/big.yaml"
            try fixture.write(String(repeating: "#", count: 10 << 20), to: "big.yaml")
            let error = #expect(throws: ConfigurationError.self) {
                try Configuration.load(path: path, environment: [:])
            }
            #expect(error?.message.contains("larger than 1 MiB") == true)
        }
    }

    @Test("with every problem of a pass in the order of the file")
    func several() throws {
        try withFixture { fixture in
            let error = try #require(fixture.error(integerConfig("tabel: x\nworkers: [1]\norder: newst")))
            #expect(
                error.description == """
                    lacuna.yaml:12:5: unknown setting 'tabel' in stream 'blocks'; did you mean 'table'?
                    lacuna.yaml:13:14: 'workers': expected a number from 1 to 64, found a list
                    lacuna.yaml:14:12: 'order': expected newest or oldest, found 'newst'; did you mean 'newest'?
                    """)
            #expect(error.line == 12)
            #expect(error.column == 5)
            #expect(error.suggestion == "table")
            #expect(error.message == "unknown setting 'tabel' in stream 'blocks'")
        }
    }
}
