import Foundation
import Lacuna
import LacunaSources
import TestSupport
import Testing

@Suite("A command source")
struct CommandSourceTests {
    private func source(
        _ script: String, in directory: TestDirectory, change: (inout CommandSettings) -> Void = { _ in }
    ) throws -> SourceFixture {
        try directory.write("#!/bin/sh\n\(script)\n", to: "fetch", executable: true)
        var settings = CommandSettings(
            command: [try Template("./fetch"), try Template("{window.first}"), try Template("{window.last}")])
        settings.tip = [try Template("./fetch"), try Template("tip")]
        settings.directory = directory.url.path
        change(&settings)
        return SourceFixture(CommandSource(settings))
    }

    private let count = #"i=$1; while [ $i -le $2 ]; do echo "{\"n\": $i}"; i=$((i+1)); done"#

    @Test("gives the window's ends as arguments and takes the records from standard output")
    func fetches() async throws {
        try await TestDirectory.with { directory in
            let fixture = try source(count, in: directory)
            #expect(try await fetchLines(fixture, 5..<8) == [#"{"n": 5}"#, #"{"n": 6}"#, #"{"n": 7}"#])
        }
    }

    private func fetchLines(_ fixture: SourceFixture, _ window: Range<Int64>) async throws -> [String] {
        try await fixture.fetch(window).lines
    }

    @Test("is no shell: what stands in an argument stays one argument")
    func noShell() async throws {
        try await TestDirectory.with { directory in
            let fixture = try source(#"echo "{\"n\": 5, \"args\": $#}""#, in: directory) {
                $0.command.append(
                    contentsOf: [try? Template("a b; touch owned"), try? Template("$(touch owned)")].compactMap(\.self))
            }
            #expect(try await fetchLines(fixture, 5..<6) == [#"{"n": 5, "args": 4}"#])
            #expect(!FileManager.default.fileExists(atPath: directory.url.appendingPathComponent("owned").path))
        }
    }

    @Test("refuses everything where the program fails after printing rows, and tells what it said")
    func failsLate() async throws {
        try await TestDirectory.with { directory in
            let fixture = try source("\(count); echo 'node is syncing' >&2; exit 3", in: directory)
            let error = await #expect(throws: SourceError.self) { try await fixture.fetch(5..<8) }
            #expect(error?.kind == .unknown)
            #expect(error?.message.contains("status 3") == true)
            #expect(error?.message.contains("node is syncing") == true)
        }
    }

    @Test("shows no part of a secret, wherever what the program says is cut")
    func masksComplaints() async throws {
        try await TestDirectory.with { directory in
            for length in [0, 1, 1990, 65_530, 65_534, 70_000] {
                // The secret ends so many bytes before the end of what is said.
                let fixture = try source(
                    "(printf 'canary-secret-c4nary'; head -c \(length) /dev/zero | tr '\\0' x) >&2; exit 1",
                    in: directory
                ) {
                    $0.secrets = ["canary-secret-c4nary"]
                }
                let error = await #expect(throws: SourceError.self) { try await fixture.fetch(5..<8) }
                let message = error?.message ?? ""
                #expect(!message.contains("nary") && !message.contains("secret"), "\(message.prefix(200))")
                #expect(message.utf8.count < 2500)
            }
        }
    }

    @Test("names a program that is not there")
    func noProgram() async throws {
        try await TestDirectory.with { directory in
            var settings = CommandSettings(command: [try Template("./nowhere")])
            settings.directory = directory.url.path
            let fixture = SourceFixture(CommandSource(settings))
            let error = await #expect(throws: SourceError.self) { try await fixture.fetch(5..<8) }
            #expect(error?.kind == .permanent)
            #expect(error?.message.contains("./nowhere") == true)
        }
    }

    @Test("ends a program that runs too long, with its children")
    func timeout() async throws {
        try await TestDirectory.with { directory in
            // A machine that takes longer to start the program than it may run has not shown anything.
            var limit = Duration.milliseconds(500)
            try await LongestWait.until("the program has come far enough") {
                let time = limit
                limit *= 2
                let fixture = try source("sleep \(LongestWait.seconds) & echo $! > child; wait", in: directory) {
                    $0.timeout = time
                }
                let error = await #expect(throws: SourceError.self) { try await fixture.fetch(5..<8) }
                #expect(error?.message.contains("ran for more than") == true)
                return child(in: directory) != nil
            }
            try await expectChildIsGone(directory)
        }
    }

    @Test("ends the program when the task is cancelled")
    func cancelled() async throws {
        try await TestDirectory.with { directory in
            let fixture = try source("sleep \(LongestWait.seconds) & echo $! > child; wait", in: directory)
            let task = Task { try await fixture.fetch(5..<8).lines }
            try await LongestWait.until("the program runs") { child(in: directory) != nil }
            task.cancel()
            await #expect(throws: (any Error).self) { try await task.value }
            try await expectChildIsGone(directory)
        }
    }

    @Test("ends what a program leaves running when it is done, and takes all that it printed")
    func leftRunning() async throws {
        try await TestDirectory.with { directory in
            let fixture = try source(
                "(sh -c 'echo $$ > child; exec sleep \(LongestWait.seconds)' >/dev/null 2>&1 &)\n\(count)\nwhile [ ! -s child ]; do sleep 0.01; done",
                in: directory)
            #expect(try await fetchLines(fixture, 1..<20_001).count == 20_000)
            try await expectChildIsGone(directory)
        }
    }

    private func expectChildIsGone(_ directory: TestDirectory) async throws {
        let child = try #require(self.child(in: directory))
        try await LongestWait.until("the program's child is gone") { kill(child, 0) != 0 }
    }

    /// The number that a program has written down whole; nil: not yet.
    private func child(in directory: TestDirectory) -> Int32? {
        let file = directory.url.appendingPathComponent("child")
        guard let text = try? String(contentsOf: file, encoding: .utf8), text.hasSuffix("\n") else { return nil }
        return Int32(text.dropLast())
    }

    @Test("does not hand on variables that hold the secrets of others")
    func withholds() async throws {
        try await TestDirectory.with { directory in
            setenv("LACUNA_TEST_SECRET", "canary", 1)
            let fixture = try source(
                #"echo "{\"n\": 5, \"secret\": \"$LACUNA_TEST_SECRET\", \"own\": \"$OWN\"}""#, in: directory
            ) {
                $0.withheld = ["LACUNA_TEST_SECRET"]
                $0.environment = ["OWN": "mine"]
            }
            #expect(try await fetchLines(fixture, 5..<6) == [#"{"n": 5, "secret": "", "own": "mine"}"#])
        }
    }

    @Test("takes the tip from its own command, and none where nothing is printed")
    func tip() async throws {
        try await TestDirectory.with { directory in
            let printing = try source("echo ' 795000 '", in: directory)
            #expect(try await printing.tip() == "795000")
            let silent = try source("true", in: directory)
            #expect(try await silent.tip() == nil)
        }
    }
}
