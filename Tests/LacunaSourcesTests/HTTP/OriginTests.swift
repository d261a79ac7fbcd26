import Lacuna
import TestSupport
import Testing

@testable import LacunaSources

@Suite("Credentials stay in the origin that the config names")
struct OriginTests {
    /// Ways to write an address of the port `PORT` on this machine that is not the source's own.
    private static let ways = [
        "http://127.0.0.1:PORT/x", "//127.0.0.1:PORT/x", "HTTP://127.0.0.1:PORT", "http://me@127.0.0.1:PORT/x",
        "http://localhost:PORT/x", "http:\\\\127.0.0.1:PORT/x", "/\\127.0.0.1:PORT/x", "\\\\127.0.0.1:PORT",
        "http://127.0.0.1:OWN@127.0.0.1:PORT/", "https://127.0.0.1:OWN/x", "http://[::ffff:127.0.0.1]:PORT/",
        "http://127.0.0.1:OWN%40127.0.0.1:PORT/", "http:/127.0.0.1:PORT/x", "ftp://127.0.0.1:OWN/x",
        "http://127.1:PORT/", "\thttp://127.0.0.1:PORT/",
    ]

    private static let logins: [HTTPAuthentication] = [
        .bearer(token: "canary"), .keyHeader(name: "x-key", value: "canary"), .keyParameter(name: "k", value: "canary"),
        .basic(username: "me", password: "canary"),
    ]

    /// Runs `body` with a source's server, whose answers lead elsewhere in the given way, and with the one that they
    /// lead to.
    private func check(
        _ way: String, _ answer: @escaping @Sendable (String, HTTPServer.Request) -> HTTPServer.Response,
        _ change: @Sendable (inout HTTPFixture, HTTPServer) throws -> Void
    ) async throws {
        try await HTTPServer.with { _ in
            .init("[{\"n\":2}]")
        } _: { other in
            let port = other.port
            try await HTTPServer.with { request in
                let own = request.headers["host"]?.split(separator: ":").last.map(String.init) ?? ""
                return answer(way.replacing("PORT", with: "\(port)").replacing("OWN", with: own), request)
            } _: { server in
                var fixture = try HTTPFixture(server)
                fixture.stream.retry = RetryPolicy(attempts: 1)
                try change(&fixture, server)
                _ = try? await fixture.fetch()
                #expect(!server.requests.isEmpty)
                #expect(other.requests.isEmpty, "\(way)")
            }
        }
    }

    @Test("whatever a redirect says", arguments: [301, 302, 303, 307, 308])
    func redirects(status: Int) async throws {
        for (index, way) in Self.ways.enumerated() {
            let login = Self.logins[index % Self.logins.count]
            try await check(way) { target, request in
                request.path == "/v1/items" ? .init("", status: status, headers: [("location", target)]) : .init("[]")
            } _: { fixture, _ in
                fixture.settings.authentication = login
            }
        }
    }

    @Test("whatever a page calls the next one", arguments: [true, false])
    func nextPages(inHeader: Bool) async throws {
        for (index, way) in Self.ways.enumerated() {
            let login = Self.logins[index % Self.logins.count]
            try await check(way) { target, request in
                guard request.path == "/v1/items" else { return .init("[]") }
                let escaped = target.replacing("\\", with: "\\\\").replacing("\t", with: "\\t")
                return inHeader
                    ? .init("[{\"n\":1}]", headers: [("link", "<\(target)>; rel=next")])
                    : .init("{\"items\": [{\"n\":1}], \"next\": \"\(escaped)\"}")
            } _: { fixture, _ in
                fixture.settings.authentication = login
                fixture.settings.recordSelector = inHeader ? nil : JSONPath("items")
                fixture.settings.paginator = PaginatorSettings(
                    inHeader ? .headerLink : .jsonLink(path: try #require(JSONPath("next"))))
            }
        }
    }

    @Test("and a client's secret at the address that gives out tokens")
    func tokens() async throws {
        for way in Self.ways {
            try await check(way) { target, _ in
                .init("", status: 307, headers: [("location", target)])
            } _: { fixture, server in
                fixture.settings.authentication = .clientCredentials(
                    ClientCredentials(tokenURL: "\(server.url)/token", clientID: "id", clientSecret: "canary"))
            }
        }
    }
}
