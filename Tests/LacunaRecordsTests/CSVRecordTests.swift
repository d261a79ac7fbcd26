import TestSupport
import Testing

@testable import LacunaModel
@testable import LacunaRecords

@Suite("Records: CSV")
struct CSVRecordTests {
    /// Everything that CSV may hold: quotes, escapes, line ends inside quotes, NULL, empty strings, all lengths of UTF-8.
    static let richRows = [
        "id,name,note\r\n",
        "1,plain,\r\n",
        "2,\"quoted, with comma\",\"\"\n",
        "\n",
        "\"3\",\"two\nlines\r\nand a third\",\"she said \"\"no\"\"\"\n",
        "4,äöü€𝄞,\\.\n",
        "5,\"\"\"\",\"\"\"\"\"\"\r\n",
        "7,a long field without quotes that spans several words of the machine,x\n",
    ]
    static let rich = richRows.joined()

    static let richSpool = [
        "1,plain,\n",
        "2,\"quoted, with comma\",\"\"\n",
        "\"3\",\"two\nlines\r\nand a third\",\"she said \"\"no\"\"\"\n",
        "4,äöü€𝄞,\\.\n",
        "5,\"\"\"\",\"\"\"\"\"\"\n",
        "7,a long field without quotes that spans several words of the machine,x\n",
    ].joined()

    @Test("Rows go to the spool as they came, without header and with line feeds")
    func richDocument() throws {
        let records = try intake(.csv, Self.rich)
        #expect(try records.text() == Self.richSpool)
        #expect(records.recordCount == 6)
        #expect(records.fields == ["id", "name", "note"])
        #expect(records.units.ranges == [1..<6, 7..<8])
        #expect(records.keysAreExact)
        #expect(records.byteCount == Self.richSpool.utf8.count)
        #expect(records.format == .csv)
    }

    @Test("It does not matter where the chunks end", arguments: [[1], [2], [3], [7, 1], [64, 3]])
    func chunks(sizes: [Int]) throws {
        let whole = try Intake(intake(.csv, Self.rich))
        let document = Array(("\u{FEFF}" + Self.rich).utf8)
        #expect(try Intake(intake(.csv, [document], chunks: sizes)) == whole)
    }

    @Test("A document may be cut in two at any byte")
    func everySplit() throws {
        let document = Array(Self.rich.utf8)
        let whole = try Intake(intake(.csv, [document]))
        for split in 1..<document.count {
            #expect(try Intake(intake(.csv, [document], chunks: [split, .max])) == whole, "split at \(split)")
        }
    }

    @Test("A document that is truncated at any byte is refused, or holds the rows before a row's end")
    func truncation() throws {
        let document = Array(Self.rich.utf8)
        var rowEnds: [Int: Int] = [:]
        var length = 0
        for (index, row) in Self.richRows.enumerated() {
            length += row.utf8.count
            // The header is no record, nor is the blank line behind the second.
            rowEnds[length] = index < 3 ? index : index - 1
        }
        for cut in 0..<document.count {
            let prefix = Array(document[..<cut])
            if let count = rowEnds[cut] {
                let records = try intake(.csv, [prefix])
                #expect(records.recordCount == count, "cut at \(cut)")
                #expect(Self.richSpool.hasPrefix(try records.text()), "cut at \(cut)")
            } else {
                let kind = refusal(.csv, [prefix])?.kind
                #expect(kind == (cut == 0 ? .emptyHeader : .truncated), "cut at \(cut)")
            }
        }
    }

