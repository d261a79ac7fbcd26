import TestSupport
import Testing

@testable import LacunaModel
@testable import LacunaRecords

/// A JSON value that knows where it stands in the text that it was written to.
private indirect enum Tree {
    case scalar(JSONScanner.Value)
    case list([Tree], JSONScanner.Value)
    case object([(name: String, value: Tree)], JSONScanner.Value)

    var place: JSONScanner.Value {
        switch self {
        case .scalar(let place), .list(_, let place), .object(_, let place): place
        }
    }

    /// The value at a path, one step after the other. The last member of a name counts.
    func value(at path: [String]) -> JSONScanner.Value? {
        guard let name = path.first else { return place }
        let rest = Array(path.dropFirst())
        switch self {
        case .scalar: return nil
        case .list(let elements, _):
            guard let index = Int(name), elements.indices.contains(index) else { return nil }
            return elements[index].value(at: rest)
        case .object(let members, _):
            return members.last { Array($0.name.utf8) == Array(name.utf8) }?.value.value(at: rest)
        }
    }
}

/// Writes a random document and notes its tree.
private struct DocumentWriter {
    static let names = ["a", "b", "é", "e\u{301}", "0", "1", "00", "+1", "\"", "", "data"]
    private static let written = [
        ["a", "\\u0061"], ["b"], ["é", "\\u00e9"], ["e\u{301}"], ["0", "\\u0030"], ["1"], ["00"], ["+1"],
        ["\\\"", "\\u0022"],
        [""], ["data", "d\\u0061ta"],
    ]

    var bytes: [UInt8] = []
    var random: SeededGenerator

    mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func space() { put(["", "", " ", "\n", " \t"].randomElement(using: &random) ?? "") }

    mutating func value(_ depth: Int) -> Tree {
        let start = bytes.count
        func place(_ kind: JSONScanner.Kind, _ hasEscapes: Bool = false) -> JSONScanner.Value {
            let isString = kind == .string
            return JSONScanner.Value(
                range: isString ? start + 1..<bytes.count - 1 : start..<bytes.count, kind: kind, hasEscapes: hasEscapes)
        }
        switch Int.random(in: 0..<(depth < 5 ? 10 : 4), using: &random) {
        case 0:
            put("null")
            return .scalar(place(.null))
        case 1:
            put("false")
            return .scalar(place(.boolean))
        case 2:
            put("-1.50e+3")
            return .scalar(place(.number))
        case 3:
            let text = ["", "]}", "\\\"[", "x,\\\\", "é:{"].randomElement(using: &random) ?? ""
            put("\"\(text)\"")
            return .scalar(place(.string, text.contains("\\")))
        case 4..<6:
            put("[")
            space()
            var elements: [Tree] = []
            for index in 0..<Int.random(in: 0...3, using: &random) {
                if index > 0 { put(",") }
                space()
                elements.append(value(depth + 1))
                space()
            }
            put("]")
            return .list(elements, place(.array))
        default:
            put("{")
            space()
            var members: [(name: String, value: Tree)] = []
            for index in 0..<Int.random(in: 0...5, using: &random) {
                if index > 0 { put(",") }
                space()
                let number = Int.random(in: 0..<Self.names.count, using: &random)
                put("\"\(Self.written[number].randomElement(using: &random) ?? "")\"")
                space()
                put(":")
                space()
                members.append((Self.names[number], value(depth + 1)))
                space()
            }
            put("}")
            return .object(members, place(.object))
        }
    }
}

@Suite("Records: paths in JSON")
struct JSONPathSetTests {
    /// The values at paths, as they are written; `nil` if there is none.
    private func find(_ paths: [[String]], in text: String) throws -> [String] {
        var set = JSONPathSet()
        for path in paths { _ = set.add(path) }
        return try Array(text.utf8).withUnsafeBytes { bytes in
            try set.values(in: bytes).map { value in
                value.map { String(decoding: bytes[$0.range], as: UTF8.self) } ?? "nil"
            }
        }
    }

