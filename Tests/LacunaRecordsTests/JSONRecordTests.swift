import TestSupport
import Testing

@testable import LacunaModel
@testable import LacunaRecords

@Suite("Records: NDJSON")
struct JSONRecordTests {
    static let rich = [
        "\u{FEFF}{\"id\":1,\"name\":\"plain\"}\r\n",
        "  \t\n",
        "{\"name\": \"\\u00e4 \\ud834\\udd1e äöü€𝄞 \\\"quoted\\\"\", \"id\" : \"2\"}\n",
        "\n",
        "\t{\"id\":3,\"deep\":{\"id\":999999,\"a\":[1,-0.5e+10,{\"b\":[]},true,null]},\"big\":12345678901234567890.10}\n",
        "{\"\\u0069d\":\"\\u0034\",\"empty\":{},\"none\":[ ]}",
    ].joined()

    static let richSpool = [
        "{\"id\":1,\"name\":\"plain\"}\n",
        "{\"name\": \"\\u00e4 \\ud834\\udd1e äöü€𝄞 \\\"quoted\\\"\", \"id\" : \"2\"}\n",
        "{\"id\":3,\"deep\":{\"id\":999999,\"a\":[1,-0.5e+10,{\"b\":[]},true,null]},\"big\":12345678901234567890.10}\n",
        "{\"\\u0069d\":\"\\u0034\",\"empty\":{},\"none\":[ ]}\n",
    ].joined()

    @Test("Objects go to the spool byte for byte, one a line")
    func richDocument() throws {
        let records = try intake(.ndjson, Self.rich)
        #expect(try records.text() == Self.richSpool)
        #expect(records.recordCount == 4)
        #expect(records.fields == ["id", "name", "deep", "big", "empty", "none"])
        #expect(records.units.ranges == [1..<5])
        #expect(records.keysAreExact)
    }

    @Test("It does not matter where the chunks end", arguments: [[1], [2], [3], [7, 1], [64, 3]])
    func chunks(sizes: [Int]) throws {
        let whole = try Intake(intake(.ndjson, Self.rich))
        #expect(try Intake(intake(.ndjson, [Array(Self.rich.utf8)], chunks: sizes)) == whole)
    }

    @Test("A document that is truncated at any byte is refused, or holds the whole objects before the cut")
    func truncation() throws {
        let document = Array(Self.rich.utf8)
        var taken = 0
        for cut in 0..<document.count {
            let prefix = Array(document[..<cut])
            if let records = try? intake(.ndjson, [prefix]) {
                taken += 1
                #expect(Self.richSpool.hasPrefix(try records.text()), "cut at \(cut)")
                let text = String(decoding: prefix, as: UTF8.self)
                let rest = text.drop { $0 == "\u{FEFF}" }.split(whereSeparator: \.isNewline).last ?? ""
                #expect(rest.last(where: { $0 != " " && $0 != "\t" }) ?? "}" == "}" || cut < 3, "cut at \(cut)")
            } else {
                let kind = refusal(.ndjson, [prefix])?.kind
                #expect(kind == .truncated || kind == .malformedJSON && cut < 3, "cut at \(cut)")
            }
        }
        #expect(taken < 20)
    }

