import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("A history is filled over HTTP")
struct HTTPSourceSystemTests {
    /// An API of numbered items, some to a page, that can be told to fail.
    private final class API: Sendable {
        static let last = 2000
        let fails = Mutex(false)

        func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
            guard request.headers["authorization"] == "Bearer s3cret-token" else { return .init("", status: 401) }
            if request.path == "/v1/tip" { return .init(#"{"data": {"height": \#(API.last)}}"#) }
            guard let first = request["from"].flatMap({ Int($0) }), let last = request["to"].flatMap({ Int($0) }),
                let page = request["page"].flatMap({ Int($0) }), let size = request["size"].flatMap({ Int($0) })
            else { return .init("", status: 400) }
            if fails.withLock({ $0 }), (first...last).contains(1000) { return .init("", status: 500) }
            let numbers = Array(max(first, 1)...min(last, API.last))
            let items = numbers.dropFirst((page - 1) * size).prefix(size).map {
                #"{"height": \#($0), "hash": "h\#($0)"}"#
            }
            return .init(#"{"total": \#(numbers.count), "items": [\#(items.joined(separator: ","))]}"#)
        }
    }

    @Test("It survives a kill, a window that fails stays a gap, and the next run heals it")
    func fills() async throws {
        let api = API()
        try await HTTPServer.with {
            api.answer($0)
        } _: { server in
            try await TestDatabase.with { database in
                try await TestDirectory.with { directory in
                    try await fill(api, server, database, directory)
                }
            }
        }
    }

    private func fill(
        _ api: API, _ server: HTTPServer, _ database: TestDatabase, _ directory: TestDirectory
    ) async throws {
        try await database.execute("CREATE TABLE blocks (height bigint PRIMARY KEY, hash text)")
        try directory.write(
            """
            version: 1
            database: ${env:TEST_DATABASE}
            sources:
              node:
                type: http
                base_url: \(server.url)/v1
                auth: {type: bearer, token: "${env:TOKEN}"}
                rate_limit: {requests: 60, per: 1s}
                retry: {attempts: 2, backoff: 1s, max_backoff: 1s}
                proxy: none
                tip: {path: /tip, select: data.height}
            streams:
              blocks:
                source: node
                table: blocks
                key: {column: height, type: integer}
                expect: {from: 1}
                batch: 50
                request: {path: /items, params: {from: "{window.first}", to: "{window.last}"}}
                record_selector: items
                paginator: {type: page_number, page_size_param: size, page_size: 20, total_path: total}
            """, to: "lacuna.yaml")
        let environment = ["TEST_DATABASE": database.connectionString, "TOKEN": "s3cret-token"]
        func lacuna(_ arguments: String...) async throws -> LacunaProcess.Result {
            try await LacunaProcess(arguments, in: directory.url, environment: environment).wait()
        }
        #expect(try await lacuna("init").status == 0)
        let plan = try await lacuna("reconcile", "--dry-run")
        #expect(plan.output.contains("at least 41 requests"), "\(plan.output)\(plan.errors)")

        let killed = try LacunaProcess(["reconcile"], in: directory.url, environment: environment)
        while server.requests.count < 40 { try await Task.sleep(for: .milliseconds(10)) }
        killed.send(signal: SIGKILL)
        _ = try await killed.wait()
        // The backend may still be committing.
        while try await database.number("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lacuna%'")
            > 0
        {
            try await Task.sleep(for: .milliseconds(20))
        }
        let before = try await database.number("SELECT count(*) FROM blocks")
        #expect(before > 0 && before < API.last)

        api.fails.withLock { $0 = true }
        let failing = try await lacuna("reconcile")
        #expect(failing.status == 1)
        #expect(failing.errors.contains("blocks 1000–1049: page 1, GET \(server.url)/v1/items?"), "\(failing.errors)")
        #expect(failing.errors.contains("500 Internal Server Error"))
        #expect(!failing.errors.contains("s3cret-token"))
        #expect(try await lacuna("gaps").output == "blocks  1000–1049  50 units\n")

        api.fails.withLock { $0 = false }
        let healing = try await lacuna("reconcile", "--retry-now")
        #expect(healing.status == 0, "\(healing.output)\(healing.errors)")
        #expect(
            try await database.number("SELECT count(*) FROM blocks WHERE hash = 'h' || height") == API.last)
        #expect(try await lacuna("gaps", "--exit-code").status == 0)
        #expect(try await lacuna("catchup").output == "blocks: nothing to catch up\n")
    }

    @Test("A quota that is used up defers the run and says until when")
    func defers() async throws {
        let asked = Mutex(0)
        try await HTTPServer.with { request in
            if request.path == "/tip" { return .init("300") }
            let count = asked.withLock { asked in
                asked += 1
                return asked
            }
            guard count <= 2 else { return .init("", status: 429, headers: [("retry-after", "7200")]) }
            let from = request["from"].flatMap { Int($0) } ?? 0
            let to = request["to"].flatMap { Int($0) } ?? 0
            return .init("[\((from...to).map { "{\"n\":\($0)}" }.joined(separator: ","))]")
        } _: { server in
            try await TestDatabase.with { database in
                try await TestDirectory.with { directory in
                    try await database.execute("CREATE TABLE t (n bigint PRIMARY KEY)")
                    try directory.write(
                        """
                        version: 1
                        database: ${env:TEST_DATABASE}
                        sources: {api: {type: http, base_url: "\(server.url)", proxy: none, tip: {path: /tip}}}
                        streams:
                          t:
                            source: api
                            table: t
                            key: {column: n, type: integer}
                            expect: {from: 1, to: 300}
                            batch: 100
                            workers: 1
                            request: {path: /, params: {from: "{window.first}", to: "{window.last}"}}
                        """, to: "lacuna.yaml")
                    let environment = ["TEST_DATABASE": database.connectionString]
                    _ = try await LacunaProcess.run("init", in: directory.url, environment: environment)
                    let run = try await LacunaProcess.run("reconcile", in: directory.url, environment: environment)
                    #expect(run.status == 3, "\(run.output)\(run.errors)")
                    #expect(run.errors.contains("asks to be left alone until 20"), "\(run.errors)")
                    #expect(run.output.contains("deferred"), "\(run.output)")
                }
            }
        }
    }
}
