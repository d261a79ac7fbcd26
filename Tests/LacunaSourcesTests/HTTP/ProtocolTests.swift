import Foundation
import Lacuna
import Synchronization
import TestSupport
import Testing

@testable import LacunaSources

@Suite("The protocol of an HTTP source", .timeLimit(.minutes(30)))
struct ProtocolTests {
    private static let identity = (certificate: TransportTests.certificate, key: TransportTests.key)

    /// Runs `body` beside a server that speaks TLS, with a fixture that trusts it.
    private func withTLS(
        clientAuthority: String? = nil, _ handler: @escaping HTTPServer.Handler,
        _ body: (HTTPServer, HTTPFixture, TestDirectory) async throws -> Void
    ) async throws {
        try await TestDirectory.with { directory in
            let file = try directory.write(TransportTests.certificate, to: "ca.pem")
            try await HTTPServer.with(
                identity: ProtocolTests.identity, clientAuthority: clientAuthority, handler
            ) { server in
                var fixture = try HTTPFixture(server)
                fixture.settings.certificateFile = file
                try await body(server, fixture, directory)
            }
        }
    }

    @Test("is HTTP/2 where a server offers that over TLS, for many requests at once")
    func http2() async throws {
        try await withTLS { request in
            .init("[\(request.headers["via"]?.hasPrefix("2") == true ? "{\"n\":2}" : "{\"n\":1}")]")
        } _: { _, fixture, _ in
            try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<16 { group.addTask { try await fixture.fetch().lines } }
                for try await found in group { #expect(found == lines(2..<3)) }
            }
        }
    }

    @Test("takes an answer over HTTP/2 that ends without its end for none")
    func cutStream() async throws {
        try await withTLS { _ in
            var response = HTTPServer.Response(
                "{\"n\":1}\n{\"n\":2}\n", type: nil, headers: [("transfer-encoding", "chunked")])
            response.drip = .milliseconds(300)
            return response
        } _: { server, fixture, _ in
            var fixture = fixture
            fixture.settings.format = .ndjson
            let settled = fixture
            let task = Task { await settled.failure() }
            while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            // At least the first record is on its way.
            try await Task.sleep(for: .seconds(3))
            server.killTerminator()
            let error = try #require(await task.value)
            #expect(error.kind == .transient)
            #expect(error.message.contains("no answer"), "\(error.message)")
        }
    }

    @Test("goes through the tunnel of a proxy to a server that speaks TLS")
    func tunnel() async throws {
        try await withTLS { _ in
            .init("[{\"n\":1}]")
        } _: { server, fixture, _ in
            try await HTTPServer.with { _ in
                .init("", status: 502)
            } _: { proxy in
                var fixture = fixture
                fixture.settings.proxies = ProxyRules(environment: ["https_proxy": proxy.url])
                let page = try await fixture.fetch()
                #expect(page.lines == lines(1..<2))
                #expect(proxy.tunnels == ["127.0.0.1:\(server.port)"])
                #expect(proxy.requests.isEmpty)
            }
        }
    }

    @Test("shows a server the client's certificate")
    func clientCertificate() async throws {
        try await withTLS(clientAuthority: TransportTests.certificate) { _ in
            .init("[{\"n\":1}]")
        } _: { server, fixture, directory in
            var fixture = fixture
            #expect(await fixture.failure()?.kind == .transient)
            #expect(server.requests.isEmpty)
            fixture.settings.clientCertificate = ClientCertificate(
                certificateFile: try directory.write(TransportTests.certificate, to: "client.pem"),
                keyFile: try directory.write(TransportTests.key, to: "client.key"))
            #expect(try await fixture.fetch().lines == lines(1..<2))
        }
    }

    @Test("goes to a Unix socket, and stays there")
    func socket() async throws {
        try await TestDirectory.with { directory in
            let path = directory.url.appendingPathComponent("s").path
            try await HTTPServer.with(socket: path) { request in
                switch request.path {
                case "/v1/items": .init("", status: 302, headers: [("location", "http://localhost/v2")])
                case "/v2": .init("[{\"n\":1}]")
                default: .init("", status: 302, headers: [("location", "http://localhost:81/")])
                }
            } _: { server in
                var fixture = try HTTPFixture(server)
                fixture.settings.proxies = ProxyRules(environment: ["http_proxy": "http://127.0.0.1:1"])
                for base in ["unix:\(path):/v1", "unix:\(path):/v1/"] {
                    fixture.settings.baseURL = try Template(base)
                    #expect(try await fixture.fetch().lines == lines(1..<2))
                }
                #expect(server.requests.first?.headers["host"] == "localhost")
                fixture.settings.baseURL = try Template("unix:\(path)")
                let error = try #require(await fixture.failure())
                #expect(error.message.hasPrefix("page 1, GET unix:\(path):/items?from=0"), "\(error.message)")
                #expect(error.message.contains("another origin, http://localhost:81"), "\(error.message)")
            }
        }
    }

    /// `[{"n":1}]`
    private static let deflated: [UInt8] = [120, 156, 139, 174, 86, 202, 83, 178, 50, 172, 141, 5, 0, 14, 18, 2, 206]

