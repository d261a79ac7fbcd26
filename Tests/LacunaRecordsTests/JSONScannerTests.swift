import Foundation
import TestSupport
import Testing

@testable import LacunaModel
@testable import LacunaRecords

/// The values at one depth, as `name=text:kind`.
private struct ValueList: JSONVisitor {
    let depth: Int
    private(set) var values: [String] = []
    private var name = ""
    private var start = 0
    private var text = UnsafeRawBufferPointer(start: nil, count: 0)

    init(depth: Int) {
        self.depth = depth
    }

    mutating func begin(at start: Int, name: Range<Int>, hasEscapes: Bool, in text: UnsafeRawBufferPointer) {
        self.name = String(decoding: text[name], as: UTF8.self)
        self.start = start
        self.text = text
    }

    mutating func open(isObject: Bool) {}

    mutating func close() {}

    mutating func end(at end: Int, kind: JSONScanner.Kind, hasEscapes: Bool) {
        let range = JSONScanner.content(from: start, to: end, kind)
        values.append("\(name)=\(String(decoding: text[range], as: UTF8.self)):\(kind)\(hasEscapes ? "!" : "")")
    }
}

@Suite("Records: JSON scanner")
struct JSONScannerTests {
    static func reason(_ bytes: [UInt8], as root: JSONScanner.Root = .object) -> JSONScanner.Fault.Reason? {
        bytes.withUnsafeBytes { raw in
            do throws(JSONScanner.Fault) {
                var values = ValueList(depth: 1)
                _ = try JSONScanner.scan(raw, as: root, showing: &values)
                return nil
            } catch {
                return error.reason
            }
        }
    }

    static func accepts(_ text: String, as root: JSONScanner.Root = .object) -> Bool {
        reason(Array(text.utf8), as: root) == nil
    }

    @Test(
        "Numbers follow the grammar",
        arguments: [
            ("0", true), ("-0", true), ("10", true), ("1.0", true), ("1e5", true), ("1E+5", true), ("1.25e-400", true),
            ("123456789012345678901234567890", true), ("01", false), ("-", false), ("+1", false), ("1.", false),
            (".5", false), ("1e", false), ("1e+", false), ("0x1", false), ("NaN", false), ("Infinity", false),
            ("-Infinity", false), ("1_000", false), ("--1", false), ("1.5.5", false), ("-a", false),
        ])
    func numbers(text: String, isValid: Bool) {
        #expect(Self.accepts("{\"a\":\(text)}") == isValid)
        #expect(Self.accepts("{\"a\":[\(text) , \(text)]}") == isValid)
        #expect(Self.accepts("[\(text),\(text)]", as: .any) == isValid)
        #expect(Self.accepts(" \(text) ", as: .any) == isValid)
    }

    @Test(
        "Strings follow the grammar and hold what jsonb can hold",
        arguments: [
            ("", true), ("a", true), ("\\\"\\\\\\/\\b\\f\\n\\r\\t", true), ("\\u0041\\uFfFf", true),
            ("\\ud834\\udd1e", true), ("\\uD834", false), ("\\udd1e", false), ("\\ud834\\u0041", false),
            ("\\ud834x", false), ("\\ud834\\n", false), ("\\ud834\\ud834\\udd1e", false), ("\\u0000", false),
            ("\\u00", false), ("\\u00G0", false), ("\\x", false), ("\\", false), ("\u{1}", false), ("\t", false),
            ("\u{1f}", false), ("\u{7f}", true), ("𝄞ü", true), ("12345678\u{1}", false), ("1234567\\q", false),
        ])
    func strings(text: String, isValid: Bool) {
        for padding in 0..<9 {
            let padded = String(repeating: "x", count: padding) + text
            #expect(Self.accepts("{\"a\":\"\(padded)\"}") == isValid)
            #expect(Self.accepts("{\"\(padded)\":[]}") == isValid)
            #expect(Self.accepts("\"\(padded)\"", as: .any) == isValid)
        }
    }

