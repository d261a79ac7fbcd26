import Lacuna
import Synchronization
import TestSupport
import Testing

@testable import LacunaSources

@Suite("Who asks")
struct AuthenticationTests {
    @Test(
        "is told in the form that the source wants, and never in an error",
        arguments: [
            .bearer(token: "canary"), .keyHeader(name: "X-Key", value: "canary"),
            .keyParameter(name: "k", value: "canary"), .basic(username: "me", password: "canary"),
        ] as [HTTPAuthentication])
    func forms(authentication: HTTPAuthentication) async throws {
        try await HTTPServer.with { request in
            let isKnown =
                request.headers["authorization"] == "Bearer canary" || request.headers["x-key"] == "canary"
                || request["k"] == "canary" || request.headers["authorization"] == "Basic bWU6Y2FuYXJ5"
            return isKnown ? .init("{\"no\":\"canary\"}", status: 403) : .init("", status: 401)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.authentication = authentication
            let error = try #require(await fixture.failure())
            #expect(error.message.contains("403"), "\(error.message)")
            #expect(!error.message.contains("canary"), "\(error.message)")
        }
    }

    @Test("masks what the config knows to be secret, wherever it stands in an address")
    func secrets() async throws {
        try await HTTPServer.with { _ in
            .init("", status: 500)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.secrets = ["hid/den"]
            fixture.settings.request.parameters.append(NamedTemplate("who", try Template("hid/den")))
            fixture.settings.request.parameters.append(NamedTemplate("token", try Template("other")))
            let error = try #require(await fixture.failure())
            #expect(error.message.contains("who=***&token=***"), "\(error.message)")
        }
    }

    @Test("asks for a token once, renews it before it expires and once after it was rejected")
    func tokens() async throws {
        let issued = Counter()
        let asked = Counter()
        try await HTTPServer.with { request in
            if request.path == "/token" {
                guard request.headers["authorization"] == "Basic aWQ6c2VjcmV0",
                    request.body == "grant_type=client_credentials&scope=read%20all"
                else { return .init("", status: 400) }
                return .init("{\"access_token\":\"t\(issued.next())\",\"expires_in\":3600}")
            }
            // The first token is rejected at the third request.
            let isRefused = request.headers["authorization"] == "Bearer t0" && asked.next() >= 2
            return isRefused ? .init("", status: 401) : .init("[{\"n\":1}]")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.authentication = .clientCredentials(
                ClientCredentials(
                    tokenURL: "\(server.url)/token", clientID: "id", clientSecret: "secret", scope: "read all"))
            for _ in 0..<4 { _ = try await fixture.fetch() }
            #expect(server.requests.filter { $0.path == "/token" }.count == 2)
            #expect(
                server.requests.compactMap { $0.headers["authorization"] }.filter { $0.hasPrefix("Bearer") }
                    == ["Bearer t0", "Bearer t0", "Bearer t0", "Bearer t1", "Bearer t1"])
        }
    }

    @Test("renews a token that expires, and gives up if every token is rejected")
    func expiry() async throws {
        try await HTTPServer.with { request in
            guard request.path == "/token" else { return .init("", status: 401) }
            return .init("{\"access_token\":\"t\",\"expires_in\":0}")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.authentication = .clientCredentials(
                ClientCredentials(tokenURL: "\(server.url)/token", clientID: "id", clientSecret: "secret"))
            #expect(await fixture.failure()?.kind == .rejected)
            #expect(server.requests.map(\.path) == ["/token", "/v1/items", "/token", "/v1/items"])
        }
    }

    @Test(
        "warns of credentials that others can read on the way",
        arguments: [
            ("http://api.invalid", "bearer", "base_url"), ("http://api.invalid/v1", "token", "token_url"),
            ("http://10.255.255.1:1", "bearer", "base_url"), ("http://api.invalid", "none", nil),
            ("https://api.invalid", "bearer", nil), ("https://api.invalid", "token", "token_url"),
            ("http://127.0.0.1:1", "bearer", nil), ("http://localhost:1", "bearer", nil),
            ("http://[::1]:1", "bearer", nil),
        ])
    func inTheClear(url: String, kind: String, setting: String?) async throws {
        var settings = HTTPSettings(baseURL: try Template(url))
        settings.timeouts.connect = .milliseconds(100)
        if kind == "bearer" { settings.authentication = .bearer(token: "secret-token") }
        if kind == "token" {
            settings.authentication = .clientCredentials(
                ClientCredentials(tokenURL: "http://id.invalid/token", clientID: "me", clientSecret: "secret-token"))
        }
        settings.tip = HTTPTipSettings(request: HTTPRequestSettings(), select: nil)
        let warnings = Mutex<[String]>([])
        let source = HTTPSource(settings, name: "node") { text in warnings.withLock { $0.append(text) } }
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
        stream.retry = RetryPolicy(attempts: 1, backoff: .milliseconds(1), maxBackoff: .milliseconds(1))
        await #expect(throws: SourceError.self) {
            _ = try await source.tip(TipRequest(stream: stream, partition: .whole))
        }
        let given = warnings.withLock { $0 }
        #expect(given.count == (setting == nil ? 0 : 1), "\(given)")
        #expect(given.allSatisfy { $0.contains("node") && $0.contains(setting ?? "") && !$0.contains("secret-token") })
    }
}
