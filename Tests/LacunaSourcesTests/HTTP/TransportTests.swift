import Lacuna
import TestSupport
import Testing

@testable import LacunaSources

@Suite("The way to a server")
struct TransportTests {
    @Test("trusts the authority that the config names, and no other that the system does not know")
    func authority() async throws {
        try await TestDirectory.with { directory in
            let file = try directory.write(TransportTests.certificate, to: "ca.pem")
            let identity = (TransportTests.certificate, TransportTests.key)
            try await HTTPServer.with(identity: identity) { _ in
                .init("[{\"n\":1}]")
            } _: { server in
                var fixture = try HTTPFixture(server)
                let error = try #require(await fixture.failure())
                #expect(error.kind == .transient)
                #expect(server.requests.isEmpty)
                fixture.settings.certificateFile = file
                #expect(try await fixture.fetch().lines == lines(1..<2))
            }
        }
    }

    @Test("leads through the proxy that the environment names")
    func proxy() async throws {
        try await HTTPServer.with { _ in
            .init("", status: 502)
        } _: { proxy in
            var fixture = try HTTPFixture(proxy)
            fixture.settings.baseURL = try Template("http://api.invalid/v1")
            fixture.settings.proxies = ProxyRules(environment: ["http_proxy": proxy.url])
            #expect(await fixture.failure()?.kind == .transient)
            #expect(proxy.requests.first?.host == "api.invalid")
        }
    }

    @Test("shares limits, connections and credentials among the streams of a source, and apart from others")
    func sharing() throws {
        let connections = HTTPConnections()
        let settings = HTTPSettings(baseURL: try Template("https://h"))
        var other = settings
        other.limits.concurrency = 2
        let limiter = connections.limiter(of: "a", settings)
        #expect(limiter === connections.limiter(of: "a", settings))
        #expect(limiter !== connections.limiter(of: "b", settings))
        #expect(limiter !== connections.limiter(of: "a", other))
        #expect(connections.transport(settings) === connections.transport(settings))
        #expect(connections.authenticator(settings) === connections.authenticator(settings))
    }

    /// Of an authority that signed itself, for 127.0.0.1, until 2120. Its key guards nothing.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBYTCCAQagAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtsYWN1bmEg
        dGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
        AwwLbGFjdW5hIHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASZuGH3Xu+9
        mYgxZvYTNZWctpgDyN2ZwNTpT/02NSNpPayjANCoPru/m7B7h+J3XuFsLAp4aIt3
        Hu+xHpWj3J5uo0MwQTAPBgNVHREECDAGhwR/AAABMA8GA1UdEwEB/wQFMAMBAf8w
        HQYDVR0OBBYEFPMUHzPZUOftcMAJD2ONiV58KYWzMAoGCCqGSM49BAMCA0kAMEYC
        IQDvYl3YVI8nCNCYt1Rn9HZvTEsfQm5oVONiDwJ48kOSFAIhAM0Cw/+66QO64SLB
        /EmuuOPanqQoZsI3rWfiE4JFOft2
        -----END CERTIFICATE-----
        """

    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQ9eRd7ddmtrfMrff
        ButgP6b8shFYxS9gNEk1JuXl2e6hRANCAASZuGH3Xu+9mYgxZvYTNZWctpgDyN2Z
        wNTpT/02NSNpPayjANCoPru/m7B7h+J3XuFsLAp4aIt3Hu+xHpWj3J5u
        -----END PRIVATE KEY-----
        """
}