    @Test("takes a page in each coding that it asks for", arguments: ["gzip", "brotli", "zstd", "deflate"])
    func codings(program: String) async throws {
        let page = program == "deflate" ? ProtocolTests.deflated : try compressed("[{\"n\":1}]", by: program)
        let coding = program == "brotli" ? "br" : program
        try await HTTPServer.with { _ in
            .init(page, headers: [("content-encoding", coding)])
        } _: { server in
            let fetched = try await HTTPFixture(server).fetch()
            #expect(fetched.lines == lines(1..<2))
            #expect(server.requests[0].headers["accept-encoding"]?.contains(coding) == true)
        }
    }

    @Test("asks for no coding where a part could pass for the whole")
    func uncoded() async throws {
        try await HTTPServer.with { _ in
            .init("{\"n\":1}\n", type: nil)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.format = .ndjson
            #expect(try await fixture.fetch().lines == lines(1..<2))
            #expect(server.requests[0].headers["accept-encoding"] == "identity")
        }
    }

    @Test("gives up what is not in the coding that it claims")
    func undecodable() async throws {
        try await HTTPServer.with { _ in
            .init("[{\"n\":1}]", headers: [("content-encoding", "gzip")])
        } _: { server in
            let error = try #require(await HTTPFixture(server).failure())
            #expect(error.kind == .permanent)
            #expect(error.message.contains("could not be decompressed"), "\(error.message)")
        }
    }

    static let heads: [String] =
        (0...99).map { "HTTP/1.1 \($0 < 10 ? "00" : "0")\($0) Odd\r\ncontent-length: 2\r\n\r\n[]" } + [
            "HTTP/1.1 1 Odd\r\ncontent-length: 2\r\n\r\n[]", "HTTP/1.1 -20 Odd\r\ncontent-length: 2\r\n\r\n[]",
            "HTTP/1.1 99999 Odd\r\ncontent-length: 2\r\n\r\n[]", "HTTP/1.1 101 Switching\r\n\r\n", "[]", "\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 1\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\nx: \(String(repeating: "y", count: 300_000))\r\ncontent-length: 2\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\n\(String(repeating: "x: \(String(repeating: "y", count: 1000))\r\n", count: 300))\r\n[]",
        ]

    @Test("takes no answer with a head that is none", arguments: heads.indices)
    func odd(index: Int) async throws {
        try await RawServer.with([ProtocolTests.heads[index]]) { raw in
            try await HTTPServer.with { _ in
                .init("")
            } _: { server in
                var fixture = try HTTPFixture(server)
                fixture.settings.baseURL = try Template(raw.url)
                fixture.settings.timeouts = HTTPTimeouts(idle: .milliseconds(500))
                let error = try #require(await fixture.failure(), "\(ProtocolTests.heads[index].prefix(40))")
                #expect(error.kind == .transient, "\(error.message)")
            }
        }
    }

    @Test("sends nothing twice, even where a connection that was kept is closed")
    func once() async throws {
        try await RawServer.with(["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"]) { raw in
            try await HTTPServer.with { _ in
                .init("")
            } _: { server in
                var fixture = try HTTPFixture(server)
                fixture.settings.baseURL = try Template(raw.url)
                #expect(try await fixture.fetch().lines == [])
                let error = try #require(await fixture.failure())
                #expect(error.message.contains("without an answer"), "\(error.message)")
                #expect(raw.requestCount == 2)
            }
        }
    }

    @Test("holds 64 requests in flight to the limit, and lets all of them go when they are cancelled")
    func many() async throws {
        let inFlight = Mutex((now: 0, most: 0))
        try await HTTPServer.with { _ in
            inFlight.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            try? await Task.sleep(for: .milliseconds(100))
            inFlight.withLock { $0.now -= 1 }
            return .init("[{\"n\":1}]")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.limits.concurrency = 16
            let settled = fixture
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<64 { group.addTask { try await settled.fetch().lines.count } }
                for try await count in group { #expect(count == 1) }
            }
            #expect(inFlight.withLock { $0.most } <= 16)
            #expect(server.requests.count == 64)
        }
        try await HTTPServer.with { _ in
            var response = HTTPServer.Response("[]")
            response.delay = .seconds(60)
            return response
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.limits.concurrency = 64
            let settled = fixture
            let tasks = (0..<64).map { _ in Task { _ = try await settled.fetch() } }
            while server.requests.count < 64 { try await Task.sleep(for: .milliseconds(5)) }
            let started = ContinuousClock.now
            tasks.forEach { $0.cancel() }
            for task in tasks { await #expect(throws: CancellationError.self) { try await task.value } }
            #expect(ContinuousClock.now - started < .seconds(20))
        }
    }
}

/// A text as a program compresses it.
func compressed(_ text: String, by program: String) throws -> [UInt8] {
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program, "-c"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    // What comes out fits into the pipe.
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    try input.fileHandleForWriting.close()
    return Array(try output.fileHandleForReading.readToEnd() ?? Data())
}