    @Test(
        "Structure follows the grammar",
        arguments: [
            ("{}", true), (" { } ", true), ("{\"a\":{}}", true), ("{\"a\":[]}", true), ("{\"a\":[[],{}]}", true),
            ("{\"\":1}", true), ("{\"a\":1,\"a\":2}", true), ("{\"a\":[1,]}", false), ("{,}", false),
            ("{\"a\"}", false), ("{\"a\":}", false), ("{\"a\":1 \"b\":2}", false), ("{a:1}", false),
            ("{'a':1}", false), ("{\"a\":[1}", false), ("{\"a\":{]}", false), ("{\"a\":1]", false),
            ("{\"a\":[}]", false),
            ("{1:1}", false), ("{\"a\":[:]}", false), ("{\"a\":nul}", false), ("{\"a\":nullx}", false),
            ("{\"a\":True}", false), ("{} x", false), ("{}}", false), ("{\"a\":1}//c", false), ("\u{b}{}", false),
            ("{\"a\":[1 2]}", false), ("{\"a\":[,1]}", false), ("null", false), ("\"a\"", false), ("", false),
        ])
    func structure(text: String, isValid: Bool) {
        #expect(Self.accepts(text) == isValid)
    }

    @Test(
        "A text is any value, and only one",
        arguments: [
            ("null", true), ("true", true), (" false\n", true), ("0", true), ("-1.5e3", true), ("\"\"", true),
            ("\t\"a\"", true), ("[]", true), ("[null]", true), ("[[],{}]", true), ("{}", true), ("{\"a\":[1]}", true),
            ("", false), (" \n", false), ("nul", false), ("nullx", false), ("NULL", false), ("1 2", false),
            ("1,2", false), ("[] []", false), ("[]]", false), ("]", false), ("}", false), ("[1}", false), (",", false),
            ("\"a\"b", false), ("\"a\":1", false), ("{}{}", false), ("[1,]", false), ("[,1]", false), ("[1 2]", false),
            ("[\"a\":1]", false), ("null\u{0}", false), ("\u{feff}1", false), ("\u{b}1", false), ("\u{a0}1", false),
        ])
    func anyValue(text: String, isValid: Bool) {
        #expect(Self.accepts(text, as: .any) == isValid)
        let isObject = text.drop { " \t\n".contains($0) }.hasPrefix("{")
        #expect(Self.accepts(text) == (isValid && isObject))
    }

    @Test("Arrays and objects lie at most 512 deep in each other")
    func depth() {
        func nested(_ depth: Int) -> [UInt8] {
            let arrays = depth - 1
            let text = "{\"a\":" + String(repeating: "[", count: arrays) + String(repeating: "]", count: arrays) + "}"
            return Array(text.utf8)
        }
        #expect(Self.reason(nested(512)) == nil)
        #expect(Self.reason(nested(513)) == .depth)
        #expect(Self.reason(Array(String(repeating: "{\"a\":", count: 100_000).utf8)) == .depth)
        func list(_ depth: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
        }
        #expect(Self.reason(list(512), as: .any) == nil)
        #expect(Self.reason(list(513), as: .any) == .depth)
    }

