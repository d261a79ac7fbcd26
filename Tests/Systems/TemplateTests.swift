import Foundation
import TestSupport
import Testing

@Suite("A template")
struct TemplateTests {
    private static let names = ["ledgers", "library", "meetings", "racing", "sports"]

    private func files(_ directory: TestDirectory) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: directory.url.path).sorted()
    }

    @Test("is written whole, names every variable that its config reads, and asks no database", arguments: names)
    func written(name: String) async throws {
        try await TestDirectory.with { directory in
            let nowhere = ["PGHOST": "/nowhere", "DATABASE_URL": "host=/nowhere"]
            let result = try await LacunaProcess.run(
                "init", "--template", name, in: directory.url, environment: nowhere)
            #expect(result.status == 0, "\(result.errors)")
            let written = try files(directory)
            #expect(written.contains("lacuna.yaml") && written.contains("tables.sql"))
            for file in written where file.contains(".") {
                #expect(result.output.contains(file), "\(file) is not named")
            }
            let text = try String(contentsOf: directory.url.appendingPathComponent("lacuna.yaml"), encoding: .utf8)
            let variables = text.matches(of: /\$\{env:([A-Z_]+)\}/).map { String($0.1) }
            #expect(variables.contains("DATABASE_URL"))
            for variable in variables { #expect(result.output.contains("  \(variable)  "), "\(variable) is not named") }
        }
    }

    @Test("leaves everything as it was where one of its files is there already", arguments: names)
    func refused(name: String) async throws {
        try await TestDirectory.with { directory in
            try directory.write("-- mine", to: "tables.sql")
            let result = try await LacunaProcess.run("init", "--template", name, in: directory.url)
            #expect(result.status == 64)
            #expect(result.errors.contains("tables.sql is there already: nothing was written"), "\(result.errors)")
            #expect(try files(directory) == ["tables.sql"])
        }
    }

    @Test("that is not known is refused with the names of those that are")
    func unknown() async throws {
        try await TestDirectory.with { directory in
            let result = try await LacunaProcess.run("init", "--template", "racng", in: directory.url)
            #expect(result.status == 64)
            for name in TemplateTests.names { #expect(result.errors.contains(name), "\(result.errors)") }
            #expect(try files(directory).isEmpty)
        }
    }
}
