import Foundation
import Lacuna
import LacunaSources
import Testing

@testable import LacunaConfig

@Suite("A config with everything in it")
struct ExampleTests {
    static let text = """
        version: 1
        database: ${env:DATABASE_URL}
        defaults: {workers: 8}
        notify: {webhook: "${env:HOOK}", command: [./page-me, ops], ping: "https://h/x", on: [failure, finished]}
        sources:
          node:
            type: command
            command: [./fetch-blocks, "{window.first}", "{window.last}"]
            tip: [./fetch-blocks, --tip]
            format: ndjson
            environment: {API_KEY: "${env:API_KEY}", MODE: ""}
            timeout: 30s
            retry: {attempts: 7, backoff: 5s, max_backoff: 5m}
          archive:
            type: file
            path: data/blocks.csv
          upstream:
            type: postgres
            database: ${env:UPSTREAM_URL}
            query: SELECT * FROM ledgers WHERE sequence BETWEEN {window.first} AND {window.last}
            tip: SELECT max(sequence) FROM ledgers
          racing:
            type: http
            base_url: https://api.example.com/v1
            auth: {type: http_basic, username: me, password: "${env:API_KEY}"}
            rate_limit: {requests: 2, per: 1s}
        streams:
          results:
            source: node
            table: public.ra_results
            primary_key: [race_id, horse_id]
            key: {column: race_date, type: date, timezone: Europe/London}
            partitions: {region: [gb, ire], day: [1, true, "x y"]}
            expect:
              from: 2015-01-01
              to: tip
              delay: 1d
              weekdays: [sat, sun]
            batch: 1 month
            order: oldest
            overlap: 2d
            lookback: 7d
            coalesce: 3
            empty: error
            workers: 2
            load: [sql/races.sql, sql/runners.sql]
            columns: {race_date: date}
            after: [sql/statistics.sql]
            check: sql/suspect.sql
            complete: {rows: {at_least: 24}}
            leases: false
            command: [./fetch-results, "{partition.region}", "{window.first:yyyyMMdd}"]
          blocks:
            source: archive
            table: blocks
            key: {column: number, type: integer, step: 10}
          ledgers:
            source: upstream
            table: ledgers
            key: {column: at, type: timestamp, step: 15m, timezone: Asia/Kolkata}
            partitions: {query: SELECT region FROM regions, columns: [region]}
            timeout: 2m
          races:
            source: racing
            table: races
            key: {column: race_date, type: date}
            request: {path: /results, params: {start_date: "{window.first}"}}
            paginator: {type: page_number}
        """
    static let environment = [
        "DATABASE_URL": "postgres://me:pa%20ss@db.example/x", "UPSTREAM_URL": "host=up password='it\\'s canary'",
        "HOOK": "https://hooks.example.com/services/canary-2", "API_KEY": "canary-1",
    ]

    @Test("reads to exactly these streams")
    func streams() throws {
        try withFixture { fixture in
            let configuration = try fixture.parse(ExampleTests.text, ExampleTests.environment)
            #expect(configuration.path == "lacuna.yaml")
            #expect(configuration.database?.value == "postgres://me:pa%20ss@db.example/x")
            #expect(configuration.streams.map(\.definition.name) == ["results", "blocks", "ledgers", "races"])
            #expect(configuration.streams.map(\.sourceName) == ["node", "archive", "upstream", "racing"])
            let london = try #require(TimeZone(identifier: "Europe/London"))
            var results = StreamDefinition(
                name: "results", table: "public.ra_results", keyColumn: "race_date", keyType: .date(timezone: london))
            results.primaryKey = ["race_id", "horse_id"]
            results.partitions = .product([
                PartitionColumn(name: "region", values: ["gb", "ire"]),
                PartitionColumn(name: "day", values: ["1", "true", "x y"]),
            ])
            results.expect = Expectation(
                from: .unit(16_436), to: .tip, delay: .days(1), calendar: .weekdays([.sat, .sun]))
            results.batch = .months(1)
            results.order = .oldest
            results.overlap = .days(2)
            results.lookback = .days(7)
            results.coalesce = 3
            results.empty = .error
            results.workers = 2
            results.load = [
                SQLScript(path: "sql/races.sql", text: "SELECT 'races';\n"),
                SQLScript(path: "sql/runners.sql", text: "SELECT 'runners';\n"),
            ]
            results.columns = ["race_date": "date"]
            results.after = [SQLScript(path: "sql/statistics.sql", text: "SELECT 'statistics';\n")]
            results.check = SQLScript(path: "sql/suspect.sql", text: "SELECT 'suspect';\n")
            results.complete = .rows(24)
            results.leases = false
            results.retry = RetryPolicy(attempts: 7, backoff: .seconds(5), maxBackoff: .seconds(300))
            #expect(configuration.streams[0].definition == results)
            var blocks = StreamDefinition(
                name: "blocks", table: "blocks", keyColumn: "number", keyType: .integer(step: 10))
            blocks.workers = 8
            #expect(configuration.streams[1].definition == blocks)
            let kolkata = try #require(TimeZone(identifier: "Asia/Kolkata"))
            var ledgers = StreamDefinition(
                name: "ledgers", table: "ledgers", keyColumn: "at", keyType: .timestamp(step: 900, timezone: kolkata))
            ledgers.workers = 8
            ledgers.partitions = .query("SELECT region FROM regions", columns: ["region"])
            #expect(configuration.streams[2].definition == ledgers)
        }
    }

