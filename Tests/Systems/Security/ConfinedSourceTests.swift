import Foundation
import TestSupport
import Testing

@Suite("What a partition's value may choose")
struct ConfinedSourceTests {
    private static let table = """
        CREATE TABLE t (d date, place text, v text, PRIMARY KEY (place, d));
        CREATE TABLE places (place text);
        """

    private static func config(_ source: String) -> String {
        """
        sources: {files: {\(source)}}
        streams:
          t: {source: files, table: t, key: {column: d, type: date}, partitions: {query: SELECT place FROM places, columns: [place]},
            expect: {from: 2024-01-01, to: 2024-01-02}, batch: 1, retry: {attempts: 1}}

        """
    }

    @Test(
        "is no file outside of the folder and no other program, and nothing of these is shown",
        arguments: [
            "type: file, format: csv, path: \"data/{partition.place}\"",
            "type: command, command: [\"./{partition.place}\"]",
        ])
    func paths(source: String) async throws {
        try await Installation.with(
            Self.table, config: Self.config(source),
            files: ["data/ok": "d,place\n2024-01-01,ok\n2024-01-02,ok\n", "secret": "hidden words\n"]
        ) { installation in
            for value in ["../../../../../../etc/passwd", "../secret", "/etc/passwd", "..", ".", ""] {
                try await installation.database.execute(
                    "TRUNCATE places; INSERT INTO places VALUES ('\(value)'); TRUNCATE lacuna.batch, lacuna.run")
                for arguments in [["doctor"], ["reconcile", "--retry-now"]] {
                    let result = try await installation.start(arguments).wait()
                    let said = result.output + result.errors
                    #expect(!said.contains("root:") && !said.contains("hidden words"), "\(said)")
                    if arguments == ["reconcile", "--retry-now"] {
                        #expect(result.status == 1)
                        #expect(said.contains("cannot be the name of a file or folder"), "\(said)")
                    }
                }
            }
        }
    }

    @Test("is no host that the config does not list, so that credentials go nowhere else")
    func hosts() async throws {
        try await HTTPServer.with { _ in
            .init("[]")
        } _: { server in
            let port = try #require(URL(string: server.url)?.port)
            try await Installation.with(Self.table, config: nil, isInitialised: false) { installation in
                func configure(_ base: String, _ hosts: String) throws {
                    try installation.configure(
                        Self.config(
                            "type: http, proxy: none, base_url: \"\(base)\", auth: {type: bearer, token: secret}\(hosts)"
                        ))
                }
                try configure("http://{partition.place}:\(port)", "")
                let refused = try await installation.lacuna("init")
                #expect(refused.status == 78)
                #expect(
                    refused.errors.contains("base_url leaves it to a placeholder which host is asked"),
                    "\(refused.errors)")
                try configure("http://{partition.place}:\(port)", ", hosts: [\"*.example.com\"]")
                #expect(try await installation.lacuna("init").status == 0)
                try await installation.database.execute("INSERT INTO places VALUES ('127.0.0.1'), ('localhost')")
                let run = try await installation.lacuna("reconcile")
                #expect(run.status == 1)
                // Of failures that are alike the first one says what is wrong, and of the others it is told where they are.
                #expect(run.errors.contains("is none of those under 'hosts'"), "\(run.errors)")
                #expect(run.errors.contains("127.0.0.1") && run.errors.contains("localhost"), "\(run.errors)")
                #expect(server.requests.isEmpty)
                try configure("http://{partition.place}:\(port)", ", hosts: [127.0.0.1]")
                _ = try await installation.lacuna("reconcile", "--retry-now")
                #expect(!server.requests.isEmpty)
            }
        }
    }
}
