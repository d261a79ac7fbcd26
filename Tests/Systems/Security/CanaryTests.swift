import Foundation
import Synchronization
import TestSupport
import Testing

/// A secret that can be told from all others in whatever is written. What stands around its core is spelt in many ways.
private struct Canary {
    let core: String
    var value: String { "c'4\"n\\ \(core)/é&+%{x}" }
    /// For where a value is read by somebody else first.
    var plain: String { "x\(core)x" }

    init(_ name: String) {
        core = "CANARY\(name.uppercased())"
    }
}

@Suite("A secret", .timeLimit(.minutes(30)))
struct CanaryTests {
    private static let database = Canary("database")
    private static let upstream = Canary("upstream")
    private static let hook = Canary("hook")
    private static let login = Canary("login")
    private static let token = Canary("token")
    private static let header = Canary("header")
    private static let parameter = Canary("parameter")
    private static let body = Canary("body")
    private static let argument = Canary("argument")
    private static let own = Canary("own")
    private static let query = Canary("query")
    private static let environment = Canary("environment")

    private static let all = [
        database, upstream, hook, login, token, header, parameter, body, argument, own, query, environment,
    ]

    private static let tables = """
        CREATE TABLE public.api (n bigint PRIMARY KEY, v text);
        CREATE TABLE public.posted (n bigint PRIMARY KEY, v text);
        CREATE TABLE public.program (n bigint PRIMARY KEY, v text);
        CREATE TABLE public.asked (n bigint PRIMARY KEY, v text);
        """

    private static let authentications = [
        "{type: bearer, token: \"${env:LOGIN}\"}", "{type: api_key, header: x-key, key: \"${env:LOGIN}\"}",
        "{type: api_key, param: k, key: \"${env:LOGIN}\"}",
        "{type: http_basic, username: me, password: \"${env:LOGIN}\"}",
        "{type: oauth2_client_credentials, token_url: \"URL/token\", client_id: me, client_secret: \"${env:LOGIN}\"}",
    ]

    private static func config(_ url: String, authentication: String) -> String {
        """
        notify: {webhook: "${env:HOOK}", command: [./tell], on: [failure, healed, finished]}
        defaults: {key: {column: n, type: integer}, expect: {from: 1, to: 9}, batch: 5}
        sources:
          api:
            type: http
            base_url: \(url)/v1
            proxy: none
            auth: \(authentication.replacing("URL", with: url))
            headers: {x-extra: "${file:header}"}
            retry: {attempts: 1}
            tip: {path: /tip}
          program:
            type: command
            command: [./fetch, "${env:ARGUMENT}"]
            tip: [./fetch, "${env:ARGUMENT}", tip]
            environment: {GIVEN: "${env:OWN}"}
            retry: {attempts: 1}
          upstream:
            type: postgres
            database: ${env:UPSTREAM}
            query: SELECT 1 AS n, '${env:QUERY}'::int
            tip: SELECT '${env:QUERY}'::int
            retry: {attempts: 1}
        streams:
          api: {source: api, table: public.api, request: {path: "/echo", params: {who: "${env:PARAMETER}"}}}
          posted:
            source: api
            table: public.posted
            request: {path: /away, method: POST, body: '{"who": "${env:BODY}"}'}
          program: {source: program, table: public.program}
          asked: {source: upstream, table: public.asked}
          api_tip: {source: api, table: public.api, expect: {from: 1}, request: {path: "/echo"}}
          program_tip: {source: program, table: public.program, expect: {from: 1}}
          asked_tip: {source: upstream, table: public.asked, expect: {from: 1}}
        """
    }

