import Foundation
import Lacuna
import TestSupport
import Testing

@testable import LacunaSources

/// An HTTP source and the integer stream that asks it.
struct HTTPFixture {
    var settings: HTTPSettings
    var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
    let connections = HTTPConnections()

    init(_ server: HTTPServer) throws {
        settings = HTTPSettings(baseURL: try Template("\(server.url)/v1"))
        settings.request.path = try Template("/items")
        settings.request.parameters = [
            NamedTemplate("from", try Template("{window.first}")), NamedTemplate("to", try Template("{window.last}")),
        ]
        stream.retry = RetryPolicy(attempts: 3, backoff: .milliseconds(1), maxBackoff: .seconds(2))
    }

    var source: HTTPSource { HTTPSource(settings, connections: connections) }

    /// The records of a window as the spool holds them, and what the source said of its answer.
    func fetch(
        _ window: Range<Int64> = 0..<1000, partition: Partition = .whole
    ) async throws -> (lines: [String], summary: FetchSummary) {
        let source = source
        let sink = RecordSink(
            layout: RecordLayout(
                keyField: "n", keyType: stream.keyType, window: window, partition: [], stray: source.strayRecords))
        let summary = try await source.fetch(
            FetchRequest(stream: stream, partition: partition, window: window), into: sink)
        var bytes: [UInt8] = []
        try sink.finish().forEachChunk { bytes.append(contentsOf: $0) }
        return (String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init), summary)
    }

    func tip() async throws -> String? {
        try await source.tip(TipRequest(stream: stream, partition: .whole))
    }

    /// The error of a fetch that must fail.
    func failure() async -> SourceError? {
        await #expect(throws: SourceError.self) { try await fetch() }
    }
}

/// `{"n":1},{"n":2}` …
func records(_ numbers: Range<Int>) -> String {
    numbers.map { "{\"n\":\($0)}" }.joined(separator: ",")
}

/// The lines that the spool holds of ``records(_:)``.
func lines(_ numbers: Range<Int>) -> [String] {
    numbers.map { "{\"n\":\($0)}" }
}

/// Counts.
final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    /// The number of calls before this one.
    func next() -> Int {
        lock.withLock {
            defer { count += 1 }
            return count
        }
    }
}
