import Foundation
import TestSupport
import Testing

@Suite("The Grafana dashboard")
struct GrafanaTests {
    private struct Dashboard: Decodable {
        struct Panel: Decodable {
            struct Target: Decodable {
                let rawSql: String?
                let expr: String?
            }

            let id: Int
            let title: String
            let description: String
            let targets: [Target]
        }

        struct Templating: Decodable {
            struct Variable: Decodable {
                let name: String
                let type: String
                let query: String
            }

            let list: [Variable]
        }

        let panels: [Panel]
        let templating: Templating

        static func load() throws -> Dashboard {
            var root = URL(fileURLWithPath: #filePath)
            for _ in 0..<4 { root.deleteLastPathComponent() }
            let file = root.appendingPathComponent("docs/grafana/lacuna.json")
            return try JSONDecoder().decode(Dashboard.self, from: try Data(contentsOf: file))
        }
    }

    @Test("asks a real schema only for what is there, and shows it")
    func queries() async throws {
        let dashboard = try Dashboard.load()
        #expect(Set(dashboard.panels.map(\.id)).count == dashboard.panels.count)
        let schema = """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text);
            INSERT INTO numbers SELECT n, 'v' FROM generate_series(0, 99) AS n WHERE n NOT BETWEEN 40 AND 49;
            """
        try await Installation.with(
            schema, config: Program.source + Program.stream(batch: 10), files: ["numbers": "#!/bin/sh\nexit 1\n"]
        ) { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile").status == 1)
            let metrics = try await installation.lacuna("gaps", "--format", "prometheus").output
            let names = Set(
                metrics.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.prefix { $0 != "{" } })

            let variable = try #require(dashboard.templating.list.first { $0.type == "query" })
            #expect(try await database.column(variable.query) == ["numbers"])
            var firsts: [String: String] = [:]
            for panel in dashboard.panels {
                #expect(!panel.description.isEmpty && panel.targets.count == 1)
                for target in panel.targets {
                    if let sql = target.rawSql {
                        // As Grafana puts in the values of a variable.
                        let values = try await database.column(
                            sql.replacing("${\(variable.name):sqlstring}", with: "'numbers','another'"))
                        #expect(!values.isEmpty, "\(panel.title)")
                        firsts[panel.title] = values.first
                        #expect(!sql.replacing("${\(variable.name):sqlstring}", with: "").contains("$"))
                    } else {
                        let expression = try #require(target.expr)
                        let used = expression.matches(of: /lacuna_[a-z_]+/).map(\.output)
                        #expect(!used.isEmpty)
                        // Nothing succeeded yet, so that metric is not there.
                        for name in used where name != "lacuna_last_success_timestamp_seconds" {
                            #expect(names.contains(name), "\(name) in \(panel.title)")
                        }
                    }
                }
            }
            #expect(firsts["Missing units"] == "10" && firsts["Failing units"] == "10")
            #expect(firsts["Missing units by cause"] == "failing")
            #expect(firsts["What is missing"] == "numbers")
            #expect((Double(firsts["Oldest gap"] ?? "") ?? -1) >= 0)
        }
    }
}
