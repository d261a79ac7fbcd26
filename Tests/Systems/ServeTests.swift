import Foundation
import TestSupport
import Testing

@testable import LacunaCLI
@testable import LacunaServer
@testable import LacunaSources

@Suite("lacuna serve")
struct ServeTests {
    private static let schema = """
        CREATE TABLE days (day date PRIMARY KEY, n int);
        INSERT INTO days VALUES ('2024-01-01', 1), ('2024-01-04', 1);
        """
    private static let config = """
        sources: {none: {type: command, command: ["false"]}}
        streams:
          days: {source: none, table: days, key: {column: day, type: date}, expect: {from: 2024-01-01, to: 2024-01-04}}

        """

    /// Runs `body` with a server, told where it listens.
    private func with(
        _ options: [String] = [], files: [String: String] = [:],
        _ body: (Installation, URL) async throws -> Void
    ) async throws {
        try await Installation.with(Self.schema, config: Self.config, files: files) { installation in
            let process = try installation.start(["serve", "--listen", "127.0.0.1:0", "--every", "1s"] + options)
            var address: URL?
            while address == nil, process.isRunning {
                let said = process.errorsSoFar
                address = said.firstMatch(of: /serving at (http:\S+)/).flatMap { URL(string: String($0.output.1)) }
                try await Task.sleep(for: .milliseconds(10))
            }
            let found = try #require(address)
            try await body(installation, found)
            process.send(signal: SIGTERM)
            #expect(try await process.wait().status == 143)
        }
    }

    private struct Answer {
        let status: Int
        let type: String
        let text: String
        let headers: HTTPHeaders
    }

    private func get(
        _ path: String, _ address: URL, method: HTTPRequestSettings.Method = .get, headers: [String: String] = [:]
    ) async throws -> Answer {
        let transport = HTTPTransport(
            HTTPTransport.Configuration(
                timeouts: HTTPTimeouts(
                    connect: LongestWait.duration, idle: LongestWait.duration, total: LongestWait.duration),
                proxies: ProxyRules(), bodyByteLimit: 1 << 24))
        let call = HTTPCall(
            address: try #require(Address("\(address)\(path)")), method: method,
            headers: headers.map { ($0.key.lowercased(), $0.value) }, body: method == .post ? [] : nil)
        let answer = try await transport.send(call) {}
        return Answer(
            status: answer.status, type: answer.header("content-type") ?? "",
            text: String(decoding: answer.body, as: UTF8.self), headers: answer.headers)
    }