    @Test("One walk finds what a walk for each path finds, in random documents with names that come twice")
    func random() throws {
        var random = SeededGenerator("JSON paths")
        var foundCount = 0
        for _ in 0..<Fuzzing.rounds(4000) {
            var writer = DocumentWriter(random: SeededGenerator(seed: random.next()))
            writer.space()
            let tree = writer.value(0)
            writer.space()
            var set = JSONPathSet()
            let paths = (0..<Int.random(in: 0...JSONPathSet.limit, using: &random)).map { _ in
                (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    DocumentWriter.names.randomElement(using: &random) ?? ""
                }
            }
            let numbers = paths.map { set.add($0) }
            let values = try writer.bytes.withUnsafeBytes { try set.values(in: $0) }
            for (path, number) in zip(paths, numbers) {
                let expected = tree.value(at: path)
                #expect(values[number] == expected, "\(path) in \(String(decoding: writer.bytes, as: UTF8.self))")
                if expected != nil { foundCount += 1 }
            }
        }
        #expect(foundCount > 0)
    }

    @Test("The last member of a name counts, with nothing of those before it")
    func duplicates() throws {
        let text = #"{"a": {"b": 1, "c": 2}, "x": 0, "\u0061": {"c": 3, "c": [4]}, "x": null}"#
        #expect(
            try find([["a", "b"], ["a", "c"], ["a"], ["x"], ["a", "c", "0"]], in: text)
                == ["nil", "[4]", #"{"c": 3, "c": [4]}"#, "null", "4"])
        #expect(try find([["a", "b"]], in: #"{"a": {"b": 1}, "a": 2}"#) == ["nil"])
        #expect(try find([["a", "b"]], in: #"{"a": 2, "a": {"b": 1}}"#) == ["1"])
        #expect(try find([["a", "0"]], in: #"{"a": [7], "a": []}"#) == ["nil"])
    }

    @Test("Paths may end inside others, be the same and be the whole text")
    func overlapping() throws {
        let text = #" {"data": {"items": [{"n": 1}, {"n": 2}]}} "#
        #expect(
            try find(
                [["data", "items"], [], ["data", "items", "1", "n"], ["data", "items"], ["data", "items", "2"]],
                in: text)
                == [
                    #"[{"n": 1}, {"n": 2}]"#, #"{"data": {"items": [{"n": 1}, {"n": 2}]}}"#, "2",
                    #"[{"n": 1}, {"n": 2}]"#, "nil",
                ])
    }

    @Test(
        "A number is the index of an element or the name of a member",
        arguments: [
            ("0", "a"), ("00", "a"), ("+1", "b"), ("-1", "nil"), ("2", "nil"), ("x", "nil"), ("", "nil"),
            ("9223372036854775808", "nil"),
        ])
    func indexes(name: String, expected: String) throws {
        #expect(try find([[name]], in: #"["a", "b"]"#) == [expected])
        #expect(try find([[name], ["never"]], in: "{\"\(name)\": \"a\", \"0x\": 1}") == ["a", "nil"])
    }

    @Test("Names are compared character by character, escapes resolved")
    func names() throws {
        #expect(try find([["é"]], in: "{\"e\u{301}\": 1}") == ["nil"])
        #expect(try find([["e\u{301}"], ["é"]], in: "{\"e\u{301}\": 1, \"\\u00e9\": 2}") == ["1", "2"])
        #expect(try find([["a\"b"], ["𝄞"]], in: #"{"a\"b": 1, "\ud834\udd1e": 2}"#) == ["1", "2"])
    }

    @Test("Any value is a text, and no path leads into a scalar", arguments: ["1", "\"a\"", "null", "true"])
    func scalars(text: String) throws {
        #expect(try find([["a"], [], ["0"]], in: text) == ["nil", text.replacing("\"", with: ""), "nil"])
    }

    @Test(
        "The whole text is checked, also where no path leads",
        arguments: ["{\"a\": 1, \"b\": [01]}", "[1, 2", "{\"b\": 2} x"])
    func checked(text: String) {
        for paths in [[], [["a"]], [["b"], []]] {
            #expect(throws: JSONScanner.Fault.self) { try find(paths, in: text) }
        }
    }
}
