import TestSupport
import Testing

@testable import LacunaModel
@testable import LacunaRecords

@Suite("Records: rows and units")
struct RowSplitterTests {
    @Test("Rows of a CSV file are found with their offset, line and fields, wherever it is cut", arguments: 1..<40)
    func offsets(chunkSize: Int) throws {
        let document = Array("\u{FEFF}id,x\r\n1,\"a\nb\"\n\n2,\"c\"\"d\",\n3,z".utf8)
        var splitter = RowSplitter(.csv, limit: 100)
        var scanner = CSVScanner()
        var found: [String] = []
        try document.withUnsafeBytes { all in
            for start in stride(from: 0, to: all.count, by: chunkSize) {
                splitter.feed(UnsafeRawBufferPointer(rebasing: all[start..<min(start + chunkSize, all.count)]))
                while let row = try splitter.next() {
                    #expect(Array(row.bytes) == Array(all[row.offset..<row.offset + row.bytes.count]))
                    try scanner.scan(row.bytes, hasQuotes: row.hasQuotes)
                    let fields = (0..<scanner.count).map { scanner.field($0).isNull ? "NULL" : scanner.text($0) }
                    found.append("\(row.offset):\(row.line):\(fields.joined(separator: "|"))")
                }
            }
            let hasRest = splitter.hasRest
            #expect(hasRest)
            let rest = try #require(try splitter.end())
            #expect(Array(rest.bytes) == Array("3,z".utf8))
            #expect(rest.offset == 28)
            #expect(rest.ending == .none)
        }
        #expect(found == ["3:1:id|x", "9:2:1|a\nb", "17:4:NULL", "18:5:2|c\"d|NULL"])
    }

    @Test("The document after an end starts at offset 0 and line 1")
    func nextDocument() throws {
        var splitter = RowSplitter(.csv, limit: 100)
        for _ in 0..<2 {
            try Array("\u{FEFF}a\n\"b".utf8).withUnsafeBytes { chunk in
                splitter.feed(chunk)
                let row = try #require(try splitter.next())
                #expect(row.offset == 3)
                #expect(row.line == 1)
                #expect(try splitter.next() == nil)
            }
            let rest = try #require(try splitter.end())
            #expect(rest.ending == .insideQuotes)
            let hasStarted = splitter.hasStarted
            #expect(!hasStarted)
        }
    }

    @Test("Unsorted units with repetitions make the same set as sorted ones")
    func unsortedUnits() {
        var generator = SeededGenerator(seed: 11)
        for size in [0, 1, 2, 5000, 30_000] {
            let units = (0..<size).map { _ in Int64.random(in: -20_000...20_000, using: &generator) }
            var collector = UnitCollector()
            for unit in units { collector.insert(unit) }
            #expect(collector.finish() == UnitSet(units.map { $0..<$0 + 1 }))
        }
    }

    @Test(
        "The ends of the number range are units",
        arguments: [[Int64.min, 0, .max - 1], [.max - 1, 0, .min], [0]] as [[Int64]])
    func extremeUnits(units: [Int64]) {
        var collector = UnitCollector()
        for unit in units { collector.insert(unit) }
        #expect(collector.finish() == UnitSet(units.map { $0..<$0 + 1 }))
    }

    @Test("Records whose keys come in any order give their units")
    func unsortedRecords() throws {
        let ids = [9, 3, 4, 9, 8, 3, 1]
        let document = "id\n" + ids.map { "\($0)\n" }.joined()
        #expect(try intake(.csv, document).units.ranges == [1..<2, 3..<5, 8..<10])
    }
}
