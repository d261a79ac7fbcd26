import Foundation
import Synchronization
import TestSupport
import Testing

/// Whether a text holds nothing that a terminal does something else with than to show it, but for line ends.
func isHarmless(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
        switch scalar.value {
        case 0x0A: true
        case 0..<32, 127...159, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: false
        default: true
        }
    }
}

@Suite("Names and values of any kind work everywhere, and do no harm", .timeLimit(.minutes(30)))
struct HostileInstallationTests {
    private static let more = [
        "\u{1B}[31mred", "\u{9B}2J", "\u{1B}]0;title\u{7}", "a\u{202E}b", "\u{2066}x", "%s%n", "$(touch owned)",
        "`touch owned`", "a;b", "../x", "<b>&amp;</b>", "{}", "${env:HOME}", String(repeating: "x", count: 63),
        "\u{7F}", "\u{85}", "a\u{2028}b",
    ]

    /// As YAML and JSON both read it, byte for byte.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for unit in text.utf16 {
            let digits = String(unit, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
        // YAML knows no surrogate pairs.
        guard text.unicodeScalars.allSatisfy({ $0.value < 0x10000 }) else {
            return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        return result + "\""
    }

    private static func identifier(_ text: String) -> String {
        // By Unicode scalars: a quote and a combining mark after it are one character.
        "\"" + text.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }

    /// In the config `${` stands for something.
    private static func written(_ text: String) -> String { quoted(text.replacing("${", with: "$${")) }

    private func run(
        _ installation: Installation, _ commands: [[String]], status: Int32 = 0
    ) async throws {
        for arguments in commands {
            let result = try await installation.start(arguments).wait()
            #expect(result.status == status, "\(arguments): \(result.output.suffix(3000))\(result.errors.suffix(3000))")
            // Metrics are for a program, which needs each label as it is.
            #expect(isHarmless(result.output) || arguments.contains("prometheus"), "\(arguments)")
            #expect(isHarmless(result.errors), "\(arguments): \(result.errors.debugDescription)")
        }
    }

    @Test("as schemas, tables, keys, partition columns, fields, and as streams where a stream can be called so")
    func names() async throws {
        let names = (hostileTexts + Self.more).filter { !$0.isEmpty && !$0.hasPrefix("\u{FEFF}") }
        var sql = "CREATE TABLE public.victim (n int);"
        var config = "sources:\n"
        var streams = "streams:\n"
        var files: [String: String] = [:]
        for (index, name) in names.enumerated() {
            let region = String(name.reversed()) == name ? "region \(index)" : String(name.reversed())
            let (key, partition) = (Self.identifier(name), Self.identifier(region))
            sql += """
                CREATE SCHEMA \(key);
                CREATE TABLE \(key).\(key) (\(key) bigint, \(partition) text, PRIMARY KEY (\(key), \(partition)));
                INSERT INTO \(key).\(key) VALUES (2, 'x');
                """
            files["rows-\(index).ndjson"] = (1...3).map {
                "{\(Self.quoted(name)): \($0), \(Self.quoted(region)): \"x\"}\n"
            }.joined()
            config += "  source\(index): {type: file, path: rows-\(index).ndjson}\n"
            // Streams are told apart as people tell their names apart.
            let isStream =
                name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
                && !names.prefix(index).contains(name)
            streams +=
                "  \(isStream ? Self.written(name) : "s\(index)"):\n"
                + "    {source: source\(index), table: \(Self.written("\(key).\(key)")), key: {column: \(Self.written(name)), type: integer}, "
                + "partitions: {\(Self.quoted(region)): [x]}, expect: {from: 1}, batch: 1}\n"
        }
        try await Installation.with(sql, config: config + streams, files: files) { installation in
            try await run(
                installation,
                [
                    ["config"], ["doctor"], ["gaps", "--report", "--explain"], ["gaps", "--format", "json"],
                    ["gaps", "--format", "html"], ["gaps", "--format", "prometheus"], ["reconcile", "--dry-run"],
                    ["reconcile", "--log-level", "trace"], ["catchup", "--format", "json"], ["status"],
                    ["gaps", "--exit-code"],
                    ["reconcile", "--log-level", "trace", "--log-format", "json"],
                ])
            for name in names {
                let table = Self.identifier(name)
                #expect(
                    try await installation.database.number("SELECT count(*) FROM \(table).\(table)") == 3,
                    "\(name.debugDescription)")
            }
            #expect(try await installation.database.number("SELECT count(*) FROM public.victim") == 0)
        }
    }

