import Foundation
import Lacuna
import LacunaSources
import Testing

@testable import LacunaConfig

/// Parses configs in a directory of its own, which holds the SQL files and secrets that they name.
struct Fixture {
    let directory: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("lacuna-config-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: url.appendingPathComponent("sql"), withIntermediateDirectories: true)
        directory = url.path
        for name in ["races", "runners", "statistics", "suspect"] {
            try write("SELECT '\(name)';\n", to: "sql/\(name).sql")
        }
    }

    func write(_ text: String, to file: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(file)"))
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: directory)
    }

    func parse(_ text: String, _ environment: [String: String] = [:]) throws(ConfigurationError) -> Configuration {
        try Configuration.parse(text, path: "lacuna.yaml", directory: directory, environment: environment)
    }

    /// The error of a config that must not be accepted.
    func error(_ text: String, _ environment: [String: String] = [:]) -> ConfigurationError? {
        do {
            _ = try parse(text, environment)
            return nil
        } catch {
            return error
        }
    }
}

/// Runs `body` with a fixture that is removed afterwards.
func withFixture<Value>(_ body: (Fixture) throws -> Value) throws -> Value {
    let fixture = try Fixture()
    defer { fixture.remove() }
    return try body(fixture)
}

/// A valid config whose only stream, `blocks`, has an integer key; `stream` adds lines to it.
func integerConfig(_ stream: String = "", source: String = "", top: String = "") -> String {
    config("integer", stream, source: source, top: top)
}

/// A valid config whose only stream, `blocks`, has a date key.
func dateConfig(_ stream: String = "", source: String = "", top: String = "") -> String {
    config("date", stream, source: source, top: top)
}

/// A valid config whose only stream, `blocks`, has an hourly key.
func timestampConfig(_ stream: String = "") -> String {
    config("timestamp, step: 1h", stream, source: "", top: "")
}

private func config(_ type: String, _ stream: String, source: String, top: String) -> String {
    """
    version: 1
    sources:
      node:
        type: command
        command: [./fetch]
    \(indented(source))
    streams:
      blocks:
        source: node
        table: blocks
        key: {column: number, type: \(type)}
    \(indented(stream))
    \(top)
    """
}

private func indented(_ lines: String) -> String {
    lines.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }.joined(separator: "\n")
}
