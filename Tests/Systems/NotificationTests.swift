import Foundation
import Testing
import TestSupport

@Suite("People are told of runs")
struct NotificationTests {
    private static let schema = """
        CREATE TABLE a (n bigint PRIMARY KEY);
        CREATE TABLE b_1 (n bigint PRIMARY KEY);
        """

    /// Prints a window's numbers; fails for `a` while there is a file `broken`, saying what nobody should see.
    private static let fetch = """
        #!/bin/sh
        if [ "$1" = a ] && [ -e broken ] && [ "$2" -le 5 ] && [ "$3" -ge 5 ]; then
            printf '\\033[31mno <!channel> & %s\\n' "$TOKEN" >&2
            exit 1
        fi
        exec awk -v first="$2" -v last="$3" 'BEGIN { print "n"; for (n = first; n <= last; n++) print n }'
        """

    private static func config(on: String) -> String {
        """
        notify: {webhook: "${env:HOOK}", command: [./page-me, ops], on: \(on)}
        defaults: {key: {column: n, type: integer}, expect: {from: 1, to: 30}, batch: 10}
        sources:
          numbers:
            type: command
            command: [./fetch, none]
            format: csv
            environment: {TOKEN: "${env:TOKEN}"}
            retry: {attempts: 1}
        streams:
          a: {source: numbers, table: a, command: [./fetch, a, "{window.first}", "{window.last}"]}
          b: {source: numbers, table: b_1, command: [./fetch, b, "{window.first}", "{window.last}"]}

        """
    }

    private static let files = [
        "fetch": fetch,
        "page-me": "#!/bin/sh\n[ -z \"$HOOK$TEST_DATABASE\" ] && cat >> \"$1\"\n",
    ]

    private func withHook(
        status: Int = 200, on: String = "[failure, healed]",
        _ body: (Installation, HTTPServer) async throws -> Void
    ) async throws {
        try await HTTPServer.with { _ in
            .init("ok", status: status, type: "text/plain")
        } _: { server in
            try await Installation.with(Self.schema) { plain in
                let installation = Installation(
                    database: plain.database, directory: plain.directory,
                    environment: [
                        "HOOK": "\(server.url)/services/canary-hook", "TOKEN": "canary-token", "NO_PROXY": "127.0.0.1",
                    ])
                for (name, text) in Self.files {
                    try installation.directory.write(text, to: name, executable: true)
                }
                try installation.configure(Self.config(on: on))
                try #require(try await installation.lacuna("init").status == 0)
                try await body(installation, server)
            }
        }
    }

    private func text(_ request: HTTPServer.Request) throws -> String {
        let body = try JSONSerialization.jsonObject(with: Data(request.body.utf8)) as? [String: Any]
        return try #require(body?["text"] as? String)
    }

    /// The messages that the program took since the last look.
    private func messages(_ installation: Installation) throws -> [[String: Any]] {
        let lines = installation.lines(of: "ops").joined(separator: "\n")
        try installation.remove("ops")
        return try lines.components(separatedBy: "\n}\n{").enumerated().compactMap { index, part in
            guard !part.isEmpty else { return nil }
            let whole = (index == 0 ? "" : "{") + part + (part.hasSuffix("}") ? "" : "\n}")
            return try JSONSerialization.jsonObject(with: Data(whole.utf8)) as? [String: Any]
        }
    }

