import Foundation
import Lacuna
import LacunaSources
import TestSupport
import Testing

@Suite("A file source")
struct FileSourceTests {
    private func fixture(_ text: String, in directory: TestDirectory, name: String = "data.csv") throws -> SourceFixture
    {
        try directory.write(text, to: name)
        var settings = FileSettings(path: try Template(name))
        settings.directory = directory.url.path
        return SourceFixture(FileSource(settings))
    }

    @Test("gives a window's rows and passes over the others")
    func window() async throws {
        try await TestDirectory.with { directory in
            let fixture = try fixture("n,v\n" + (1...100).map { "\($0),v\($0)\n" }.joined(), in: directory)
            let (lines, skipped) = try await fixture.fetch(10..<13)
            #expect(lines == ["10,v10", "11,v11", "12,v12"])
            #expect(skipped == 97)
            #expect(try await fixture.tip() == "100")
        }
    }

    @Test("reads only the blocks that can hold the window")
    func blocks() async throws {
        try await TestDirectory.with { directory in
            let row = String(repeating: "x", count: 90)
            let fixture = try fixture("n,v\n" + (1...50_000).map { "\($0),\(row)\n" }.joined(), in: directory)
            let (lines, skipped) = try await fixture.fetch(25_000..<25_010)
            #expect(lines.count == 10)
            #expect(skipped < 10_000)
            let all = try await fixture.fetch(1..<50_001)
            #expect(all.lines.count == 50_000)
            #expect(all.skipped == 0)
        }
    }

    @Test("finds rows in any order, in NDJSON as in CSV, with and without a last line end")
    func shuffled() async throws {
        try await TestDirectory.with { directory in
            var numbers = Array(1...20_000)
            numbers.shuffle()
            let csv = try fixture("n\n" + numbers.map(String.init).joined(separator: "\n"), in: directory)
            #expect(Set(try await csv.fetch(500..<600).lines) == Set((500..<600).map(String.init)))
            let json = try fixture(
                numbers.map { #"{"v": "x", "n": \#($0)}"# }.joined(separator: "\n"), in: directory, name: "data.ndjson")
            #expect(try await json.fetch(500..<600).lines.count == 100)
            #expect(try await json.tip() == "20000")
        }
    }

    @Test("sees that the file has changed")
    func changes() async throws {
        try await TestDirectory.with { directory in
            let fixture = try fixture("n\n1\n2\n", in: directory)
            #expect(try await fixture.tip() == "2")
            try directory.write("n\n1\n2\n3\n", to: "data.csv")
            #expect(try await fixture.tip() == "3")
            #expect(try await fixture.fetch(3..<4).lines == ["3"])
        }
    }

    @Test("names the file and the line of a row that cannot be read")
    func badRow() async throws {
        try await TestDirectory.with { directory in
            let row = String(repeating: "x", count: 90)
            let text = "n,v\n" + (1...20_000).map { $0 == 15_000 ? "15000\n" : "\($0),\(row)\n" }.joined()
            let fixture = try fixture(text, in: directory)
            let error = await #expect(throws: SourceError.self) { try await fixture.fetch(14_990..<15_010) }
            #expect(error?.message.contains("data.csv, line 15001:") == true)
        }
    }

    @Test(
        "says what is wrong with the file",
        arguments: [
            ("v\n1\n", "no column 'n'"), ("", "no header"),
        ])
    func badFile(text: String, message: String) async throws {
        try await TestDirectory.with { directory in
            let fixture = try fixture(text, in: directory)
            let error = await #expect(throws: SourceError.self) { try await fixture.fetch(1..<2) }
            #expect(error?.message.contains(message) == true)
        }
    }

    @Test("says that there is no such file")
    func missing() async throws {
        var settings = FileSettings(path: try Template("nowhere.csv"))
        settings.directory = "/nonexistent"
        let fixture = SourceFixture(FileSource(settings))
        let error = await #expect(throws: SourceError.self) { try await fixture.fetch(1..<2) }
        #expect(error?.message.contains("/nonexistent/nowhere.csv") == true)
    }

    @Test("takes a file for each partition")
    func partitions() async throws {
        try await TestDirectory.with { directory in
            try directory.write("n\n1\n", to: "gb.csv")
            try directory.write("n\n1\n2\n", to: "ire.csv")
            var settings = FileSettings(path: try Template("{partition.region}.csv"))
            settings.directory = directory.url.path
            let source = FileSource(settings)
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.partitions = .product([PartitionColumn(name: "region", values: ["gb", "ire"])])
            #expect(try await source.tip(TipRequest(stream: stream, partition: Partition(["gb"]))) == "1")
            #expect(try await source.tip(TipRequest(stream: stream, partition: Partition(["ire"]))) == "2")
        }
    }
}
