import Foundation
import Lacuna
import LacunaSources

/// Asks a source for a window of an integer stream and gives back what came.
struct SourceFixture {
    let source: any Source
    var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))

    init(_ source: any Source) {
        self.source = source
    }

    /// The records of a window as the spool holds them, and how many were passed over.
    func fetch(_ window: Range<Int64>) async throws -> (lines: [String], skipped: Int) {
        let sink = RecordSink(
            layout: RecordLayout(
                keyField: stream.keyColumn, keyType: stream.keyType, window: window, partition: [],
                stray: source.strayRecords))
        _ = try await source.fetch(FetchRequest(stream: stream, partition: .whole, window: window), into: sink)
        let records = try sink.finish()
        var bytes: [UInt8] = []
        try records.forEachChunk { bytes.append(contentsOf: $0) }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        return (lines, records.skippedCount)
    }

    func tip() async throws -> String? {
        try await source.tip(TipRequest(stream: stream, partition: .whole))
    }
}
