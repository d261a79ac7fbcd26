import Foundation
import TestSupport
import Testing

@testable import LacunaModel
@testable import LacunaRecords

/// Random and mutated documents. `LACUNA_FUZZ` says how many.
@Suite("Records: under random input", .timeLimit(.minutes(30)))
struct RecordFuzzTests {
    private static let pieces = [
        "{", "}", "[", "]", "\"", ",", ":", "\\", "\\n", "\\u0000", "\\ud83d", "\\u00e9", "\n", "\r", "\r\n", "\t", " ",
        "id", "\"id\":", "0",
        "1", "-", "1e400", "9223372036854775808", "01", "null", "true", "NaN", "\u{0}", "\u{FEFF}", "é", "🐎",
        "\u{2028}", "'", "\\.", "\"\"",
    ]

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        for _ in 0...Int.random(in: 0...3, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            let length = Int.random(in: 0...min(9, bytes.count - place), using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeSubrange(place..<place + length)
            case 1: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
            case 2 where !bytes.isEmpty: bytes[min(place, bytes.count - 1)] = UInt8.random(in: 0...255, using: &random)
            default: bytes.insert(contentsOf: (pieces.randomElement(using: &random) ?? "").utf8, at: place)
            }
        }
    }

    /// What comes of a document, in whatever chunks it comes; nil and the error where it is refused.
    private static func outcome(_ format: RecordFormat, _ bytes: [UInt8], _ chunks: [Int]) -> (
        taken: Intake?, error: String
    ) {
        do {
            return (try Intake(try intake(format, [bytes], chunks: chunks)), "")
        } catch {
            #expect(error is RecordError)
            return (nil, "\(error)")
        }
    }

    /// Line ends inside an object become spaces.
    private static func withoutSpace(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { !" \t\r\n".unicodeScalars.contains($0) }))
    }

    private static func sizes(_ random: inout SeededGenerator) -> [Int] {
        (0..<4).map { _ in Int.random(in: 1...30, using: &random) }
    }

    @Test(
        "NDJSON is refused, or kept as lines that Foundation reads the same, in whatever chunks it comes")
    func ndjson() throws {
        var random = SeededGenerator("NDJSON")
        var taken = 0
        for _ in 0..<Fuzzing.rounds(3000) {
            let lines = (0..<Int.random(in: 1...4, using: &random)).map { number in
                let more =
                    ["1.50", "\"a\\\"b\"", "[1, {\"x\": null}]", "\"é\"", "true"].randomElement(using: &random) ?? ""
                return "{\"id\": \(number), \"v\": \(more)}"
            }
            var bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
            if Int.random(in: 0..<6, using: &random) > 0 { Self.mutate(&bytes, &random) }
            let whole = Self.outcome(.ndjson, bytes, [.max])
            let cut = Self.outcome(.ndjson, bytes, Self.sizes(&random))
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(whole.taken == cut.taken && whole.error == cut.error, "\(whole) is not \(cut): \(text)")
            #expect(whole.error.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
            if let one = whole.taken {
                taken += 1
                let kept = one.text.utf8.split(separator: UInt8(ascii: "\n")).map { String(Substring($0)) }
                #expect(kept.count == one.recordCount)
                for line in kept {
                    #expect(Self.withoutSpace(text).contains(Self.withoutSpace(line)), "\(text)")
                    // The numbers that a Double cannot hold are Foundation's limit.
                    guard line.firstMatch(of: /[0-9][eE]|[0-9]{15}/) == nil else { continue }
                    #expect(throws: Never.self, "\(line)") { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
                }
            }
        }
        #expect(taken > 100)
    }

    @Test("CSV is refused, or means what a simple reader takes it for, in whatever chunks it comes")
    func csv() throws {
        var random = SeededGenerator("CSV")
        var taken = 0
        for _ in 0..<Fuzzing.rounds(3000) {
            let rows = (0..<Int.random(in: 0...4, using: &random)).map { number in
                let more =
                    ["", "\"\"", "a", "\"a,b\"", "\"x\"\"y\"", "\"l1\nl2\"", "é"].randomElement(using: &random) ?? ""
                return "\(number),\(more)"
            }
            let end = Bool.random(using: &random) ? "\n" : "\r\n"
            var bytes = Array(((["id,v"] + rows).joined(separator: end) + end).utf8)
            if Int.random(in: 0..<6, using: &random) > 0 { Self.mutate(&bytes, &random) }
            let whole = Self.outcome(.csv, bytes, [.max])
            let cut = Self.outcome(.csv, bytes, Self.sizes(&random))
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(
                whole.taken == cut.taken && whole.error == cut.error, "\(whole) is not \(cut): \(text.debugDescription)"
            )
            if let one = whole.taken {
                taken += 1
                var meant = Self.rows(text)
                let header = meant.removeFirst()
                #expect(header.map { $0 ?? "" } == one.fields, "\(text.debugDescription)")
                #expect(Self.rows(one.text) == meant, "\(text.debugDescription) is not \(one.text.debugDescription)")
                #expect(one.recordCount == meant.count)
            }
        }
        #expect(taken > 100)
    }

    /// The rows of CSV, character by character; NULL for an empty field without quotes.
    private static func rows(_ text: String) -> [[String?]] {
        var rows: [[String?]] = []
        var row: [String?] = []
        var field = ""
        var isQuoted = false
        var wasQuoted = false
        let scalars = Array(text.unicodeScalars)
        var index = scalars.first == "\u{FEFF}" ? 1 : 0
        func end() {
            row.append(field.isEmpty && !wasQuoted ? nil : field)
            (field, wasQuoted) = ("", false)
        }
        func endRow() {
            end()
            // A line without anything is none.
            if row != [nil] { rows.append(row) }
            row = []
        }
        while index < scalars.count {
            let scalar = scalars[index]
            let next = index + 1 < scalars.count ? scalars[index + 1] : nil
            switch scalar {
            case "\"" where isQuoted && next == "\"":
                field.unicodeScalars.append(scalar)
                index += 1
            case "\"":
                isQuoted.toggle()
                wasQuoted = true
            case "," where !isQuoted: end()
            case "\n" where !isQuoted: endRow()
            case "\r" where !isQuoted && next == "\n": break
            default: field.unicodeScalars.append(scalar)
            }
            index += 1
        }
        if !row.isEmpty || !field.isEmpty { endRow() }
        return rows
    }
}