    @Test(
        "What is wrong with a record is told",
        arguments: [
            (
                "{\"id\":1}\n{\"id\":1000}\n", .keyOutsideWindow,
                "record 2 (line 2): key '1000' lies outside the window 0–999"
            ),
            (
                "{\"id\":1,\"a\":tru}\n", .malformedJSON,
                "record 1 (line 1): is not a JSON object: expected true, false or null "
                    + "at byte 16 of the record at or after field 'a'"
            ),
            (
                "\n\n{\"id\":1,}\n", .malformedJSON,
                "record 1 (line 3): is not a JSON object: expected a field name in double quotes "
                    + "at byte 9 of the record at or after field 'id'"
            ),
            (
                "[{\"id\":1}]\n", .malformedJSON,
                "record 1 (line 1): is not a JSON object: expected an object that starts with '{' "
                    + "at byte 1 of the record"
            ),
            (
                "{\"id\":1}{\"id\":2}\n", .malformedJSON,
                "record 1 (line 1): is not a JSON object: expected nothing after the object "
                    + "at byte 9 of the record at or after field 'id'"
            ),
            (
                "{\"id\":1,\n\"a\":2}\n", .malformedJSON,
                "record 1 (line 1): the line ends inside the object at or after field 'id': expected one object a line"
            ),
            (
                "{\"id\":1,\"a\":\"b", .truncated,
                "record 1 (line 1): the document ends inside this record at or after field 'a'"
            ),
            (
                "{\"a\":1}\n", .missingKey,
                "record 1 (line 1): key field 'id' is absent, expected a whole number"
            ),
            (
                "{\"id\":null}\n", .missingKey,
                "record 1 (line 1): key field 'id' is null, expected a whole number"
            ),
            (
                "{\"id\":true}\n", .unreadableKey,
                "record 1 (line 1): key field 'id' is of type boolean, expected a whole number"
            ),
            (
                "{\"id\":{\"id\":1}}\n", .unreadableKey,
                "record 1 (line 1): key field 'id' is of type object, expected a whole number"
            ),
            (
                "{\"id\":[1]}\n", .unreadableKey,
                "record 1 (line 1): key field 'id' is of type array, expected a whole number"
            ),
            (
                "{\"id\":1e2}\n", .unreadableKey,
                "record 1 (line 1): key '1e2' in field 'id' is not a whole number"
            ),
            (
                "{\"id\":9223372036854775808}\n", .unreadableKey,
                "record 1 (line 1): key '9223372036854775808' in field 'id' is not a whole number"
            ),
            (
                "{\"id\":\"1\\n2\"}\n", .unreadableKey,
                "record 1 (line 1): key '1\\u{a}2' in field 'id' is not a whole number"
            ),
            (
                "{\"id\":1,\"a\":\"\\u0000\"}\n", .nulByte,
                "record 1 (line 1): has a NUL character, which PostgreSQL cannot hold, "
                    + "at byte 14 of the record at or after field 'a'"
            ),
            (
                "{\"id\":1,\"a\":\"\u{0}\"}\n", .nulByte,
                "record 1 (line 1): has a NUL character, which PostgreSQL cannot hold, "
                    + "at byte 14 of the record at or after field 'a'"
            ),
            (
                "{\"id\":1,\u{0}}\n", .nulByte,
                "record 1 (line 1): has a NUL character, which PostgreSQL cannot hold, "
                    + "at byte 9 of the record at or after field 'id'"
            ),
            (
                "<html>\n", .malformedJSON,
                "record 1 (line 1): is not a JSON object: expected an object that starts with '{' "
                    + "at byte 1 of the record"
            ),
        ] as [(String, RecordError.Kind, String)]
    )
    func refusals(document: String, kind: RecordError.Kind, message: String) {
        let error = refusal(.ndjson, document)
        #expect(error?.kind == kind)
        #expect(error?.description == message)
    }

    @Test("Bytes that are not UTF-8 are refused with their field")
    func invalidUTF8() {
        let document = Array("{\"id\":1,\"a\":\"".utf8) + [0xE2, 0x28, 0xA1] + Array("\"}\n".utf8)
        let error = refusal(.ndjson, [document])
        #expect(error?.kind == .invalidUTF8)
        #expect(error?.field == "a")
    }

    @Test("A key that is not the first field, comes twice or is written in another way is found")
    func keys() throws {
        #expect(try intake(.ndjson, "{\"id\":5,\"id\":6}\n").units.ranges == [6..<7])
        #expect(refusal(.ndjson, "{\"id\":5,\"id\":null}\n")?.kind == .missingKey)
        #expect(refusal(.ndjson, "{\"id\":5,\"\\u0069d\":5000}\n")?.kind == .keyOutsideWindow)
        #expect(refusal(.ndjson, "{\"ID\":5}\n")?.kind == .missingKey)
        #expect(refusal(.ndjson, "{\"a\":{\"id\":5}}\n")?.kind == .missingKey)
        #expect(try intake(.ndjson, "{\"z\":{\"id\":5},\"id\":7}\n").units.ranges == [7..<8])
    }

