import Foundation
import TestSupport
import Testing

@Suite("Over TLS")
struct TransportSystemTests {
    private struct Try {
        let options: String
        var isRefused = false
        /// A part of the warning; empty where there is none.
        var warning = ""
        /// A part of the error.
        var error = ""
    }

    @Test(
        "a database is what its certificate proves, and Lacuna says where nobody asked for the proof",
        .timeLimit(.minutes(30)))
    func database() async throws {
        try await TestDirectory.with { directory in
            let right = try await Certificates.make("right", host: "db.test", in: directory)
            let wrong = try await Certificates.make("wrong", host: "db.test", in: directory)
            try right.giveKeyToServer()
            let port = try FreePort.find()
            let settings = [
                "listen_addresses=127.0.0.1", "ssl=on", "ssl_cert_file=\(right.certificate)",
                "ssl_key_file=\(right.key)",
            ]
            try await PrivateServer.with(settings: settings, port: port) { server in
                try await server.execute("CREATE TABLE t (n bigint PRIMARY KEY); INSERT INTO t VALUES (1), (3)")
                let tries = [
                    Try(options: "host=db.test sslmode=verify-full sslrootcert=\(right.authority)"),
                    Try(
                        options: "host=other.test sslmode=verify-full sslrootcert=\(right.authority)", isRefused: true,
                        error: "does not match host name"),
                    Try(
                        options: "host=db.test sslmode=verify-full sslrootcert=\(wrong.authority)", isRefused: true,
                        error: "certificate verify failed"),
                    Try(
                        options: "host=other.test sslmode=verify-ca sslrootcert=\(right.authority)",
                        warning: "was not checked to be for that host"),
                    Try(
                        options: "host=db.test sslmode=verify-ca sslrootcert=\(wrong.authority)", isRefused: true,
                        error: "certificate verify failed"),
                    Try(options: "host=db.test sslmode=require", warning: "it may be anybody (sslmode=require)"),
                    Try(options: "host=db.test", warning: "it may be anybody (sslmode=prefer)"),
                    Try(options: "host=db.test sslmode=disable", warning: "is not encrypted: set sslmode=verify-full"),
                    Try(options: "host=127.0.0.1 sslmode=disable"),
                ]
                for tried in tries {
                    let connection = "\(tried.options) hostaddr=127.0.0.1 port=\(port) user=postgres dbname=postgres"
                    try await check(tried, connection, in: directory)
                }
                try await source(
                    "host=db.test hostaddr=127.0.0.1 port=\(port) user=postgres dbname=postgres sslmode=require",
                    own: server.connectionString(), in: directory)
            }
        }
    }

    private func check(_ tried: Try, _ connection: String, in directory: TestDirectory) async throws {
        let result = try await LacunaProcess.run(
            "gaps", "--table", "t", "--column", "n", "--database", connection, in: directory.url,
            environment: ["HOME": directory.url.path])
        #expect(result.status == (tried.isRefused ? 1 : 0), "\(tried.options): \(result.errors)")
        #expect(result.output.contains("public.t  2  1 unit") != tried.isRefused, "\(tried.options): \(result.output)")
        #expect(tried.error.isEmpty || result.errors.contains(tried.error), "\(tried.options): \(result.errors)")
        let warnings = result.errors.split(separator: "\n").filter { $0.contains("warning:") }
        #expect(warnings.count == (tried.warning.isEmpty ? 0 : 1), "\(tried.options): \(result.errors)")
        #expect(tried.warning.isEmpty || result.errors.contains(tried.warning), "\(tried.options): \(result.errors)")
    }

    /// A source's database is looked at in the same way, and told of once for all its sessions.
    private func source(_ address: String, own: String, in directory: TestDirectory) async throws {
        try directory.write(
            """
            version: 1
            database: ${env:OWN}
            sources:
              upstream:
                type: postgres
                database: ${env:UPSTREAM}
                query: SELECT n FROM t WHERE n BETWEEN {window.first} AND {window.last}
                tip: SELECT max(n) FROM t
            streams:
              copy: {source: upstream, table: public.copy, key: {column: n, type: integer}, expect: {from: 1}, batch: 1}
            """, to: "lacuna.yaml")
        let environment = ["OWN": own, "UPSTREAM": address]
        for table in ["CREATE TABLE copy (n bigint PRIMARY KEY)"] {
            let made = try await Command.run(["psql", "-X", "-d", own, "-c", table])
            #expect(made.status == 0, "\(made.output)")
        }
        let prepared = try await LacunaProcess.run("init", in: directory.url, environment: environment)
        #expect(prepared.status == 0, "\(prepared.errors)")
        let run = try await LacunaProcess.run("reconcile", in: directory.url, environment: environment)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.errors.components(separatedBy: "it may be anybody (sslmode=require)").count == 2, "\(run.errors)")
    }

    @Test(
        "an API is what its certificate proves: a wrong host or an unknown authority gets no request",
        .timeLimit(.minutes(30)))
    func api() async throws {
        try await TestDirectory.with { directory in
            let right = try await Certificates.make("right", host: "127.0.0.1", in: directory)
            let elsewhere = try await Certificates.make("elsewhere", host: "db.test", in: directory)
            for (server, trusted, isTaken) in [
                (right, right.authority, true), (right, elsewhere.authority, false),
                (elsewhere, elsewhere.authority, false), (right, nil, false),
            ] as [(Certificates, String?, Bool)] {
                let identity = (
                    try String(contentsOfFile: server.certificate, encoding: .utf8),
                    try String(contentsOfFile: server.key, encoding: .utf8)
                )
                try await HTTPServer.with(identity: identity) { _ in
                    .init(#"[{"n": 1}]"#)
                } _: { api in
                    try await ask(api, trusting: trusted, isTaken: isTaken)
                }
            }
        }
    }

    private func ask(_ api: HTTPServer, trusting authority: String?, isTaken: Bool) async throws {
        let config = """
            sources:
              api:
                type: http
                base_url: \(api.url)
                auth: {type: bearer, token: "${env:TOKEN}"}
                proxy: none
                retry: {attempts: 1}
                \(authority.map { "tls: {ca_file: \"\($0)\"}" } ?? "")
            streams:
              t: {source: api, table: public.t, key: {column: n, type: integer}, expect: {from: 1, to: 1}, request: {path: /}}
            """
        try await Installation.with("CREATE TABLE public.t (n bigint PRIMARY KEY)") { plain in
            let installation = Installation(
                database: plain.database, directory: plain.directory, environment: ["TOKEN": "canary-token"])
            try installation.configure(config)
            let prepared = try await installation.lacuna("init")
            #expect(prepared.status == 0, "\(prepared.errors)")
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == (isTaken ? 0 : 1), "\(run.errors)")
            #expect(api.requests.isEmpty != isTaken)
            #expect(try await installation.database.number("SELECT count(*) FROM public.t") == (isTaken ? 1 : 0))
        }
    }
}