    @Test("Mixed brackets are matched at every depth")
    func mixedNesting() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            let kinds = (0..<Int.random(in: 1...300, using: &generator)).map { _ in Bool.random(using: &generator) }
            let opening = "{\"a\":" + kinds.map { $0 ? "{\"k\":" : "[" }.joined() + "1"
            var closing = kinds.reversed().map { $0 ? "}" : "]" }
            #expect(Self.accepts(opening + closing.joined() + "}"))
            let wrong = Int.random(in: 0..<closing.count, using: &generator)
            closing[wrong] = closing[wrong] == "}" ? "]" : "}"
            #expect(!Self.accepts(opening + closing.joined() + "}"))
        }
    }

    @Test("Top-level fields are found with their bytes")
    func fields() throws {
        let text = #" {"a" : "x\n", "b":-1.5e3,"c":{"a":[1]} ,"d":[{"e":2}],"\u0065":null,"f":true} "#
        let bytes = Array(text.utf8)
        try bytes.withUnsafeBytes { raw in
            var found = ValueList(depth: 1)
            let extent = try JSONScanner.scan(raw, as: .object, showing: &found)
            #expect(extent.range == 1..<raw.count - 1)
            #expect(!extent.hasControlSpace)
            #expect(
                found.values == [
                    #"a=x\n:string!"#, "b=-1.5e3:number", #"c={"a":[1]}:object"#, #"d=[{"e":2}]:array"#,
                    #"\u0065=null:null"#, "f=true:boolean",
                ])
        }
    }

    @Test(
        "A text that starts later is a value of any kind with its extent",
        arguments: ["\"a\\n\"", "12", "null", "[1,\t{}]", "{}"])
    func extent(text: String) throws {
        let bytes = Array("]]] \(text)  ".utf8)
        try bytes.withUnsafeBytes { raw in
            var found = ValueList(depth: 0)
            let extent = try JSONScanner.scan(raw, from: 3, as: .any, showing: &found)
            #expect(extent.range == 4..<raw.count - 2)
            #expect(extent.hasControlSpace == text.contains("\t"))
            let (content, kind) = text.hasPrefix("\"") ? ("a\\n", "string!") : (text, "")
            #expect(found.values.count == 1)
            #expect(found.values.first?.hasPrefix("=\(content):\(kind)") == true, "\(found.values)")
        }
    }

    @Test("Escapes are undone as Foundation undoes them")
    func unescaping() throws {
        let text = #"a\"\\\/\b\f\n\r\tü\u00e9\u20AC\ud83d\ude00\uFFFF\u0001𝄞"#
        let expected = try JSONSerialization.jsonObject(with: Data("\"\(text)\"".utf8), options: .fragmentsAllowed)
        Array(text.utf8).withUnsafeBytes { bytes in
            #expect(JSONScanner.text(bytes, hasEscapes: true) == expected as? String)
            #expect(JSONScanner.text(bytes, hasEscapes: false) == text)
        }
    }

    @Test("Random objects and their mutations are judged as Foundation judges them", arguments: 0..<8)
    func againstFoundation(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var validCount = 0
        var invalidCount = 0
        for _ in 0..<400 {
            let text = Self.randomObject(depth: 0, using: &generator)
            #expect(Self.accepts(text), "\(text)")
            var bytes = Array(text.utf8)
            for _ in 0..<4 {
                Self.mutate(&bytes, using: &generator)
                guard let expected = Self.foundationAccepts(bytes) else { continue }
                let isAccepted = Self.reason(bytes) == nil
                #expect(isAccepted == expected, "\(String(decoding: bytes, as: UTF8.self))")
                if isAccepted { validCount += 1 } else { invalidCount += 1 }
            }
        }
        #expect(validCount > 20)
        #expect(invalidCount > 200)
    }

    @Test("Any random value and its mutations are judged as Foundation judges them")
    func anyAgainstFoundation() throws {
        var generator = SeededGenerator("any JSON value")
        var validCount = 0
        var invalidCount = 0
        for _ in 0..<Fuzzing.rounds(3000) {
            let text = Self.randomValue(depth: 0, using: &generator)
            #expect(Self.accepts(text, as: .any), "\(text)")
            var bytes = Array(text.utf8)
            for _ in 0..<4 {
                Self.mutate(&bytes, using: &generator)
                guard let expected = Self.foundationAccepts(bytes, as: .any) else { continue }
                let isAccepted = Self.reason(bytes, as: .any) == nil
                #expect(isAccepted == expected, "\(String(decoding: bytes, as: UTF8.self))")
                if isAccepted { validCount += 1 } else { invalidCount += 1 }
            }
        }
        #expect(validCount > 100)
        #expect(invalidCount > 100)
    }

    @Test("A text that is cut anywhere ends too early")
    func truncation() {
        var generator = SeededGenerator("cut JSON")
        var texts = [#""äö€𝄞\u00e9\ud83d\ude00""#, "true", "null", "false", #"[-1.5e+10,"\"",{"a":[]}]"#, "{\"é\":1}"]
        for _ in 0..<Fuzzing.rounds(300) { texts.append(Self.randomObject(depth: 0, using: &generator)) }
        for text in texts {
            let bytes = Array(text.utf8)
            for count in 0..<bytes.count {
                let reason = Self.reason(Array(bytes[..<count]), as: .any)
                #expect(reason == .end, "the first \(count) bytes of \(text)")
            }
        }
        // Nobody can tell that of a number that has a digit left.
        #expect(Self.reason(Array("-1".utf8), as: .any) == nil)
        for text in ["-", "1.", "1e", "1e+"] { #expect(Self.reason(Array(text.utf8), as: .any) == .end) }
    }

    /// Nil where the two differ on purpose: NUL, surrogates, byte order marks, numbers that `Double` cannot hold.
    private static func foundationAccepts(_ bytes: [UInt8], as root: JSONScanner.Root = .object) -> Bool? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard !bytes.contains(0), !text.contains("\\u"), !text.contains("\u{FEFF}") else { return nil }
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        guard text.firstMatch(of: /[0-9][eE]/) == nil, text.firstMatch(of: /[0-9]{15}/) == nil else { return nil }
        // Foundation lets a list or an object end with a comma, which the grammar does not.
        guard text.firstMatch(of: /,[ \t\r\n]*[\]}]/) == nil else { return nil }
        let value = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        return root == .any ? value != nil : value is [String: Any]
    }

    private static func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        let alphabet = Array("{}[]\",:\\0123456789.-+eEtfnul \n\t\u{1}ü/x".utf8)
        let index = Int.random(in: 0..<max(bytes.count, 1), using: &generator)
        let byte = alphabet.randomElement(using: &generator) ?? 0x20
        switch Int.random(in: 0..<4, using: &generator) {
        case 0 where !bytes.isEmpty: bytes.remove(at: index)
        case 1 where !bytes.isEmpty: bytes[index] = byte
        case 2 where bytes.count > 1:
            bytes.swapAt(index, Int.random(in: 0..<bytes.count, using: &generator))
        default: bytes.insert(byte, at: min(index, bytes.count))
        }
    }

    private static func randomObject(depth: Int, using generator: inout SeededGenerator) -> String {
        let space = [" ", "", "", "\n", "\t "].randomElement(using: &generator) ?? ""
        let members = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
            "\(randomString(using: &generator))\(space):\(randomValue(depth: depth + 1, using: &generator))\(space)"
        }
        return "{\(space)\(members.joined(separator: ",\(space)"))}"
    }

    private static func randomValue(depth: Int, using generator: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<(depth < 4 ? 9 : 7), using: &generator) {
        case 0: return "true"
        case 1: return "false"
        case 2: return "null"
        case 3: return "\(Int.random(in: -1000...1000, using: &generator))"
        case 4: return "\(Int.random(in: 0...99, using: &generator)).\(Int.random(in: 0...99, using: &generator))"
        case 5, 6: return randomString(using: &generator)
        case 7: return randomObject(depth: depth, using: &generator)
        default:
            let items = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                randomValue(depth: depth + 1, using: &generator)
            }
            return "[\(items.joined(separator: ", "))]"
        }
    }

    private static func randomString(using generator: inout SeededGenerator) -> String {
        let parts = ["a", "b c", "ü", "€", "𝄞", "\\n", "\\\"", "\\\\", "\\u00e9", "\\ud83d\\ude00", "long long text"]
        let text = (0..<Int.random(in: 0...5, using: &generator)).map { _ in
            parts.randomElement(using: &generator) ?? ""
        }
        return "\"\(text.joined())\""
    }
}
