import TestSupport
import Testing

@testable import LacunaRecords

@Suite("The key of a record that is not valid")
struct DamagedRecordTests {
    @Test(
        "is found in JSON if it is whole and there once",
        arguments: [
            (#"{"n": 42, "v": NaN}"#, "42"), (#"{"v": NaN, "n": 42}"#, "42"), (#"{"v": "\ud800", "n": 42}"#, "42"),
            (#"{"v": "\u0000", "n": "a b" }"#, "a b"), (#"{"v": {"n": 1}, "n":42,}"#, "42"),
            (#"{"v": "}\"{", "n":42, x}"#, "42"), (#"{"n":42,"n":42,x}"#, "42"),
            // Cut off, it may be the beginning of another.
            (#"{"v":1,"n":42"#, nil), (#"{"n":"42"#, nil), (#"{"n":4{"n":42}"#, nil), (#"{"n":"#, nil),
            // Of which of two records it is the key nobody knows.
            (#"{"n":1}{"n":2}"#, nil), (#"{"n":1,"n":2,x}"#, nil),
            (#"{"v":"abc,"n":42}"#, nil), (#"{"v":{"n":42}}"#, nil), (#"{"m":42,x}"#, nil), ("n", nil), ("", nil),
            (#"{"n":"4\u0032",x}"#, nil), (#"["n",42]"#, nil),
        ] as [(String, String?)])
    func json(record: String, key: String?) {
        let found = Array(record.utf8).withUnsafeBytes { DamagedRecord.key(ofJSON: $0, field: "n") }
        #expect(found == key)
    }

    @Test(
        "is found in CSV if its field stands in its place",
        arguments: [
            ("42,caf\u{E9}", 0, 2, "42"), ("x,42,y", 1, 3, "42"), ("\"42\",\"a\"b", 0, 2, "42"),
            ("\"a,b\"c,42", 1, 2, "42"),
            // Too many or too few: only the first is sure, and only if another follows.
            ("42,a,b", 0, 2, "42"), ("a,42,b", 1, 2, nil), ("42", 0, 2, nil), ("a,42", 1, 3, nil),
            // A quote too many swallows other rows.
            ("42,\"a\n43,b\"", 0, 2, nil), ("42,\"a", 0, 2, nil), ("4\"2,a", 0, 2, nil), ("", 0, 2, nil),
            (",a", 0, 2, nil),
        ] as [(String, Int, Int, String?)])
    func csv(row: String, column: Int, count: Int, key: String?) {
        let found = Array(row.utf8).withUnsafeBytes { DamagedRecord.key(ofCSV: $0, column: column, of: count) }
        #expect(found == key)
    }

    @Test("is not searched beyond the end of a record, whatever is in it")
    func fuzz() {
        var random = SeededGenerator("damaged records")
        let pieces: [[UInt8]] =
            [
                "{", "}", "[", "]", "\"", "\\", ",", ":", "n", "\"n\"", " ", "42", "\n", "null", "\\u0000", "\"n\":42",
            ].map { Array($0.utf8) } + [[0], [0xE9], [0xFF]]
        for _ in 0..<Fuzzing.rounds(20_000) {
            let bytes = (0..<Int.random(in: 0...12, using: &random)).flatMap { _ in
                pieces.randomElement(using: &random) ?? []
            }
            bytes.withUnsafeBytes { bytes in
                if let key = DamagedRecord.key(ofJSON: bytes, field: "n") { #expect(!key.isEmpty) }
                if let key = DamagedRecord.key(ofCSV: bytes, column: 1, of: 3) { #expect(!key.isEmpty) }
            }
        }
    }
}