    @Test("reads to exactly these sources, the streams' overrides applied")
    func sources() throws {
        try withFixture { fixture in
            let configuration = try fixture.parse(ExampleTests.text, ExampleTests.environment)
            var command = CommandSettings(
                command: try ["./fetch-results", "{partition.region}", "{window.first:yyyyMMdd}"].map {
                    try Template($0)
                })
            command.tip = try ["./fetch-blocks", "--tip"].map { try Template($0) }
            command.environment = ["API_KEY": "canary-1", "MODE": ""]
            command.withheld = ["DATABASE_URL", "UPSTREAM_URL", "PGPASSWORD", "LACUNA_DATABASE", "HOOK"]
            command.secrets = configuration.secrets
            command.directory = fixture.directory
            command.timeout = .seconds(30)
            #expect(configuration.streams[0].source == .command(command))
            var file = FileSettings(path: try Template("data/blocks.csv"))
            file.directory = fixture.directory
            #expect(configuration.streams[1].source == .file(file))
            var postgres = PostgresSettings(
                query: try Template(
                    "SELECT * FROM ledgers WHERE sequence BETWEEN {window.first} AND {window.last}"))
            postgres.tip = try Template("SELECT max(sequence) FROM ledgers")
            postgres.database = "host=up password='it\\'s canary'"
            postgres.timeout = .seconds(120)
            #expect(configuration.streams[2].source == .postgres(postgres))
        }
    }

    @Test("is read from its file, and what it names from beside it")
    func load() throws {
        try withFixture { fixture in
            try fixture.write(ExampleTests.text, to: "lacuna.yaml")
            let path = fixture.directory + "/lacuna.yaml"
            let configuration = try Configuration.load(path: path, environment: ExampleTests.environment)
            #expect(configuration.path == path)
            #expect(configuration.streams[0].definition.load.count == 2)
        }
    }

    @Test("asks for every setting of the table, and for no other")
    func consulted() throws {
        try withFixture { fixture in
            let reading = Reading(
                path: "lacuna.yaml", directory: fixture.directory, environment: ExampleTests.environment)
            _ = try Configuration.read(ExampleTests.text, reading: reading)
            var groups = [
                SettingsTable.document, SettingsTable.stream, SettingsTable.key, SettingsTable.expect,
                SettingsTable.retry, SettingsTable.partitionQuery, SettingsTable.notify, SettingsTable.complete,
                SettingsTable.completeRows,
            ]
            groups += SourceType.allCases.map(SettingsTable.source)
            // The groups inside an HTTP source are read where they stand; HTTPSettingsTests holds them against values.
            let inner = ["auth", "rate_limit", "request", "paginator"].map { $0 + "." }
            let table = Set(groups.flatMap { group in group.names.map { "\(group.name).\($0)" } })
            // A source's retry is read for its stream, with the source's other settings.
            let consulted = reading.consulted.filter { name in !inner.contains { name.hasPrefix($0) } }
            #expect(consulted.subtracting(table) == [])
            #expect(table.subtracting(consulted) == [])
        }
    }

    @Test("names the same settings in the schema as in the table")
    func schema() throws {
        let data = Data(Configuration.schema.utf8)
        let root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(root["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
        #expect(names(root) == Set(SettingsTable.document.names))
        let definitions = try #require(root["$defs"] as? [String: Any])
        let stream = try #require(definitions["stream"] as? [String: Any])
        #expect(names(stream) == Set(SettingsTable.stream(overriding: nil).names))
        let properties = try #require(stream["properties"] as? [String: [String: Any]])
        #expect(names(properties["key"] ?? [:]) == Set(SettingsTable.key.names))
        #expect(names(properties["expect"] ?? [:]) == Set(SettingsTable.expect.names))
        #expect(names(properties["retry"] ?? [:]) == Set(SettingsTable.retry.names))
        let source = try #require((definitions["source"] as? [String: Any])?["anyOf"] as? [[String: Any]])
        #expect(source.map(names) == SourceType.allCases.map { Set(SettingsTable.source($0).names + ["type"]) })
    }

    @Test("has a row for every setting of every group in the reference, and says what holds if it is absent")
    func reference() {
        let sections = Dictionary(
            uniqueKeysWithValues: Configuration.reference.split(separator: "\n## ").dropFirst().map { section in
                let lines = section.split(separator: "\n")
                return (String(lines[0]), lines.filter { $0.hasPrefix("| `") })
            })
        let groups =
            [
                SettingsTable.document, SettingsTable.notify, SettingsTable.stream, SettingsTable.key,
                SettingsTable.expect, SettingsTable.partitionQuery, SettingsTable.retry, SettingsTable.auth,
                SettingsTable.rateLimit, SettingsTable.timeouts, SettingsTable.request, SettingsTable.tip,
                SettingsTable.paginator, SettingsTable.tls, SettingsTable.onError, SettingsTable.complete,
                SettingsTable.completeRows, SettingsTable.verify, SettingsTable.count,
            ] + SourceType.allCases.map(SettingsTable.source)
        for group in groups {
            let rows = sections[group.name] ?? []
            for setting in group.settings {
                let row = rows.first { $0.hasPrefix("| `\(setting.name)` | ") }
                let fallback = setting.isRequired ? "required" : setting.fallback ?? ""
                #expect(row?.contains(" | \(fallback) | ") == true, "\(group.name).\(setting.name)")
            }
        }
        let unknown = Set(sections.keys).subtracting(groups.map(\.name)).sorted()
        #expect(unknown == ["Values"])
    }

    private func names(_ object: [String: Any]) -> Set<String> {
        Set((object["properties"] as? [String: Any])?.keys ?? [:].keys)
    }
}