    /// Asks until the first look is over.
    private func page(_ path: String, _ address: URL, headers: [String: String] = [:]) async throws -> Answer {
        while true {
            let answer = try await get(path, address, headers: headers)
            guard answer.status == 503 else { return answer }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test("shows the page, the metrics and the report of the last look, and asks for them again")
    func documents() async throws {
        try await with { installation, address in
            let page = try await page("/", address)
            #expect(page.status == 200 && page.type == "text/html; charset=utf-8")
            #expect(page.text.hasPrefix("<!DOCTYPE html>") && page.text.contains("days"))
            #expect(page.headers["refresh"] == ["1"] && page.headers["cache-control"] == ["no-store"])
            let metrics = try await get("/metrics", address)
            #expect(metrics.type.hasPrefix("text/plain; version=0.0.4"))
            #expect(
                metrics.text.contains("lacuna_missing_units{stream=\"days\",partition=\"\"} 2\n"), "\(metrics.text)")
            let json = try await get("/gaps.json", address)
            #expect(json.type == "application/json")
            // The figures of the command, but for when it was asked.
            let command = try await installation.lacuna("gaps", "--format", "json")
            func gaps(_ text: String) throws -> String {
                let document = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
                let streams = try #require(document?["streams"] as? [[String: Any]])
                return "\(streams.map { [$0["stream"], $0["missing_units"], $0["gap_count"], $0["clean"]] })"
            }
            #expect(try gaps(json.text) == gaps(command.output))
            #expect(try await get("/healthz", address).text == "ok\n")
            #expect(try await get("/readyz", address).status == 200)
            #expect(try await get("/etc/passwd", address).status == 404)
            #expect(try await get("/", address, method: .post).status == 405)
            #expect(try await get("/", address, headers: ["Host": "evil.example"]).status == 421)

            try await installation.database.execute("INSERT INTO days VALUES ('2024-01-02', 1), ('2024-01-03', 1)")
            while try await !get("/metrics", address).text.contains(
                "lacuna_missing_units{stream=\"days\",partition=\"\"} 0\n")
            {
                try await Task.sleep(for: .milliseconds(20))
            }
            // What cannot be looked at is told, and the program goes on.
            try await installation.database.execute("ALTER TABLE days RENAME TO others")
            while try await get("/readyz", address).status == 200 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(try await get("/", address).text.contains("stream days"))
            try await installation.database.execute("ALTER TABLE others RENAME TO days")
            while try await get("/readyz", address).status != 200 { try await Task.sleep(for: .milliseconds(20)) }
        }
    }

    @Test("asks for a token if there is one, of everything that tells something")
    func token() async throws {
        try await with(["--token-file", "token"], files: ["token": "a-token-of-twenty-chars\n"]) { _, address in
            for path in ["/", "/metrics", "/gaps.json"] {
                for headers in [
                    [:], ["Authorization": "Bearer a-token-of-twenty-char"], ["Authorization": "Bearer "],
                    ["Authorization": "Basic \(Data("x:wrong".utf8).base64EncodedString())"],
                ] as [[String: String]] {
                    let answer = try await get(path, address, headers: headers)
                    #expect(answer.status == 401 && !answer.text.contains("days"), "\(path) \(headers)")
                }
                let basic = Data("anybody:a-token-of-twenty-chars".utf8).base64EncodedString()
                for shown in ["Bearer a-token-of-twenty-chars", "Basic \(basic)"] {
                    #expect(try await page(path, address, headers: ["Authorization": shown]).status == 200)
                }
            }
            #expect(try await get("/healthz", address).status == 200)
        }
    }

    @Test("listens beyond the machine only with a token, and says what is wrong with an address")
    func refused() async throws {
        try await Installation.with(
            Self.schema, config: Self.config, files: ["short": "short", "token": "a-token-of-twenty-chars"]
        ) { installation in
            for (arguments, status, words) in [
                (["--listen", "0.0.0.0:0"], 64, "--token-file names the token"),
                (["--listen", "x"], 64, "expected an address"),
                (["--every", "x"], 64, "expected a time"), (["--token-file", "short"], 64, "16 characters"),
                (["--token-file", "nowhere"], 64, "it cannot be read"),
                (["nothing"], 64, "there is no stream 'nothing'"),
                (["--listen", "192.0.2.1:0", "--token-file", "token"], 1, "192.0.2.1:0"),
            ] as [([String], Int32, String)] {
                let result = try await installation.start(["serve"] + arguments).wait()
                #expect(result.status == status && result.errors.contains(words), "\(arguments) \(result)")
            }
        }
    }

    @Test("reads addresses as people write them")
    func addresses() {
        #expect(ListeningAddress("8080")?.description == "127.0.0.1:8080")
        #expect(ListeningAddress("localhost:8080")?.description == "127.0.0.1:8080")
        #expect(ListeningAddress("[::1]:80")?.description == "[::1]:80")
        for text in ["", ":", "::1:80", "host:80", "127.0.0.1", "127.0.0.1:99999", "[::1]", "[]:1"] {
            #expect(ListeningAddress(text) == nil, "\(text)")
        }
        for (text, isLoopback) in [("127.8.0.1:1", true), ("[::1]:1", true), ("0.0.0.0:1", false), ("[::]:1", false)] {
            #expect(ListeningAddress(text)?.isLoopback == isLoopback, "\(text)")
        }
        let address = ListeningAddress("8080")
        #expect(address?.isMeant(by: "LOCALHOST:8080") == true && address?.isMeant(by: "127.0.0.1") == true)
        #expect(address?.isMeant(by: "lacuna.example:8080") == false && address?.isMeant(by: nil) == false)
    }
}