    @Test("once where something fails, once where it is healed, and never where there was nothing to do")
    func failureAndHealing() async throws {
        try await withHook { installation, server in
            try installation.directory.write("", to: "broken")
            let plan = try await installation.lacuna("reconcile", "--dry-run")
            #expect(plan.status == 0, "\(plan.errors)")
            #expect(server.requests.isEmpty)

            let failing = try await installation.lacuna("reconcile")
            #expect(failing.status == 1, "\(failing.errors)")
            #expect(server.requests.count == 1)
            let told = try text(try #require(server.requests.first))
            #expect(told.hasPrefix("lacuna reconcile failed on "), "\(told)")
            #expect(told.contains("\(installation.directory.url.lastPathComponent)/lacuna.yaml\n"))
            #expect(told.contains("\na: FAILED ("), "\(told)")
            #expect(told.contains(" committed, 29 rows inserted, 1 failed, 1 unit still missing, "), "\(told)")
            #expect(told.contains("\nb: complete (4 batches committed, 30 rows inserted, "), "\(told)")
            #expect(told.contains("\na 5: `./fetch`"), "\(told)")
            #expect(told.contains("ended with status 1, saying:  [31mno &lt;!channel&gt; &amp; ***"), "\(told)")
            #expect(told.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control })
            for output in [told, failing.output, failing.errors] { #expect(!output.contains("canary")) }

            let paged = try messages(installation)
            #expect(paged.count == 1)
            let page = try #require(paged.first)
            #expect(page["occasion"] as? String == "failure")
            #expect(page["command"] as? String == "reconcile")
            #expect(page["exit_status"] as? Int == 1)
            let runs = try #require(page["runs"] as? [[String: Any]])
            #expect(runs.map { $0["stream"] as? String } == ["a", "b"])
            #expect(runs.map { $0["missing_units"] as? Int } == [1, 0])
            // The program has the plain text.
            #expect((page["text"] as? String)?.contains("no <!channel> & ***") == true)

            // Its windows wait: there is nothing to do, and nothing new to tell.
            #expect(try await installation.lacuna("reconcile").status == 2)
            #expect(server.requests.count == 1)

            // A part of the stream cannot tell whether all of it is healed, and a fill that is still incomplete is not.
            try installation.remove("broken")
            try await installation.database.execute("DELETE FROM a WHERE n = 21")
            let part = try await installation.lacuna("reconcile", "--from", "21")
            #expect(part.status == 0, "\(part.errors)")
            try await installation.database.execute("DELETE FROM a WHERE n = 29")
            #expect(try await installation.lacuna("reconcile", "--retry-now", "--max-batches", "1").status == 2)
            #expect(server.requests.count == 1)

            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            #expect(server.requests.count == 2)
            let healed = try text(try #require(server.requests.last))
            #expect(healed.hasPrefix("lacuna reconcile is complete again on "), "\(healed)")
            #expect(healed.contains("\na: complete (1 batch committed, 1 row inserted, "), "\(healed)")
            #expect(!healed.contains("\nb: "))
            #expect(try messages(installation).map { $0["occasion"] as? String } == ["healed"])

            #expect(try await installation.lacuna("reconcile").output == "a: nothing to do\nb: nothing to do\n")
            try await installation.database.execute("DELETE FROM b_1 WHERE n = 7")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(server.requests.count == 2)
        }
    }

    @Test("of any end where they want that, and of a healing only while the journal knows of the trouble")
    func finished() async throws {
        try await withHook(on: "[healed, finished]") { installation, server in
            try installation.directory.write("", to: "broken")
            #expect(try await installation.lacuna("reconcile").status == 1)
            #expect(try messages(installation).map { $0["occasion"] as? String } == ["finished"])
            try installation.remove("broken")
            try await installation.database.execute("TRUNCATE lacuna.run, lacuna.batch")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try messages(installation).map { $0["occasion"] as? String } == ["finished"])
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.lacuna("catchup").status == 0)
            #expect(try messages(installation).isEmpty)
            #expect(server.requests.count == 2)
        }
    }

    @Test("A dead man's switch hears of each run that begins and of how it ended, and of nothing else")
    func ping() async throws {
        try await HTTPServer.with { _ in
            .init("ok", status: 200, type: "text/plain")
        } _: { server in
            try await withHook { plain, _ in
                let address = "\(server.url)/ping/canary-switch?host=a"
                let installation = Installation(
                    database: plain.database, directory: plain.directory,
                    environment: plain.environment.merging(["PING": address]) { $1 })
                try installation.configure(
                    Self.config(on: "[failure]").replacing(
                        "./page-me, ops]", with: "./page-me, ops], ping: \"${env:PING}\""))
                func heard() -> [String] { server.requests.map { "\($0.method) \($0.target)" } }
                #expect(try await installation.lacuna("reconcile", "--dry-run").status == 0)
                #expect(try await installation.lacuna("gaps").status == 0)
                #expect(heard().isEmpty)
                #expect(try await installation.lacuna("reconcile").status == 0)
                let begin = "GET /ping/canary-switch/start?host=a"
                #expect(heard() == [begin, "GET /ping/canary-switch/0?host=a"])
                // Nothing to do is a run like others here.
                #expect(try await installation.lacuna("reconcile").status == 0)
                #expect(heard().count == 4)
                try installation.directory.write("", to: "broken")
                try await installation.database.execute("DELETE FROM a WHERE n = 5")
                #expect(try await installation.lacuna("reconcile").status == 1)
                #expect(heard().suffix(2) == [begin, "GET /ping/canary-switch/1?host=a"])
                try installation.configure(
                    Self.config(on: "[failure]").replacing(
                        "./page-me, ops]", with: "./page-me, ops], ping: \"http://127.0.0.1:1/canary-switch\""))
                let unheard = try await installation.lacuna("reconcile")
                #expect(
                    unheard.status == 2 && unheard.errors.contains("the dead man's switch could not be told"),
                    "\(unheard)")
                #expect(!unheard.errors.contains("canary"), "\(unheard.errors)")
            }
        }
    }

    @Test("and a notification that fails is a warning, whatever becomes of the run")
    func failing() async throws {
        try await withHook(status: 404, on: "finished") { installation, server in
            try installation.directory.write("#!/bin/sh\nexit 9\n", to: "page-me", executable: true)
            let run = try await installation.lacuna("reconcile", "--format", "json")
            #expect(run.status == 0)
            #expect(server.requests.count == 1)
            #expect(run.errors.contains("warning: the webhook could not be told: it answered 404 Not Found"))
            #expect(run.errors.contains("warning: the command could not be told: `./page-me` ended with status 9"))
            #expect(!run.errors.contains("canary"), "\(run.errors)")
            #expect(!run.output.contains("canary") && run.output.contains("\"state\" : \"done\""))
            let shown = try await installation.lacuna("config")
            #expect(shown.output.contains("webhook: \"***\""))
            #expect(!shown.output.contains("canary"))
        }
    }
}