    @Test("An object that is appended becomes one line, its tokens unchanged")
    func appending() throws {
        let sink = RecordSink(layout: layout())
        try sink.append(json: "\n{\n\t\"id\": 1.0e0,\r\n  \"id\": 10, \"t\": \"a b\\n\\\" \\\\\", \"n\": 1.50\n}\n")
        try sink.append(json: "{\"id\": 11, \"spaces\": [1, 2]}")
        try sink.append(json: "{\"id\":12}")
        let records = try sink.finish()
        #expect(
            try records.text() == """
                {"id":1.0e0,"id":10,"t":"a b\\n\\" \\\\","n":1.50}
                {"id": 11, "spaces": [1, 2]}
                {"id":12}

                """)
        #expect(records.units.ranges == [10..<13])
    }

    @Test("An appended text that is no object is refused", arguments: ["", " ", "1", "{}{}", "{", "[]", "{\"id\":1"])
    func appendingNonsense(text: String) {
        let error = #expect(throws: RecordError.self) { try RecordSink(layout: layout()).append(json: text) }
        #expect(error?.line == nil)
        #expect(error?.record == 1)
    }

    @Test("Appending in the middle of a line is refused")
    func appendingInsideALine() throws {
        let sink = RecordSink(layout: layout())
        try sink.write(Array("{\"id\":1}\n{\"id\"".utf8))
        let error = #expect(throws: RecordError.self) { try sink.append(json: "{\"id\":2}") }
        #expect(error?.kind == .truncated)
    }

    @Test("Partition values compare by content; numbers and booleans by their text")
    func partitions() throws {
        let gb = layout(partition: ["r": "gb"])
        #expect(try intake(.ndjson, "{\"id\":1,\"r\":\"g\\u0062\"}\n", layout: gb).recordCount == 1)
        #expect(try intake(.ndjson, "{\"id\":1,\"r\":7}\n", layout: layout(partition: ["r": "7"])).recordCount == 1)
        #expect(
            try intake(.ndjson, "{\"id\":1,\"r\":true}\n", layout: layout(partition: ["r": "true"])).recordCount == 1)
        #expect(
            refusal(.ndjson, "{\"id\":1,\"r\":\"ire\"}\n", layout: gb)?.description
                == "record 1 (line 1): field 'r' is 'ire', expected 'gb'")
        #expect(
            refusal(.ndjson, "{\"id\":1,\"r\":null}\n", layout: layout(partition: ["r": "null"]))?.description
                == "record 1 (line 1): field 'r' is NULL, expected 'null'")
        #expect(
            refusal(.ndjson, "{\"id\":1,\"r\":[]}\n", layout: layout(partition: ["r": "[]"]))?.kind
                == .wrongPartition)

        let skipping = layout(10..<20, partition: ["r": "gb", "s": "x"], stray: .skip)
        let records = try intake(
            .ndjson,
            "{\"id\":9,\"r\":\"gb\"}\n{\"id\":10,\"r\":\"gb\"}\n{\"id\":11,\"r\":\"ire\"}\n{\"r\":\"gb\",\"id\":19}\n",
            layout: skipping)
        #expect(records.recordCount == 2)
        #expect(records.skippedCount == 2)
        #expect(records.lacksPartitionFields == ["s"])
    }

    @Test("All records carry a partition field or none does")
    func unevenPartition() throws {
        let gb = layout(partition: ["r": "gb"])
        let later = refusal(.ndjson, "{\"id\":1,\"r\":\"gb\"}\n{\"id\":2}\n", layout: gb)
        #expect(later?.kind == .unevenPartitionField)
        #expect(later?.description == "record 2 (line 2): lacks field 'r', which the records before it have")
        let earlier = refusal(.ndjson, "{\"id\":2}\n{\"id\":1,\"r\":\"gb\"}\n", layout: gb)
        #expect(earlier?.description == "record 2 (line 2): has field 'r', which the records before it lack")
        #expect(try intake(.ndjson, "{\"id\":1}\n{\"id\":2}\n", layout: gb).lacksPartitionFields == ["r"])
    }

    @Test("Dates without hyphens and clock times without offset are kept, but not as exact keys")
    func approximateKeys() throws {
        var dates = layout(19_000..<20_000)
        dates.keyType = .date(timezone: .utc)
        let exact = try intake(.ndjson, "{\"id\":\"2023-01-01\"}\n{\"id\":\"2023-01-01\"}\n", layout: dates)
        #expect(exact.keysAreExact)
        #expect(exact.units.ranges == [19_358..<19_359])
        let compact = try intake(.ndjson, "{\"id\":\"2023-01-01\"}\n{\"id\":\"20230102\"}\n", layout: dates)
        #expect(!compact.keysAreExact)
        #expect(compact.units.ranges == [19_358..<19_360])
        #expect(
            refusal(.ndjson, "{\"id\":\"2023-01-01\"}\n{\"id\":\"2023-02-29\"}\n", layout: dates)?.kind
                == .unreadableKey)
    }

    @Test("Field names are gathered in whatever order they come")
    func fieldNames() throws {
        let names = (0..<300).map { "f\($0)" }
        var generator = SeededGenerator(seed: 7)
        var lines = ["{\"id\":0,\(names.map { "\"\($0)\":1" }.joined(separator: ","))}"]
        for id in 1..<50 {
            let some = names.shuffled(using: &generator).prefix(40)
            lines.append("{\(some.map { "\"\($0)\":1" }.joined(separator: ",")),\"id\":\(id)}")
        }
        let records = try intake(.ndjson, lines.joined(separator: "\n"))
        #expect(records.fields == ["id"] + names)
        #expect(records.units.ranges == [0..<50])

        let hostile = (0...FieldNames.limit).map { "\"n\($0)\":1" }.joined(separator: ",")
        #expect(refusal(.ndjson, "{\"id\":1,\(hostile)}\n")?.kind == .tooManyFields)
    }

    @Test("A record that is larger than the limit is refused, however it comes")
    func sizeLimit() throws {
        let limited = layout(recordByteLimit: 20)
        #expect(try intake(.ndjson, "{\"id\":1,\"a\":\"12345\"}\n", layout: limited).recordCount == 1)
        let large = "{\"id\":1,\"a\":\"123456\"}"
        #expect(refusal(.ndjson, large + "\n", layout: limited)?.kind == .recordTooLarge)
        #expect(refusal(.ndjson, large, layout: limited)?.kind == .recordTooLarge)
        let error = #expect(throws: RecordError.self) { try RecordSink(layout: limited).append(json: large) }
        #expect(error?.description == "record 1: is larger than the limit of 20 bytes")
    }

    @Test("After an error the sink takes nothing more")
    func failureSticks() throws {
        let sink = RecordSink(layout: layout())
        #expect(throws: RecordError.self) { try sink.append(json: "{\"id\":5000}") }
        let again = #expect(throws: RecordError.self) { try sink.append(json: "{\"id\":1}") }
        #expect(again?.kind == .keyOutsideWindow)
        #expect(throws: RecordError.self) { try sink.finish() }
    }

    @Test("A finished sink takes nothing more")
    func finishedSink() throws {
        let sink = RecordSink(layout: layout())
        try sink.append(json: "{\"id\":1}")
        _ = try sink.finish()
        #expect(throws: (any Error).self) { try sink.append(json: "{\"id\":1}") }
        #expect(throws: (any Error).self) { try sink.finish() }
    }

    @Test("The format cannot change once records came")
    func formatChange() throws {
        let sink = RecordSink(layout: layout())
        try sink.begin(.csv)
        try sink.begin(.ndjson)
        try sink.append(json: "{\"id\":1}")
        try sink.begin(.ndjson)
        let error = #expect(throws: RecordError.self) { try sink.begin(.csv) }
        #expect(error?.kind == .formatChanged)
        let csv = RecordSink(layout: layout())
        try csv.begin(.csv)
        #expect(throws: RecordError.self) { try csv.append(json: "{\"id\":1}") }
    }

    @Test("Nothing written is no records")
    func nothing() throws {
        for format in RecordFormat.allCases {
            let sink = RecordSink(layout: layout())
            try sink.begin(format)
            let records = try sink.finish()
            #expect(records.recordCount == 0)
            #expect(records.byteCount == 0)
            #expect(records.units.isEmpty)
            #expect(records.keysAreExact)
        }
    }

    @Test("A message shows at most 80 characters of a key, control characters escaped")
    func longKey() {
        let key = "\\u001b[31m\\u202e" + String(repeating: "ü", count: 5000)
        let error = refusal(.ndjson, "{\"id\":\"\(key)\"}\n")
        #expect(error?.text?.hasPrefix("\\u{1b}[31m\\u{202e}üü") == true)
        #expect(error?.text?.hasSuffix("ü…") == true)
        #expect((error?.description.count ?? 0) < 220)
    }
}
