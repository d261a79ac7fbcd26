import Foundation
import Lacuna
import Testing

@testable import LacunaSources

@Suite("A template")
struct TemplateTests {
    private func request(_ type: KeyType, _ window: Range<Int64>) -> FetchRequest {
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: type)
        stream.partitions = .product([PartitionColumn(name: "region", values: ["gb", "ire"])])
        return FetchRequest(stream: stream, partition: Partition(["gb"]), window: window)
    }

    @Test("gives the window's inclusive ends, its exclusive end and its size")
    func window() throws {
        let template = try Template("{window.first}-{window.last}-{window.end}-{window.size}-{partition.region}-{{}}")
        #expect(try template.render(request(.integer(step: 1), 10..<20)) == "10-19-20-10-gb-{}")
    }

    @Test("names the last key of the last unit, not the first, where a unit holds several")
    func lastKey() throws {
        let template = try Template("{window.first} {window.last}")
        #expect(try template.render(request(.integer(step: 10), 3..<5)) == "30 49")
        #expect(
            try template.render(request(.timestamp(step: 3600, timezone: .utc), 0..<2))
                == "1970-01-01T00:00:00Z 1970-01-01T01:59:59.999999Z")
        let formatted = try Template("{window.last:HHmmss}")
        #expect(try formatted.render(request(.timestamp(step: 3600, timezone: .utc), 0..<2)) == "015959")
    }

    @Test("writes dates as it is told to")
    func formats() throws {
        let day = try #require(CivilDate(year: 2024, month: 2, day: 28)).daysSinceEpoch
        let template = try Template("{window.first:yyyyMMdd}/{window.end:dd.MM.yy}/{window.first:epoch}")
        #expect(
            try template.render(request(.date(timezone: .utc), day..<day + 2)) == "20240228/01.03.24/1709078400")
    }

    @Test(
        "refuses what it does not know", arguments: ["{window.frist}", "{", "}", "{window.first:qq}", "{partition.}"])
    func refuses(text: String) {
        #expect(throws: TemplateError.self) { try Template(text) }
    }

    @Test("refuses a partition column that the stream does not have")
    func unknownPartition() throws {
        let template = try Template("{partition.league}")
        #expect(throws: TemplateError.self) { try template.render(request(.integer(step: 1), 0..<1)) }
    }
}
