import Testing

@testable import Postgres

@Suite("The way to a server")
struct TransportWarningTests {
    @Test(
        "is warned of below verify-full, and not on this machine",
        arguments: [
            ("", false), ("/run/postgresql", false), ("@abstract", false), ("localhost", false), ("127.0.0.1", false),
            ("127.1.2.3", false), ("::1", false), ("db.example.com", true), ("10.0.0.1", true),
            ("127.0.0.1.evil.example", true), ("localhost.evil.example", true), ("fe80::1", true),
        ])
    func hosts(host: String, isRemote: Bool) {
        #expect((ServerRoute(host: host, isEncrypted: false, mode: "disable").warning != nil) == isRemote)
        #expect((ServerRoute(host: host, isEncrypted: true, mode: "require").warning != nil) == isRemote)
        #expect((ServerRoute(host: host, isEncrypted: true, mode: "verify-ca").warning != nil) == isRemote)
        #expect(ServerRoute(host: host, isEncrypted: true, mode: "verify-full").warning == nil)
    }
}