    private static let files = [
        "header": header.plain + "\n",
        "fetch": #"""
        #!/bin/sh
        env > environment-of-fetch
        ls -l /proc/self/fd > files-of-fetch 2>/dev/null
        echo "no $1 $GIVEN" >&2
        echo "no $GIVEN $1 and $GIVEN again" >&2
        exit 1
        """#,
        "tell": "#!/bin/sh\nenv > environment-of-tell\ncat >> told\n",
    ]

    /// An API that fails and repeats everything that it was told, in every way that a server may.
    @Sendable private static func answer(_ request: HTTPServer.Request) async -> HTTPServer.Response {
        let told = ([request.target, request.body] + request.headers.values.sorted()).joined(separator: " ")
        switch request.path {
        case "/token": return .init(#"{"access_token": "\#(token.plain)", "expires_in": 3600}"#)
        case "/hook/\(hook.plain)": return .init("ok \(hook.plain)", status: 500, type: "text/plain")
        case "/v1/tip":
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            let body = (try? encoder.encode(["error": told])) ?? Data()
            return .init(String(decoding: body, as: UTF8.self), status: 403)
        case "/v1/away":
            let target = "http://\(login.plain).example/\(body.plain)?\(token.plain)"
            return .init("", status: 307, headers: [("location", target)])
        default: return .init(told, status: 400, type: "text/plain")
        }
    }

    private func withInstallation(_ body: (Installation, HTTPServer) async throws -> Void) async throws {
        try await HTTPServer.with(Self.answer) { server in
            try await Installation.with(Self.tables) { plain in
                let address = plain.database.connectionString
                let installation = Installation(
                    database: TestDatabase(
                        name: plain.database.name,
                        connectionString: TestDatabase.adding("password", Self.database.plain, to: address)),
                    directory: plain.directory,
                    environment: [
                        "UPSTREAM": TestDatabase.adding("password", Self.upstream.plain, to: address),
                        "HOOK": "\(server.url)/hook/\(Self.hook.plain)", "LOGIN": Self.login.plain,
                        "PARAMETER": Self.parameter.value, "BODY": Self.body.plain, "ARGUMENT": Self.argument.value,
                        "OWN": Self.own.value, "QUERY": Self.query.plain, "PGPASSWORD": Self.environment.plain,
                        "NO_PROXY": "127.0.0.1",
                    ])
                for (name, text) in Self.files {
                    try installation.directory.write(text, to: name, executable: text.hasPrefix("#!"))
                }
                try await body(installation, server)
            }
        }
    }

    /// The canaries that a text holds, plain or in base64.
    private func canaries(in text: String, except known: [Canary] = []) -> [String] {
        Self.all.filter { canary in !known.contains { $0.core == canary.core } }.flatMap { canary in
            let forms = [canary.value, canary.plain, "me:\(canary.plain)"].map { Data($0.utf8).base64EncodedString() }
            return ([canary.core, canary.core.lowercased()] + forms).filter(text.contains)
        }
    }

    private static let commands = [
        ["init"], ["config"], ["doctor"], ["gaps"], ["gaps", "--report", "--explain"], ["gaps", "--tip"],
        ["gaps", "--format", "json", "--explain"], ["gaps", "--format", "csv"], ["gaps", "--format", "html"],
        ["gaps", "--format", "prometheus"], ["reconcile", "--dry-run"], ["reconcile", "--dry-run", "--format", "json"],
        ["reconcile"], ["reconcile", "--retry-now", "--format", "json"],
        ["reconcile", "--retry-now", "--log-level", "trace", "--log-format", "json"],
        ["reconcile", "--retry-now", "--log-level", "trace"], ["catchup"], ["catchup", "--format", "json"],
        ["status"], ["status", "--format", "json"], ["schedule"], ["mark", "program", "--all"],
    ]

    @Test("is in nothing that is printed, logged, journalled or sent, however a source or a server repeats it")
    func redaction() async throws {
        try await withInstallation { installation, server in
            var said = ""
            for authentication in Self.authentications {
                try installation.configure(Self.config(server.url, authentication: authentication))
                for arguments in Self.commands {
                    let result = try await installation.start(arguments).wait()
                    let output = result.output + result.errors
                    #expect(canaries(in: output) == [], "\(authentication) \(arguments): \(output)")
                    said += output
                }
            }
            // What was to be repeated was repeated: with the mask in its place.
            for expected in [
                "answered 400", "answered 403", "307 to another origin",
                "invalid input syntax for type integer: \"***\"",
                "saying: no *** ***", "the webhook could not be told: it answered 500",
            ] {
                #expect(said.contains(expected), "\(expected)")
            }
            for table in try await installation.database.column(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'lacuna'")
            {
                let rows = try await installation.database.column("SELECT t::text FROM \(table) AS t")
                #expect(canaries(in: rows.joined(separator: "\n")) == [], "\(table)")
            }
            #expect(
                try await installation.database.number("SELECT count(*) FROM lacuna.batch WHERE error LIKE '%***%'") > 0
            )

            let messages = server.requests.filter { $0.path.hasPrefix("/hook") }.map(\.body)
            #expect(messages.count >= 5)
            #expect(canaries(in: messages.joined()) == [])
            let told = installation.lines(of: "told").joined(separator: "\n")
            #expect(told.contains("\"occasion\" : \"failure\""))
            #expect(canaries(in: told) == [])
        }
    }

    @Test("reaches no program but the one whose own settings name it, and the database in no statement's text")
    func children() async throws {
        try await withInstallation { installation, server in
            try installation.configure(Self.config(server.url, authentication: Self.authentications[0]))
            #expect(try await installation.lacuna("init").status == 0)
            let run = try installation.start(["reconcile", "api", "program"])
            var statements: Set<String> = []
            while run.isRunning {
                statements.formUnion(
                    try await installation.database.column(
                        "SELECT application_name || ' ' || query FROM pg_stat_activity WHERE datname = current_database()"
                    ))
            }
            #expect(try await run.wait().status == 1)
            #expect(statements.contains { $0.hasPrefix("lacuna ") })
            #expect(canaries(in: statements.joined(separator: "\n")) == [])

            // The test's own copy, under a name of which the config says nothing.
            func environment(_ file: String) -> String {
                installation.lines(of: file).filter { !$0.hasPrefix("DATABASE_URL=") }.joined(separator: "\n")
            }
            let fetch = environment("environment-of-fetch")
            #expect(fetch.contains("GIVEN=\(Self.own.value)"))
            #expect(fetch.contains("PATH="))
            #expect(canaries(in: fetch, except: [Self.own, Self.argument]) == [])
            let tell = environment("environment-of-tell")
            #expect(tell.contains("PATH="))
            #expect(canaries(in: tell) == [])
            #if os(Linux)
                // No connection of Lacuna's own is open in a program that it started.
                let open = installation.lines(of: "files-of-fetch")
                #expect(open.count >= 3)
                #expect(!open.contains { $0.contains("socket:") || $0.contains("anon_inode") }, "\(open)")
            #endif
        }
    }

    @Test("may come from a service file or a passfile, or after --database, and is as little shown")
    func files() async throws {
        try await withInstallation { installation, server in
            let socket = try await installation.database.value(
                "SELECT split_part(current_setting('unix_socket_directories'), ',', 1)")
            try installation.directory.write(
                """
                [lac]
                host=\(socket)
                dbname=\(installation.database.name)
                password=\(Self.database.plain)

                """, to: "services")
            let passfile = try installation.directory.write("*:*:*:*:\(Self.upstream.plain)\n", to: "passes")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: passfile)
            var withFiles = installation
            withFiles.environment["PGSERVICEFILE"] = "services"
            withFiles.environment["PGPASSFILE"] = passfile
            try installation.configure(Self.config(server.url, authentication: Self.authentications[0]))
            let addresses = [
                "service=lac", "service=lac dbname=nowhere", "service=nowhere", installation.database.connectionString,
            ]
            for address in addresses {
                for arguments in [["init"], ["doctor"], ["reconcile", "program"], ["status"]] {
                    let result = try await withFiles.start(arguments + ["--database", address, "--log-level", "trace"])
                        .wait()
                    #expect(canaries(in: result.output + result.errors) == [], "\(address) \(arguments)")
                    let isFound = !address.contains("nowhere")
                    #expect(
                        (result.status == 0) == (isFound && arguments[0] != "doctor" && arguments[0] != "reconcile"),
                        "\(address) \(arguments) \(result.errors)")
                    let isTold = result.errors.contains("everybody on this machine can read the password")
                    #expect(isTold == address.contains(Self.database.core))
                }
            }
        }
    }
}