    // A config refuses a byte order mark, which YAML would lose.
    private static let regions = (hostileTexts + more).filter { $0 != "\u{FEFF}" }

    private static let sources = [
        "command": #"""
        type: command
            command: [./record, "{window.first}", "{partition.region}", "-{partition.region}-"]
        """#,
        "http": #"""
        type: http
            base_url: URL
            proxy: none
        """#,
        "postgres": #"""
        type: postgres
            database: ${env:TEST_DATABASE}
            query: SELECT n FROM public.origin WHERE n >= {window.first} AND n <= {window.last} AND region = {partition.region}
        """#,
    ]

    @Test(
        "as partition values in arguments, requests, queries, evidence and the journal",
        arguments: ["command", "http", "postgres"])
    func values(kind: String) async throws {
        // An address has no place for an empty segment or one that climbs.
        let regions = Self.regions
        try await HTTPServer.with { request in
            guard let region = request["region"],
                let body = try? JSONSerialization.jsonObject(with: Data(request.body.utf8)) as? [String: String],
                body["region"]?.unicodeScalars.elementsEqual("-\(region)-".unicodeScalars) == true,
                regions.contains(where: { $0.unicodeScalars.elementsEqual(region.unicodeScalars) })
            else { return .init("{\"asked\": \"\(request.target)\"}", status: 400) }
            return .init("[{\"n\": 1}]")
        } _: { server in
            let list = regions.map(Self.written).joined(separator: ", ")
            let source = (Self.sources[kind] ?? "").replacing("URL", with: server.url)
            let request =
                kind == "http"
                ? #"request: {path: /, method: POST, params: {region: "{partition.region}"}, body: '{"region": "-{partition.region}-"}'}"#
                : ""
            let config = """
                sources:
                  origin:
                    \(source)
                streams:
                  s:
                    source: origin
                    table: public.t
                    key: {column: n, type: integer}
                    expect: {from: 1, to: 1}
                    partitions: {region: [\(list)]}
                    \(request)
                """
            try await Installation.with(
                """
                CREATE TABLE public.t (region text COLLATE "C", n bigint, PRIMARY KEY (region, n));
                CREATE TABLE public.origin (region text COLLATE "C", n bigint);
                CREATE TABLE public.victim (n int);
                """, config: config,
                files: [
                    "record": """
                    #!/bin/sh
                    [ "-$2-" = "$3" ] && [ $# = 3 ] || exit 1
                    printf '%s\\0' "$2" >> arguments
                    echo '{"n": 1}'
                    """
                ]
            ) { installation in
                let session = try await installation.database.connect()
                for region in regions {
                    try await session.query(
                        .init(name: "fill", sql: "INSERT INTO public.origin VALUES ($1, 1)", values: [region]))
                }
                await session.close()
                try await run(
                    installation,
                    [
                        ["doctor"], ["gaps", "--report"], ["gaps", "--format", "html"],
                        ["gaps", "--format", "prometheus"],
                        ["reconcile", "--dry-run"], ["reconcile", "--log-level", "trace"], ["status"],
                        ["mark", "s", "--all"], ["gaps"], ["gaps", "--format", "json"], ["status", "--format", "json"],
                        ["reconcile"], ["gaps", "--exit-code"],
                    ])
                let differing = try await installation.database.column(
                    "SELECT region FROM ((TABLE public.t EXCEPT TABLE public.origin) UNION ALL (TABLE public.origin EXCEPT TABLE public.t)) AS d"
                )
                #expect(differing == [])
                #expect(try await installation.database.number("SELECT count(*) FROM lacuna.cursor") == regions.count)
                for region in regions where !region.isEmpty {
                    try await run(installation, [["mark", "s", "--partition", "region=\(region)", "--all"]])
                }
                #expect(
                    !FileManager.default.fileExists(
                        atPath: installation.directory.url.appendingPathComponent("owned").path))
                #expect(try await installation.database.number("SELECT count(*) FROM public.victim") == 0)
                if kind == "command" {
                    let log = try Data(contentsOf: installation.directory.url.appendingPathComponent("arguments"))
                    let given = Set(log.split(separator: 0, omittingEmptySubsequences: false).map(Array.init))
                    #expect(given == Set(regions.map { Array($0.utf8) }))
                }
            }
        }
    }

    @Test(
        "as what servers, programs and files say when they fail: nothing that a terminal obeys is passed on, and no line forged"
    )
    func errors() async throws {
        let said = "\u{1B}[2Jgone\u{9B}31m\u{202E}turned\nlacuna: forged\r\u{7}"
        try await HTTPServer.with { _ in
            .init("{\"error\": \"\(said)\"}", status: 400, headers: [("x", "y")])
        } _: { server in
            let config = """
                defaults: {key: {column: n, type: integer}, expect: {from: 1, to: 4}, retry: {attempts: 1}}
                sources:
                  api: {type: http, base_url: "\(server.url)", proxy: none}
                  program: {type: command, command: [./fail]}
                  archive: {type: file, path: "missing\\e[2J\\nforged: x.csv"}
                  rows: {type: file, path: rows.ndjson}
                  keys: {type: file, path: keys.ndjson}
                streams:
                  api: {source: api, table: public.t, request: {path: /}}
                  program: {source: program, table: public.t}
                  archive: {source: archive, table: public.t}
                  rows: {source: rows, table: public.guarded}
                  keys: {source: keys, table: public.t}
                """
            try await Installation.with(
                """
                CREATE TABLE public.t (n bigint PRIMARY KEY, v text);
                CREATE TABLE public.guarded (n bigint PRIMARY KEY, v text);
                CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    RAISE EXCEPTION '%', NEW.v USING DETAIL = NEW.v, HINT = NEW.v; END $$;
                CREATE TRIGGER refuse BEFORE INSERT ON public.guarded FOR EACH ROW EXECUTE FUNCTION public.refuse();
                """, config: config,
                files: [
                    "fail": "#!/bin/sh\nprintf '\\033[2Jgone\\302\\23331m\\nlacuna: forged\\n\\377\\376' >&2\nexit 1\n",
                    "rows.ndjson": "{\"n\": 1, \"v\": \(Self.quoted(said))}\n",
                    "keys.ndjson": "{\"n\": \(Self.quoted(said))}\n",
                ]
            ) { installation in
                for arguments in [
                    ["reconcile"], ["reconcile", "--retry-now", "--format", "json"], ["catchup", "--format", "json"],
                    ["reconcile", "--retry-now", "--log-level", "trace", "--log-format", "json"],
                    ["reconcile", "--retry-now", "--log-level", "trace"], ["status"], ["status", "--format", "json"],
                    ["doctor"],
                ] {
                    let result = try await installation.start(arguments).wait()
                    let output = result.output + result.errors
                    #expect(isHarmless(output), "\(arguments): \(output.debugDescription)")
                    let lines = output.split(separator: "\n")
                    #expect(
                        !lines.contains { $0.hasPrefix("lacuna: forged") || $0.hasPrefix("forged") },
                        "\(arguments): \(output)")
                    guard arguments.contains("--log-format") else { continue }
                    for line in result.errors.split(separator: "\n") where line.hasPrefix("{") {
                        #expect(throws: Never.self, "\(line)") {
                            try JSONSerialization.jsonObject(with: Data(line.utf8))
                        }
                    }
                }
                let journal = try await installation.database.column(
                    "SELECT error FROM lacuna.batch WHERE error IS NOT NULL")
                #expect(Set(journal).count >= 4)
            }
        }
    }
}
