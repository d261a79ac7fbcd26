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

    @Test(
        "passes over a record that is not valid and not the window's, if its key can be told",
        arguments: [
            ("data.ndjson", #"{"n":500,"v":NaN}"#, true), ("data.ndjson", #"{"n":500,"v":"\ud800"}"#, true),
            ("data.ndjson", #"{"n":50"#, false), ("data.ndjson", "rubbish", false),
            ("data.csv", "500,a\0b", true), ("data.csv", "500,\"a\"b", true), ("data.csv", "500,a,b", true),
            ("data.csv", "50", false),
        ])
    func damaged(name: String, line: String, isKnown: Bool) async throws {
        try await TestDirectory.with { directory in
            let isCSV = name == "data.csv"
            let lines = (0..<3000).map { $0 == 500 ? line : isCSV ? "\($0),v" : #"{"n":\#($0),"v":"v"}"# }
            let fixture = try fixture(
                (isCSV ? "n,v\n" : "") + lines.joined(separator: "\n") + "\n", in: directory, name: name)
            let error = await #expect(throws: SourceError.self) { try await fixture.fetch(495..<505) }
            #expect(
                error?.message.contains("\(name), line \(isCSV ? 502 : 501): ") == true, "\(String(describing: error))")
            if isKnown {
                // In the same block, and far from it.
                #expect(try await fixture.fetch(501..<510).lines.count == 9)
                #expect(try await fixture.fetch(490..<500).lines.count == 10)
                #expect(try await fixture.fetch(2900..<2910).lines.count == 10)
            } else {
                // It may belong to any.
                await #expect(throws: SourceError.self) { try await fixture.fetch(501..<510) }
            }
        }
    }

    @Test("does not take the rows that a stray quote swallows for one row of its first unit")
    func swallowed() async throws {
        try await TestDirectory.with { directory in
            let lines = (0..<100).map { $0 == 20 ? "20,x\"a" : $0 == 40 ? "40,b\"" : "\($0),v" }
            let fixture = try fixture("n,v\n" + lines.joined(separator: "\n") + "\n", in: directory)
            await #expect(throws: SourceError.self) { try await fixture.fetch(30..<35) }
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

    /// Asks the file of a path that names the window.
    private func fetch(
        _ window: Range<Int64>, path: String, in directory: TestDirectory, region: String? = nil
    ) async throws -> (count: Int, answered: Range<Int64>?) {
        var settings = FileSettings(path: try Template(path))
        settings.directory = directory.url.path
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "d", keyType: .date(timezone: .gmt))
        var fields: [PartitionField] = []
        if let region {
            stream.partitions = .product([PartitionColumn(name: "region", values: [region])])
            fields = [PartitionField(field: "region", value: region)]
        }
        let source = FileSource(settings)
        let sink = RecordSink(
            layout: RecordLayout(
                keyField: "d", keyType: .date(timezone: .gmt), window: window, partition: fields,
                stray: source.strayRecords))
        let summary = try await source.fetch(
            FetchRequest(stream: stream, partition: region.map { Partition([$0]) } ?? .whole, window: window),
            into: sink)
        return (try sink.finish().recordCount, summary.answered)
    }

    @Test("answers for a window whole where the file is the window's own, also where it holds nothing")
    func ownFile() async throws {
        try await TestDirectory.with { directory in
            try directory.write("d,v\n", to: "1970-01-03.csv")
            try directory.write("d,v\n1970-01-05,x\n", to: "1970-01.csv")
            let day = try await fetch(2..<3, path: "{window.first}.csv", in: directory)
            #expect(day.count == 0 && day.answered == 2..<3)
            let month = try await fetch(0..<31, path: "{window.first:yyyy-MM}.csv", in: directory)
            #expect(month.count == 1 && month.answered == 0..<31)
            // Others of the month's units are in it too: what lies beyond its last one is not known to be empty.
            let part = try await fetch(3..<10, path: "{window.first:yyyy-MM}.csv", in: directory)
            #expect(part.count == 1 && part.answered == 4..<5)
            await #expect(throws: SourceError.self) {
                try await fetch(2..<4, path: "{window.first}.csv", in: directory)
            }
            // By the other end, and by both.
            let last = try await fetch(3..<10, path: "{window.last:yyyy-MM}.csv", in: directory)
            #expect(last.count == 1 && last.answered == 4..<5)
            try directory.write("d,v\n", to: "1970-01-03_1970-01-04.csv")
            let both = try await fetch(2..<4, path: "{window.first}_{window.last}.csv", in: directory)
            #expect(both.count == 0 && both.answered == 2..<4)
            try directory.write("d,v\n1970-01-05,x\n", to: "1970-01_1970-01.csv")
            let coarse = try await fetch(
                2..<10, path: "{window.first:yyyy-MM}_{window.last:yyyy-MM}.csv", in: directory)
            #expect(coarse.count == 1 && coarse.answered == 4..<5)
        }
    }

    @Test("refuses what a file that is named after the window or the partition cannot hold")
    func strangers() async throws {
        try await TestDirectory.with { directory in
            try directory.write("d,v\n1970-01-03,x\n1970-01-04,x\n", to: "1970-01-03.csv")
            let day = await #expect(throws: SourceError.self) {
                try await fetch(2..<3, path: "{window.first}.csv", in: directory)
            }
            #expect(day?.message.contains("1970-01-03.csv is named after 1970-01-03, but 1 of its records lie") == true)
            try directory.write("d,region\n1970-01-03,b\n1970-01-03,a\n1970-01-04,a\n", to: "a.csv")
            let region = await #expect(throws: SourceError.self) {
                try await fetch(2..<3, path: "{partition.region}.csv", in: directory, region: "a")
            }
            #expect(region?.message.contains("a.csv is named after region=a, but 1 of its records are of") == true)
            #expect(try await fetch(3..<4, path: "{partition.region}.csv", in: directory, region: "a").count == 1)
        }
    }

    @Test("has no tip where it has records and none with a key that can be read")
    func unreadableTip() async throws {
        try await TestDirectory.with { directory in
            let fields = (0..<200_000).map { "\"f\($0)\":0" }.joined(separator: ",")
            let wide = "{\(fields)}\n"
            for (name, text, says) in [
                ("a.ndjson", "\n{\"N\":1}\n{\"N\":2}\n", "line 2: the record has no field 'n', and no other record"),
                ("b.ndjson", "<html>\n", "line 1: what stands there is no record, and no other record"),
                ("c.csv", "n\nx\n", "line 2: no record has a key that can be read; expected"),
                ("g.csv", "v,n\nx\n", "line 2: the record has no field 'n'"),
                ("h.csv", "n\n\"x\"y\n", "line 2: what stands there is no record"),
                ("f.ndjson", wide, "line 1: up to this record there are more than 16384 different fields"),
            ] {
                let fixture = try fixture(text, in: directory, name: name)
                let error = await #expect(throws: SourceError.self) { try await fixture.tip() }
                #expect(error?.message.contains("\(name), \(says)") == true, "\(error?.message ?? "")")
            }
            // With a key it costs its own unit, as any record that cannot be read.
            let keyed = try fixture("{\(fields),\"n\":1}\n{\"n\":0}\n", in: directory, name: "i.ndjson")
            #expect(try await keyed.tip() == "1")
            #expect(try await keyed.fetch(0..<1).0 == ["{\"n\":0}"])
            await #expect(throws: SourceError.self) { try await keyed.fetch(1..<2) }
            let header = (0..<16_000).map { "a column called \($0)" }.joined(separator: ",") + "\n"
            let strange = try fixture(header, in: directory, name: "header.csv")
            let nameless = await #expect(throws: SourceError.self) { try await strange.tip() }
            #expect(nameless?.message.contains("a column called 19 and 15980 more") == true)
            #expect(nameless.map { $0.message.count < 2000 } == true)
            #expect(try await fixture("n\n", in: directory, name: "d.csv").tip() == nil)
            #expect(try await Command.shell("mkfifo '\(directory.url.path)/e.csv'") == 0)
            var settings = FileSettings(path: try Template("e.csv"))
            settings.directory = directory.url.path
            let pipe = SourceFixture(FileSource(settings))
            let error = await #expect(throws: SourceError.self) { try await pipe.tip() }
            #expect(error?.message.contains("is not a file") == true)
        }
    }

    @Test("reads no file that a partition's value leads to out of the folder, and repeats none of its text")
    func confined() async throws {
        try await TestDirectory.with { directory in
            try directory.write("top secret,d\nx,1970-01-03\n", to: "outside/secret.csv")
            try directory.write("d,region\n1970-01-03,a\n", to: "data/a/b.csv")
            try directory.write("d,region\n1970-01-03,in\n", to: "data/in.csv")
            for (link, target) in [
                ("data/link", "../outside"), ("data/file.csv", "../outside/secret.csv"), ("data/inner.csv", "in.csv"),
                ("linked", "data"),
            ] {
                try FileManager.default.createSymbolicLink(
                    atPath: directory.url.appendingPathComponent(link).path, withDestinationPath: target)
            }
            let absolute = directory.url.path
            for (path, region) in [
                ("data/{partition.region}.csv", "../outside/secret"),
                ("data/{partition.region}/secret.csv", "../outside"),
                ("data/{partition.region}/secret.csv", ".."), ("data/{partition.region}.csv", "a/b"),
                ("data/{partition.region}", "\(absolute)/outside/secret.csv"), ("data/{partition.region}.csv", ""),
                ("data/{partition.region}/b.csv", "."), ("data/{partition.region}.csv", "in\0"),
                ("data/{partition.region}/secret.csv", "link"), ("data/{partition.region}.csv", "file"),
                ("\(absolute)/data/x/../{partition.region}.csv", "file"), ("linked/{partition.region}.csv", "file"),
                ("data/.{partition.region}/outside/secret.csv", "."),
            ] {
                let error = await #expect(throws: SourceError.self, "\(path) \(region)") {
                    try await fetch(2..<3, path: path, in: directory, region: region)
                }
                #expect(error?.kind == .permanent)
                #expect(error.map { !$0.message.contains("top secret") } == true, "\(error?.message ?? "")")
            }
            #expect(try await fetch(2..<3, path: "data/{partition.region}.csv", in: directory, region: "in").count == 1)
            // A link inside the folder, and the folder itself as one, lead nowhere else.
            #expect(
                try await fetch(2..<3, path: "linked/{partition.region}.csv", in: directory, region: "in").count == 1)
            let inner = await #expect(throws: SourceError.self) {
                try await fetch(2..<3, path: "data/{partition.region}.csv", in: directory, region: "inner")
            }
            #expect(inner?.message.contains("1 of its records are of another partition") == true)
            // The config's own dates may name folders, and its own links lead where it wants.
            try directory.write("d\n1970-01-03\n", to: "outside/1970/01.csv")
            #expect(try await fetch(2..<3, path: "data/link/{window.first:yyyy/MM}.csv", in: directory).count == 1)
        }
    }

    @Test("has no tip where its path names the window")
    func ownFileTip() async throws {
        try await TestDirectory.with { directory in
            let fixture = try fixture("n\n1\n", in: directory, name: "{window.first}.csv")
            let error = await #expect(throws: SourceError.self) { try await fixture.tip() }
            #expect(error?.kind == .unavailable)
            #expect(error?.message.contains("expect: {to: today - 1d}") == true)
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

    /// A note of about 100 characters: on one line, or in quotes on 50 lines, of which one ends in the file's middle.
    static let notes = [String(repeating: "x", count: 101), "\"\(String(repeating: "y\n", count: 49))z\""]

    @Test("reads a large file from its middle too, where rows span lines as where they do not", arguments: notes)
    func halves(note: String) async throws {
        let lines = note.contains("\n") ? 50 : 1
        let count = 100_000
        let document = "n,v\n" + (1...count).map { $0 == 90_000 ? "90000\n" : "\($0),\(note)\n" }.joined()
        let bytes = Array(document.utf8)
        let size = bytes.count
        #expect(size > 10_000_000)
        let lineEnd = try #require(bytes[(size / 2)...].firstIndex(of: UInt8(ascii: "\n")))
        let next = bytes[lineEnd + 1]
        #expect("yz".utf8.contains(next) == (lines > 1))
        try await TestDirectory.with { directory in
            let fixture = try fixture(document, in: directory)
            #expect(try await fixture.tip() == String(count))
            for first in [1, 49_900, 80_000, count - 99] {
                let records = try await fixture.fetch(Int64(first)..<Int64(first) + 100)
                #expect(
                    records.lines
                        == (first..<first + 100).flatMap { "\($0),\(note)".split(separator: "\n").map(String.init) })
                #expect(records.skipped < 1000)
            }
            let error = await #expect(throws: SourceError.self) { try await fixture.fetch(89_990..<90_010) }
            #expect(error?.message.contains("data.csv, line \(2 + 89_999 * lines):") == true, "\(error?.message ?? "")")
        }
    }

    @Test("names the line of a record that is too large, also behind the middle")
    func tooLarge() async throws {
        try await TestDirectory.with { directory in
            let row = String(repeating: "x", count: 100)
            let huge = String(repeating: "x", count: 17 << 20)
            for place in [100, 199_000] {
                let text = "n,v\n" + (1...200_000).map { "\($0),\($0 == place ? huge : row)\n" }.joined()
                let fixture = try fixture(text, in: directory)
                let error = await #expect(throws: SourceError.self) { try await fixture.fetch(1..<2) }
                #expect(error?.message.contains("data.csv, line \(place + 1): a record larger than 16 MiB") == true)
            }
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
