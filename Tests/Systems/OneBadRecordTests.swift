import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("One bad record costs its own unit")
struct OneBadRecordTests {
    /// What is wrong with the value of a record.
    struct Fault: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// The value in a record of JSON.
        let json: [UInt8]
        /// The value in a row of CSV.
        let csv: [UInt8]
    }

    static let faults = [
        Fault(testDescription: "a NUL", json: Array(#""a\u0000b""#.utf8), csv: Array("a\0b".utf8)),
        Fault(testDescription: "half a surrogate", json: Array(#""\ud800""#.utf8), csv: [0x61, 0xED, 0xA0, 0x80]),
        Fault(testDescription: "NaN", json: Array("NaN".utf8), csv: Array("\"a\"b".utf8)),
        Fault(
            testDescription: "a Latin-1 byte", json: Array("\"caf".utf8) + [0xE9, 0x22], csv: Array("caf".utf8) + [0xE9]
        ),
    ]

    private static let table = "CREATE TABLE numbers (n bigint PRIMARY KEY, v text)"
    private static let bad = 950

    /// A record of JSON.
    private static func record(_ number: Int, _ fault: Fault) -> [UInt8] {
        Array(#"{"n": \#(number), "v": "#.utf8) + (number == bad ? fault.json : Array("\"v\(number)\"".utf8))
            + Array("}".utf8)
    }

    private static func row(_ number: Int, _ fault: Fault) -> [UInt8] {
        Array("\(number),".utf8) + (number == bad ? fault.csv : Array("v\(number)".utf8))
    }

    /// Reconciles the units 1 to 2,000 in windows of 10, and finds one of them named and all others there.
    private func check(
        _ installation: Installation, message: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let run = try await installation.lacuna("reconcile")
        #expect(run.status == 1, "\(run.output)", sourceLocation: sourceLocation)
        let errors = run.errors.split(separator: "\n").filter { $0.hasPrefix("lacuna: ") }
        #expect(errors.count == 1, "\(run.errors)", sourceLocation: sourceLocation)
        #expect(
            errors.first?.contains("numbers \(Self.bad): ") == true, "\(run.errors)", sourceLocation: sourceLocation)
        #expect(errors.first?.contains(message) == true, "\(run.errors)", sourceLocation: sourceLocation)
        #expect(
            try await installation.database.number("SELECT count(*) FROM numbers WHERE v = 'v' || n") == 1999,
            sourceLocation: sourceLocation)
        #expect(
            try await installation.lacuna("gaps").output == "numbers  \(Self.bad)  1 unit\n",
            sourceLocation: sourceLocation)
    }

    @Test("of a file that all windows read", arguments: faults, ["ndjson", "csv"])
    func file(fault: Fault, format: String) async throws {
        var bytes: [UInt8] = format == "csv" ? Array("n,v\n".utf8) : []
        for number in 1...2000 {
            bytes += format == "csv" ? Self.row(number, fault) : Self.record(number, fault)
            bytes.append(UInt8(ascii: "\n"))
        }
        let config = """
            sources: {file: {type: file, path: numbers.\(format)}}
            streams:
              numbers: {source: file, table: numbers, key: {column: n, type: integer}, expect: {from: 1}, batch: 10}
            """
        try await Installation.with(Self.table, config: config) { installation in
            try Data(bytes).write(to: installation.directory.url.appendingPathComponent("numbers.\(format)"))
            let line = Self.bad + (format == "csv" ? 1 : 0)
            try await check(installation, message: "numbers.\(format), line \(line): ")
        }
    }

    @Test("of pages that an API gives", arguments: faults, ["json", "ndjson", "csv"])
    func pages(fault: Fault, format: String) async throws {
        try await HTTPServer.with { request in
            let first = request["from"].flatMap { Int($0) } ?? 0
            let last = min(request["to"].flatMap { Int($0) } ?? 0, 2000)
            let numbers = first <= last ? Array(first...last) : []
            let lines =
                format == "csv"
                ? [Array("n,v".utf8)] + numbers.map { Self.row($0, fault) } : numbers.map { Self.record($0, fault) }
            let separator = Array((format == "json" ? "," : "\n").utf8)
            let body = Array(lines.joined(separator: separator))
            return format == "json"
                ? .init(Array("[".utf8) + body + Array("]".utf8)) : .init(body + separator, type: "text/plain")
        } _: { server in
            let config = """
                sources:
                  api: {type: http, base_url: "\(server.url)", proxy: none, format: \(format), retry: {attempts: 1}}
                streams:
                  numbers:
                    source: api
                    table: numbers
                    key: {column: n, type: integer}
                    expect: {from: 1, to: 2000}
                    batch: 10
                    request: {path: /, params: {from: "{window.first}", to: "{window.last}"}}
                """
            try await Installation.with(Self.table, config: config) { installation in
                try await check(installation, message: "page 1, GET \(server.url)/?from=950&to=950: ")
            }
        }
    }

    @Test("The same error of every window ends the run soon, though empty days succeed between them, and is told once")
    func everyWindow() async throws {
        try await HTTPServer.with { request in
            // Every third day has a game, whose day is called something else.
            let day = request["day"] ?? ""
            let number = Int(day.suffix(2)) ?? 0
            return .init(number.isMultiple(of: 3) ? #"[{"gameDate": "\#(day)", "home": "a"}]"# : "[]")
        } _: { server in
            let config = """
                sources: {api: {type: http, base_url: "\(server.url)", proxy: none, retry: {attempts: 1}}}
                streams:
                  games:
                    source: api
                    table: games
                    key: {column: played_on, type: date}
                    expect: {from: 2013-01-01, to: 2024-12-31}
                    batch: 1
                    workers: 1
                    request: {path: /games, params: {day: "{window.first}"}}
                """
            try await Installation.with(
                "CREATE TABLE games (played_on date PRIMARY KEY, home text)", config: config
            ) { installation in
                let run = try await installation.lacuna("reconcile")
                #expect(run.status == 1)
                #expect(server.requests.count < 60, "\(server.requests.count)")
                #expect(run.output.contains("10 batches failed alike"), "\(run.output)")
                #expect(run.errors.components(separatedBy: server.url).count == 2, "\(run.errors)")
                #expect(run.errors.contains("9 more failed alike: 2024-"), "\(run.errors)")
                #expect(run.errors.split(separator: "\n").count < 6, "\(run.errors)")
            }
        }
    }
}
