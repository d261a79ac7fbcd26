import Foundation
import TestSupport

/// Certificates made for one test by `openssl`: an authority, and a server's that it signed.
struct Certificates {
    let authority: String
    let certificate: String
    let key: String

    /// Makes them in `directory`, under names that begin with `name`.
    ///
    /// - Parameter host: whom the server's certificate is for: a name, or the address 127.0.0.1.
    static func make(_ name: String, host: String, in directory: TestDirectory) async throws -> Certificates {
        func path(_ end: String) -> String { directory.url.appendingPathComponent("\(name)-\(end)").path }
        let subject = host.hasPrefix("127.") ? "IP:\(host)" : "DNS:\(host)"
        let extensions = try directory.write("subjectAltName=\(subject)\n", to: "\(name)-extensions")
        let made = Certificates(authority: path("ca.pem"), certificate: path("server.pem"), key: path("server.key"))
        let elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try await openssl(
            [
                "req", "-x509", "-days", "2", "-subj", "/CN=\(name) authority", "-keyout", path("ca.key"), "-out",
                made.authority,
            ]
                + elliptic)
        try await openssl(["req", "-subj", "/CN=\(host)", "-keyout", made.key, "-out", path("request")] + elliptic)
        try await openssl([
            "x509", "-req", "-days", "2", "-in", path("request"), "-CA", made.authority, "-CAkey", path("ca.key"),
            "-CAcreateserial",
            "-extfile", extensions, "-out", made.certificate,
        ])
        return made
    }

    /// Gives the key to the user whom PostgreSQL runs as, which takes no key that others can read.
    func giveKeyToServer() throws {
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        if getuid() == 0, let user = getpwnam("postgres") { chown(key, user.pointee.pw_uid, user.pointee.pw_gid) }
    }

    private static func openssl(_ arguments: [String]) async throws {
        let result = try await Command.run(["openssl"] + arguments)
        guard result.status == 0 else { throw TestEnvironmentError("openssl failed: \(result.output)") }
    }
}
