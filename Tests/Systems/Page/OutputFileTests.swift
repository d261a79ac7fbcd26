import Foundation
import TestSupport
import Testing

@Suite("lacuna gaps --output")
struct OutputFileTests {
    private static let config = """
        sources: {archive: {type: file, path: rows.csv}}
        streams: {numbers: {source: archive, table: numbers, key: {column: n, type: integer}}}

        """

    private func with(_ body: (Installation, String) async throws -> Void) async throws {
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY); INSERT INTO numbers VALUES (1), (3)", config: Self.config
        ) { installation in
            try await body(installation, installation.directory.url.path)
        }
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).filter {
            $0.hasPrefix(".") || $0.hasPrefix("out")
        }.sorted()
    }

    @Test(
        "The file holds what standard output would, in every format",
        arguments: ["text", "json", "csv", "html", "prometheus"])
    func formats(_ format: String) async throws {
        try await with { installation, directory in
            let printed = try await installation.lacuna("gaps", "--format", format)
            let written = try await installation.lacuna("gaps", "--format", format, "--output", "out", "--exit-code")
            #expect(written.status == 2 && written.output.isEmpty && written.errors.isEmpty, "\(written.errors)")
            let text = try String(contentsOfFile: "\(directory)/out", encoding: .utf8)
            // The clock of the page moves on.
            let times = /\d\d:\d\d:\d\d/
            #expect(text.replacing(times, with: "") == printed.output.replacing(times, with: ""))
            #expect(try names(directory) == ["out"])
        }
    }

    @Test("A reader that has the old file open keeps it whole, and the new one has its mode")
    func replacement() async throws {
        try await with { installation, directory in
            let path = "\(directory)/out"
            try "old".write(toFile: path, atomically: false, encoding: .utf8)
            #expect(chmod(path, 0o640) == 0)
            let reader = try #require(FileHandle(forReadingAtPath: path))
            #expect(try await installation.lacuna("gaps", "--output", "out").status == 0)
            #expect(try reader.readToEnd() == Data("old".utf8))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "numbers  2  1 unit\n")
            #expect(try mode(path) == 0o640)
            let umask = try await Command.shell(
                "cd '\(directory)' && umask 027 && \(LacunaProcess.executable.path) gaps --table numbers --column n --database "
                    + "'\(installation.database.connectionString)' --output out-new")
            #expect(umask == 0)
            #expect(try mode("\(directory)/out-new") == 0o640)
        }
    }

    @Test("A link stays a link: what it leads to is replaced")
    func link() async throws {
        try await with { installation, directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/web", withIntermediateDirectories: false)
            try FileManager.default.createSymbolicLink(atPath: "\(directory)/out", withDestinationPath: "web/gaps.txt")
            #expect(try await installation.lacuna("gaps", "--output", "out").status == 0)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/out") == "web/gaps.txt")
            #expect(try String(contentsOfFile: "\(directory)/web/gaps.txt", encoding: .utf8) == "numbers  2  1 unit\n")
        }
    }

    @Test("If something fails, the old file stays as it was, and nothing lies beside it")
    func failures() async throws {
        try await with { installation, directory in
            let path = "\(directory)/out"
            try "old".write(toFile: path, atomically: false, encoding: .utf8)
            // A full disk, as far as a process can have one: no file may grow.
            let full = try await Command.shell(
                "cd '\(directory)' && trap '' XFSZ && ulimit -f 0 && \(LacunaProcess.executable.path) gaps --table numbers --column n --format html "
                    + "--database '\(installation.database.connectionString)' --output out 2> errors-of-it || exit $?")
            #expect(full == 1)
            try await installation.database.execute("DROP TABLE numbers")
            let gone = try await installation.lacuna("gaps", "--format", "html", "--output", "out")
            #expect(gone.status == 1 && gone.output.isEmpty && gone.errors.contains("numbers"), "\(gone.errors)")
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
            #expect(try names(directory) == ["out"])
        }
    }

    @Test(
        "What is no file is not replaced",
        arguments: [("nowhere/out", "No such file"), (".", "no file"), ("/dev/null", "no file")])
    func places(_ path: String, _ message: String) async throws {
        try await with { installation, _ in
            let result = try await installation.lacuna("gaps", "--output", path)
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.errors.contains("--output \(path): ") && result.errors.contains(message), "\(result.errors)")
        }
    }
}
