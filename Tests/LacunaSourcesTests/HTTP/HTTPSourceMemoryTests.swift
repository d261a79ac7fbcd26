import Foundation
import Lacuna
import TestSupport
import Testing

@testable import LacunaSources

/// Runs by itself (scripts/test): the memory of the process is that of all tests in it.
@Suite("The memory of an HTTP source")
struct HTTPSourceMemoryTests {
    @Test("suffices for 200 pages of 1,000 records and does not grow with them")
    func large() async throws {
        let filler = String(repeating: "x", count: 400)
        try await HTTPServer.with { request in
            let page = Int(request["page"] ?? "") ?? 0
            guard page <= 200 else { return .init("[]") }
            let body = ((page - 1) * 1000..<page * 1000).map { "{\"n\":\($0),\"v\":\"\(filler)\"}" }
            return .init("[\(body.joined(separator: ","))]")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.paginator = PaginatorSettings(
                .pageNumber(parameter: "page", base: 1, sizeParameter: nil, size: nil))
            let source = fixture.source
            let sink = RecordSink(
                layout: RecordLayout(
                    keyField: "n", keyType: .integer(step: 1), window: 0..<200_000, partition: [], stray: .reject))
            _ = try await source.fetch(
                FetchRequest(stream: fixture.stream, partition: .whole, window: 0..<1), into: sink)
            #expect(try sink.finish().recordCount == 200_000)
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") }?.split(separator: " ")
            // 80 MB of pages. The test's own server is included.
            #expect((peak?.dropFirst().first).flatMap { Int($0) }.map { $0 < 250_000 } ?? true)
        }
    }
}