    @Test("A last row without line end is taken where the document is proven to be whole")
    func provenLength() throws {
        let document = Array("id,name\n1,abc".utf8)
        #expect(
            refusal(.csv, [document])?.description
                == "record 1 (line 2): the document ends inside this row: the last row too must end with a line end")
        #expect(try intake(.csv, [document], lengthIsProven: true).text() == "1,abc\n")
        #expect(refusal(.csv, [Array("id,name\n1,\"abc".utf8)], lengthIsProven: true)?.kind == .truncated)
        #expect(try intake(.csv, [Array("id,name".utf8)], lengthIsProven: true).recordCount == 0)
    }

    @Test(
        "What is wrong with a document is told",
        arguments: [
            ("id,name\n1,a\n17,b,c\n", .malformedCSV, "record 2 (line 3): number of fields is 3, that of the header 2"),
            ("id,name\n1\n", .malformedCSV, "record 1 (line 2): number of fields is 1, that of the header 2"),
            (
                "id,name\n1,a\"b\"\n", .malformedCSV,
                "record 1 (line 2): field 'name' has a quote inside a field that does not start with one"
            ),
            (
                "id,name\n1,\"a\"b\n", .malformedCSV,
                "record 1 (line 2): field 'name' has text after its closing quote"
            ),
            (
                "id,name\n1,a\rb\n", .malformedCSV,
                "record 1 (line 2): field 'name' has a carriage return outside quotes that no line feed follows"
            ),
            (
                "id,name\n1,\"a\"\r\r\n", .malformedCSV,
                "record 1 (line 2): field 'name' has a carriage return outside quotes that no line feed follows"
            ),
            (
                "id,name\n1,\"x\ny\"\n1000,b\n", .keyOutsideWindow,
                "record 2 (line 4): key '1000' lies outside the window 0–999"
            ),
            (
                "id,name\n1,a\n,b\n", .missingKey,
                "record 2 (line 3): key field 'id' is NULL, expected a whole number"
            ),
            ("id\n1\n\n", .missingKey, "record 2 (line 3): key field 'id' is NULL, expected a whole number"),
            (
                "id,name\n\"\",a\n", .unreadableKey,
                "record 1 (line 2): key '' in field 'id' is not a whole number"
            ),
            (
                "id,name\n1.5,a\n", .unreadableKey,
                "record 1 (line 2): key '1.5' in field 'id' is not a whole number"
            ),
            (
                "id,name\nid,name\n", .unreadableKey,
                "record 1 (line 2): key 'id' in field 'id' is not a whole number"
            ),
            ("", .emptyHeader, "line 1: expected CSV with a header, found nothing"),
            ("\n1,2\n", .emptyHeader, "line 1: column 1 of the header has no name"),
            ("id,,x\n", .emptyHeader, "line 1: column 2 of the header has no name"),
            ("id,name,id\n", .duplicateColumn, "line 1: the header has column 'id' twice"),
            (
                "<!DOCTYPE html>\n<html>\n", .missingKeyColumn,
                "line 1: the header has no key column 'id': found '<!DOCTYPE html>'"
            ),
            (
                "id,n\"a\"me\n", .malformedCSV,
                "line 1: the header has a quote inside a field that does not start with one"
            ),
            ("id,na\u{0}me\n", .nulByte, "line 1: the header has a NUL byte, which PostgreSQL cannot hold"),
            (
                "id,name\n1,a\u{0}b\n", .nulByte,
                "record 1 (line 2): field 'name' has a NUL byte, which PostgreSQL cannot hold"
            ),
            (
                "id,name\n1,\"a\u{0}b\"\n", .nulByte,
                "record 1 (line 2): field 'name' has a NUL byte, which PostgreSQL cannot hold"
            ),
        ] as [(String, RecordError.Kind, String)]
    )
    func refusals(document: String, kind: RecordError.Kind, message: String) {
        let error = refusal(.csv, document)
        #expect(error?.kind == kind)
        #expect(error?.description == message)
    }

    @Test("Bytes that are not UTF-8 are refused with their field, in quotes and without, at any place of a word")
    func invalidUTF8() {
        let faults: [[UInt8]] = [
            [0x80], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82],
        ]
        for fault in faults {
            for padding in 0..<17 {
                let text = Array(repeating: UInt8(ascii: "x"), count: padding) + fault
                for (quote, end) in [("", "zzzzzzzzzzzz"), ("", ""), ("\"", "zzzzzzzzzzzz"), ("\"", "")] {
                    let document = Array("id,name,z\n1,\(quote)".utf8) + text + Array("\(quote),\(end)\n".utf8)
                    let error = refusal(.csv, [document])
                    #expect(error?.kind == .invalidUTF8)
                    #expect(error?.field == "name")
                }
            }
        }
    }

    @Test("Later documents bring the same header; another one is refused")
    func severalDocuments() throws {
        let first = Array("id,name\n1,a\n".utf8)
        let second = Array("\u{FEFF}\"id\",name\r\n2,b\r\n".utf8)
        let records = try intake(.csv, [first, second], chunks: [3])
        #expect(try records.text() == "1,a\n2,b\n")
        #expect(records.recordCount == 2)

        let swapped = refusal(.csv, [first, Array("name,id\nb,2\n".utf8)])
        #expect(swapped?.kind == .headerChanged)
        #expect(
            swapped?.description
                == "document 2, line 1: column 1 of the header is 'name' where the first one had 'id'")
        let wider = refusal(.csv, [first, Array("id,name,more\n".utf8)])
        #expect(wider?.description == "document 2, line 1: the header has 3 columns where the first one had 2")
        let stray = refusal(.csv, [first, Array("id,name\n2,b\n-1,c\n".utf8)])
        #expect(
            stray?.description
                == "record 3 (document 2, line 3): key '-1' lies outside the window 0–999")
    }

    @Test("Rows of another window or partition are passed over where the source says so")
    func skipping() throws {
        let document = "id,region\n5,gb\n10,gb\n11,\"ire\"\n12,gb\n19,\"gb\"\n20,gb\n13,\n"
        let records = try intake(.csv, document, layout: layout(10..<20, partition: ["region": "gb"], stray: .skip))
        #expect(try records.text() == "10,gb\n12,gb\n19,\"gb\"\n")
        #expect(records.skippedCount == 4)
        #expect(records.recordCount == 3)
        #expect(records.units.ranges == [10..<11, 12..<13, 19..<20])
        #expect(records.lacksPartitionFields.isEmpty)

        // What cannot be read is no stray.
        let bad = "id,region\n5,gb\nx,gb\n"
        #expect(refusal(.csv, bad, layout: layout(10..<20, stray: .skip))?.kind == .unreadableKey)
        #expect(refusal(.csv, "id,region\n,gb\n", layout: layout(10..<20, stray: .skip))?.kind == .missingKey)
    }

    @Test("A partition value is compared by content, and NULL is none")
    func partitions() throws {
        let quoted = try intake(.csv, "id,r\n1,\"a\"\"b\"\n", layout: layout(partition: ["r": "a\"b"]))
        #expect(quoted.recordCount == 1)
        #expect(try intake(.csv, "id,r\n1,\"\"\n", layout: layout(partition: ["r": ""])).recordCount == 1)
        let null = refusal(.csv, "id,r\n1,\n", layout: layout(partition: ["r": ""]))
        #expect(null?.description == "record 1 (line 2): field 'r' is NULL, expected ''")
        let other = refusal(.csv, "id,r\n1,ire\n", layout: layout(partition: ["r": "gb"]))
        #expect(other?.kind == .wrongPartition)
        #expect(other?.description == "record 1 (line 2): field 'r' is 'ire', expected 'gb'")
        let absent = try intake(.csv, "id\n1\n", layout: layout(partition: ["r": "gb", "id": "1"]))
        #expect(absent.lacksPartitionFields == ["r"])
    }

    @Test("A row that COPY takes for the end of its data is quoted")
    func endOfCopy() throws {
        let spool = Spool(memoryLimit: 100)
        for row in ["\\.", "\\.,x", "\\"] {
            try Array(row.utf8).withUnsafeBytes { try CSVIntake.emit($0, to: spool) }
        }
        var scratch = RawBuffer()
        var text = ""
        try spool.finish().withBytes(at: 0, size: 100, scratch: &scratch) { text = String(decoding: $0, as: UTF8.self) }
        #expect(text == "\"\\.\"\n\\.,x\n\\\n")
    }

    @Test("A record that is larger than the limit is refused, whether it comes whole or in chunks")
    func sizeLimit() throws {
        let limited = layout(recordByteLimit: 20)
        let fits = "id,name\n1," + String(repeating: "x", count: 18) + "\n"
        #expect(try intake(.csv, fits, layout: limited).recordCount == 1)
        let document = Array(("id,name\n1," + String(repeating: "x", count: 19) + "\n").utf8)
        #expect(
            refusal(.csv, [document], layout: limited)?.description
                == "record 1 (line 2): is larger than the limit of 20 bytes")
        for size in 1..<document.count {
            let error = #expect(throws: RecordError.self) {
                try intake(.csv, [document], layout: limited, chunks: [size])
            }
            #expect(error?.kind == .recordTooLarge)
        }
        let open = refusal(.csv, "id,name\n1,\"xx\n2,yyyyyyyyyyyyyyyyyyyyyyyyyyyy\n", layout: limited)
        #expect(
            open?.description == "record 1 (line 2): is larger than the limit of 20 bytes"
                + "; a quoted field is still open, its quote may be a stray one")
    }

    @Test("A record has at most 16 MiB unless told otherwise")
    func defaultLimit() throws {
        let standard = layout()
        #expect(standard.recordByteLimit == 16 * 1024 * 1024)
        let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        let sink = RecordSink(layout: standard)
        try sink.begin(.csv)
        try sink.write(Array("id,name\n1,".utf8))
        for _ in 0..<15 { try sink.write(chunk) }
        let error = #expect(throws: RecordError.self) {
            try sink.write(chunk)
            try sink.write(chunk)
        }
        #expect(error?.kind == .recordTooLarge)
    }

    @Test("Space around a key is passed over, as PostgreSQL does")
    func paddedKey() throws {
        let records = try intake(.csv, "id,name\n 5 ,a\n\" 6\",b\n")
        #expect(try records.text() == " 5 ,a\n\" 6\",b\n")
        #expect(records.units.ranges == [5..<7])
        #expect(refusal(.csv, "id,name\n  ,a\n")?.kind == .unreadableKey)
        #expect(refusal(.csv, "id,name\n5 6,a\n")?.kind == .unreadableKey)
    }

    @Test("More columns than any table has are refused")
    func columnLimit() {
        let names = (0...CSVScanner.fieldLimit).map { "c\($0)" }.joined(separator: ",")
        #expect(refusal(.csv, "id,\(names)\n")?.kind == .tooManyFields)
        let row = String(repeating: ",", count: CSVScanner.fieldLimit * 2)
        #expect(refusal(.csv, "id,name\n1\(row)\n")?.kind == .malformedCSV)
    }

    @Test("Random rows survive random cuts")
    func randomRows() throws {
        var generator = SeededGenerator(seed: 42)
        let alphabet: [Character] = ["a", ",", "\"", "\n", "\r", "é", "\\", ".", " ", "𝄞"]
        for _ in 0..<200 {
            var document = "id,x,y\n"
            var count = 0
            for id in 0..<Int.random(in: 0...8, using: &generator) {
                let fields = (0..<2).map { _ -> String in
                    let text = String(
                        (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                            alphabet.randomElement(using: &generator) ?? "a"
                        })
                    let mustQuote = text.unicodeScalars.contains { ",\"\n\r".unicodeScalars.contains($0) }
                    guard mustQuote || Bool.random(using: &generator) else { return text }
                    return "\"" + text.replacing("\"", with: "\"\"") + "\""
                }
                document += "\(id),\(fields.joined(separator: ","))\n"
                count += 1
            }
            let bytes = Array(document.utf8)
            let sizes = (0..<5).map { _ in Int.random(in: 1...20, using: &generator) }
            let records = try intake(.csv, [bytes], chunks: sizes)
            #expect(records.recordCount == count)
            #expect(try "id,x,y\n" + records.text() == document)
        }
    }
}
