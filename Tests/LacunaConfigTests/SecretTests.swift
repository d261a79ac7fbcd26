import Foundation
import Lacuna
import LacunaSources
import Testing

@testable import LacunaConfig

@Suite("Secrets")
struct SecretTests {
    static let canary = "CANARY{window.first}: [x]"

    @Test("are taken from the environment and from files, anywhere in a value")
    func interpolation() throws {
        try withFixture { fixture in
            try fixture.write("from-file\r\n", to: "token")
            try fixture.write("two\n\n", to: "lines")
            let text = integerConfig(
                "environment: {A: \"<${env:ONE}-${file:token}>\", B: '$${env:ONE}', C: '${file:lines}', D: '$$5 $$ {'}\n"
                    + "workers: ${env:WORKERS}")
            let configuration = try fixture.parse(text, ["ONE": "1-canary", "WORKERS": "7"])
            guard case .command(let settings) = configuration.streams[0].source else {
                Issue.record("not a command")
                return
            }
            #expect(
                settings.environment == ["A": "<1-canary-from-file>", "B": "${env:ONE}", "C": "two\n", "D": "$$5 $$ {"])
            #expect(configuration.streams[0].definition.workers == 7)
            #expect(configuration.secrets == ["1-canary", "from-file", "two\n", "7"])
        }
    }

    @Test("are never read as templates or as YAML")
    func literal() throws {
        try withFixture { fixture in
            let text = integerConfig("command: [./fetch, \"--token=${env:TOKEN}\", \"$${HOME}\", \"{window.last}\"]")
            let configuration = try fixture.parse(text, ["TOKEN": SecretTests.canary])
            guard case .command(let settings) = configuration.streams[0].source else {
                Issue.record("not a command")
                return
            }
            let request = FetchRequest(
                stream: configuration.streams[0].definition, partition: .whole, window: 10..<20)
            let rendered = try settings.command.map { try $0.render(request) }
            #expect(rendered == ["./fetch", "--token=\(SecretTests.canary)", "${HOME}", "19"])
        }
    }

    static let problems: [WrongConfig] = [
        WrongConfig(
            integerConfig(top: "database: ${env:DATABASE_URL}"), at: "13:11",
            "environment variable DATABASE_URL is not set; set it, or"),
        WrongConfig(integerConfig(top: "database: ${env:}"), at: "13:11", "is not set"),
        WrongConfig(integerConfig(top: "database: ${HOME}"), at: "13:11", "'${HOME}' is not known"),
        WrongConfig(integerConfig(top: "database: ${env:HOME"), at: "13:11", "'${' without '}'"),
        WrongConfig(
            integerConfig(top: "database: ${file:none}"), at: "13:11", "cannot read 'none': there is no such file"),
        WrongConfig(integerConfig(top: "database: ${file:sql}"), at: "13:11", "cannot read 'sql': it is a directory"),
        WrongConfig(integerConfig(top: "database: ${file:/dev/zero}"), at: "13:11", "larger than 1 MiB"),
        WrongConfig(
            integerConfig(top: "database: ${env:EMPTY}"), at: "13:11", "'database' is empty", environment: ["EMPTY": ""]
        ),
    ]

    @Test("that cannot be had are named with their place", arguments: problems)
    func missing(_ wrong: WrongConfig) throws {
        try expectRefusal(wrong)
    }

    /// Settings in which a secret is not a valid value, or stands beside something that is not.
    static let leaks = [
        "workers: ${env:TOKEN}", "batch: ${env:TOKEN}", "order: ${env:TOKEN}", "leases: ${env:TOKEN}",
        "expect: {from: \"${env:TOKEN}\"}", "expect: {to: \"today - ${env:TOKEN}\"}", "source: ${env:TOKEN}",
        "load: ${env:TOKEN}", "command: [\"{${env:TOKEN}\"]", "command: [\"{x} ${env:TOKEN}\"]",
        "command: [\"{partition.${env:TOKEN}}\"]", "key: {column: n, type: \"${env:TOKEN}\"}",
        "key: {column: n, type: date, timezone: \"${env:TOKEN}\"}", "retry: ${env:TOKEN}",
        "command: \"${env:TOKEN}\"", "partitions: {a: [\"${env:TOKEN}\", \"${env:TOKEN}\"]}",
        "primary_key: [\"${env:TOKEN}\", \"${env:TOKEN}\"]", "check: ${file:missing-${env:TOKEN}}",
    ]

    @Test("are in no error", arguments: leaks)
    func errors(_ setting: String) throws {
        try withFixture { fixture in
            let name = String(setting.prefix { $0 != ":" })
            var lines = integerConfig().split(separator: "\n", omittingEmptySubsequences: false)
            lines.removeAll { $0.hasPrefix("    \(name):") && $0 != "    command: [./fetch]" }
            let config = lines.joined(separator: "\n") + "    \(setting)\n"
            for token in ["canary", "ca{nary", "qzx", "xcanary" + String(repeating: "y", count: 700)] {
                let error = try #require(fixture.error(config, ["TOKEN": token]))
                for part in ["nary", "qzx", "yyy"] {
                    #expect(!error.description.contains(part), "\(error)")
                    #expect(!"\(error.problems)".contains(part))
                }
            }
        }
    }

    @Test(
        "in connection strings are known as written and as meant",
        arguments: [
            ("postgres://me:pa%20ss@h/db", ["pa%20ss", "pa ss"]),
            ("postgresql://h/db?user=x&password=q%21&sslpassword=k", ["q%21", "q!", "k"]),
            ("postgresql://me@h/db", []),
            ("postgres://me:a@b@h/db", ["a", "a@b"]),
            ("host=h password=plain user=u", ["plain"]),
            ("host=h password = 'it\\'s here' user=u", ["it's here", "it\\'s here"]),
            ("password='", []),
            ("service=x", []),
        ])
    func connectionStrings(_ text: String, _ passwords: [String]) {
        #expect(ConnectionString.passwords(in: text) == Set(passwords))
    }

    @Test("are not in the config as it is shown")
    func redacted() throws {
        try withFixture { fixture in
            let configuration = try fixture.parse(
                ExampleTests.text + "\n"
                    + """
                      extra:
                        source: upstream
                        database: postgres://me:written-canary@h/db
                        table: written-canary
                        key: {column: n, type: integer}
                        query: SELECT '${env:API_KEY}'
                    """,
                ExampleTests.environment)
            let shown = configuration.redacted()
            for secret in configuration.secrets { #expect(!shown.contains(secret), "\(shown)") }
            #expect(!shown.contains("written-canary"))
            #expect(shown.contains("database: \"***\"\n"))
            #expect(shown.contains("query: \"SELECT '***'\"\n"))
            #expect(shown.contains("postgres://me:***@h/db"))
            #expect(shown.contains("    workers: 8\n"))
            #expect(!shown.contains("defaults"))
            #expect(!"\(String(describing: configuration.database))".contains("pa%20ss"))
            var dumped = ""
            dump(configuration.database, to: &dumped)
            #expect(!dumped.contains("pa%20ss"))
            #expect(configuration.secrets.contains("written-canary"))
        }
    }

    @Test("and what is shown is a config that reads the same")
    func roundTrip() throws {
        try withFixture { fixture in
            let first = try fixture.parse(ExampleTests.text, ExampleTests.environment)
            // What stands for a secret is no address.
            let shown = first.redacted().replacing("webhook: \"***\"", with: "webhook: https://hooks.example.com/x")
                .replacing("ping: \"***\"", with: "ping: https://switch.example.com/x")
            let second = try fixture.parse(shown)
            #expect(second.streams.map(\.definition) == first.streams.map(\.definition))
            #expect(second.notifications?.command == first.notifications?.command)
            #expect(second.notifications?.occasions == first.notifications?.occasions)
        }
    }
}
