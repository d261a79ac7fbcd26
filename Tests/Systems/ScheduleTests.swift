import Foundation
import Lacuna
import Testing
import TestSupport

@testable import LacunaCLI

@Suite("A schedule")
struct ScheduleTests {
    @Test(
        "takes intervals that divide an hour or a day",
        arguments: [
            ("5m", .minutes(5)), ("1m", .minutes(1)), ("30m", .minutes(30)), ("60m", .hours(1)), ("4h", .hours(4)),
            ("1d", .hours(24)), ("24h", .hours(24)), ("7m", nil), ("90m", nil), ("5h", nil), ("90s", nil), ("2d", nil),
            ("0m", nil), ("1 month", nil), ("5", nil), ("x", nil),
        ] as [(String, Schedule.Interval?)])
    func interval(text: String, interval: Schedule.Interval?) {
        #expect(Schedule.Interval(text) == interval)
    }

    @Test("reads each stream as far back at night as its key can say")
    func sweeps() {
        var blocks = StreamDefinition(name: "blocks", table: "t", keyColumn: "n", keyType: .integer(step: 1))
        blocks.batch = .units(50)
        let games = StreamDefinition(
            name: "games", table: "t", keyColumn: "d", keyType: .date(timezone: .gmt))
        func sweeps(_ lookback: HistoryLength?, _ streams: StreamDefinition...) -> [Schedule.Sweep] {
            Schedule.sweeps(of: streams, lookback: lookback)
        }
        #expect(sweeps(nil, games, games) == [.init(streams: [], lookback: .days(30))])
        #expect(sweeps(.days(7), games) == [.init(streams: [], lookback: .days(7))])
        #expect(
            sweeps(.days(7), games, blocks) == [
                .init(streams: ["games"], lookback: .days(7)), .init(streams: ["blocks"], lookback: .units(500)),
            ])
    }

    private static let schema = "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);"
    /// A name that a shell, cron, systemd and libpq would all misread.
    private static let directory = "it's 100% \"odd\"; $HOME `x` & #é"

    private func withOddDirectory(_ body: (Installation, URL) async throws -> Void) async throws {
        try await Installation.with(Self.schema) { installation in
            let directory = installation.directory.url.appendingPathComponent(Self.directory)
            try installation.directory.write(
                "version: 1\ndatabase: ${env:TEST_DATABASE}\n" + Program.source + Program.stream(batch: 10),
                to: "\(Self.directory)/lacuna.yaml")
            try installation.directory.write(
                Program.numbers(tip: 29), to: "\(Self.directory)/numbers", executable: true)
            let config = directory.appendingPathComponent("lacuna.yaml").path
            try #require(try await installation.lacuna("init", "--config", config).status == 0)
            try await body(installation, directory)
        }
    }

    /// Runs a command as cron and systemd do: with next to no environment.
    private func run(_ words: [String], _ installation: Installation) async throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: words[0])
        process.arguments = Array(words.dropFirst())
        process.environment = ["PATH": "/usr/bin:/bin", "TEST_DATABASE": installation.database.connectionString]
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        while process.isRunning { try await Task.sleep(for: .milliseconds(5)) }
        return process.terminationStatus
    }

    private func requests(_ directory: URL) -> String {
        (try? String(contentsOf: directory.appendingPathComponent("requests"), encoding: .utf8)) ?? ""
    }

    // MARK: cron

    /// What cron makes of a line: the five fields of the time, and the command that it gives to the shell.
    private func entry(_ line: String) throws -> (time: [String], command: String) {
        let parts = line.split(separator: " ", maxSplits: 5)
        try #require(parts.count == 6)
        for (field, range) in zip(parts, [0...59, 0...23, 1...31, 1...12, 0...7]) {
            let steps = field.split(separator: "/", omittingEmptySubsequences: false)
            #expect(steps.count <= 2 && (steps[0] == "*" || Int(steps[0]).map(range.contains) == true), "\(line)")
            if steps.count == 2 { #expect((1...range.upperBound).contains(Int(steps[1]) ?? 0), "\(line)") }
        }
        var command = ""
        var rest = parts[5]
        while let character = rest.popFirst() {
            switch character {
            case "%":
                Issue.record("a bare percent sign ends the command: \(line)")
                return (parts.prefix(5).map(String.init), command)
            case "\\":
                #expect(rest.first == "%", "crons differ about a backslash: \(line)")
                command.append(rest.popFirst() ?? "\\")
            default: command.append(character)
            }
        }
        return (parts.prefix(5).map(String.init), command)
    }

    @Test("is lines that cron reads and a shell runs, whatever the paths are called")
    func cron() async throws {
        try await withOddDirectory { installation, directory in
            let config = directory.appendingPathComponent("lacuna.yaml").path
            let page = directory.appendingPathComponent("index.html")
            let printed = try await installation.lacuna(
                "schedule", "--config", config, "--every", "15m", "--report", page.path)
            #expect(printed.status == 0, "\(printed.errors)")
            #expect(!printed.output.contains(installation.database.name))
            let lines = printed.output.split(separator: "\n").map(String.init)
            #expect(lines.contains("# Set these variables above, as NAME=value: TEST_DATABASE"))
            let entries = try lines.filter { !$0.hasPrefix("#") }.map(entry)
            #expect(entries.map(\.time) == [["*/15", "*", "*", "*", "*"], ["37", "3", "*", "*", "*"]])

            #expect(try await run(["/bin/sh", "-c", entries[0].command], installation) == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 30)
            func log() throws -> String {
                try String(contentsOf: directory.appendingPathComponent("lacuna.log"), encoding: .utf8)
            }
            #expect(try log().contains("numbers: complete (3 batches committed, 30 rows inserted"))
            func shown() throws -> String { try String(contentsOf: page, encoding: .utf8) }
            #expect(try shown().contains("numbers"))
            try Data("old".utf8).write(to: page)
            let before = try log()
            try FileManager.default.removeItem(at: directory.appendingPathComponent("requests"))
            #expect(try await run(["/bin/sh", "-c", entries[1].command], installation) == 0)
            #expect(requests(directory).split(separator: "\n").sorted() == ["0 9", "10 19", "20 29"])
            #expect(try log().hasPrefix(before) && log().count > before.count)
            #expect(try shown().hasPrefix("<!DOCTYPE html>"))
            let left = try FileManager.default.contentsOfDirectory(atPath: installation.directory.url.path)
            #expect(left == [Self.directory])

            // What goes well is no mail, and what fails is one.
            let mail = try await installation.lacuna("schedule", "--config", config, "--mail")
            let mailed = try mail.output.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
                try entry(String($0))
            }
            #expect(
                mailed.count == 2 && mailed.allSatisfy { $0.command.contains("--quiet") && !$0.command.contains(">>") })
            try await installation.database.execute("DELETE FROM numbers WHERE n = 7")
            #expect(
                try await run(["/bin/sh", "-c", "out=$(\(mailed[0].command)) 2>&1; test -z \"$out\""], installation)
                    == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 30)

            guard let flock = Executables.find("flock") else { return }
            // A sync that finds the lock taken does nothing, and that is no failure.
            try await installation.database.execute("DELETE FROM numbers")
            let lock = directory.appendingPathComponent("lacuna.lock").path
            let holding = [flock, "-n", lock, "/bin/sh", "-c", entries[0].command]
            #expect(try await run(holding, installation) == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 0)
        }
    }

    @Test("refuses what a crontab cannot hold")
    func refuses() async throws {
        try await Installation.with(Self.schema) { installation in
            for (name, word) in [
                ("a\\b", "backslash"), ("a\nb", "a control character (U+000A)"),
                ("a\u{202E}b", "turns others around (U+202E)"),
                ("a\u{200B}b", "not seen or turns others around (U+200B)"),
                ("a\u{2028}b", "a line separator (U+2028)"), ("a\u{E0041}b", "(U+E0041)"),
            ] {
                try installation.directory.write(
                    "version: 1\n" + Program.source + Program.stream(batch: 10), to: "\(name)/lacuna.yaml")
                let result = try await installation.lacuna("schedule", "--config", "\(name)/lacuna.yaml")
                #expect(result.status == 64)
                #expect(result.output.isEmpty)
                #expect(result.errors.contains(word), "\(result.errors)")
                // Of a unit nobody sees either what it hides.
                let unit = try await installation.lacuna(
                    "schedule", "--config", "\(name)/lacuna.yaml", "--format", "systemd")
                #expect(unit.status == (word == "backslash" ? 0 : 64))
            }
            let config = ["--config", "a\\b/lacuna.yaml", "--format", "systemd"]
            for wrong in [["--every", "7m"], ["--lookback", "30d"], ["--name", "a b"], ["--log", "x"]] {
                #expect(try await installation.start(["schedule"] + config + wrong).wait().status == 64, "\(wrong)")
            }
            #expect(try await installation.start(["schedule"] + config).wait().status == 0)
        }
    }

    // MARK: systemd

    /// The words that systemd makes of a command line.
    private func words(_ line: String) throws -> [String] {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        var rest = line[...]
        while let character = rest.popFirst() {
            switch character {
            case "\"": isQuoted.toggle()
            case " " where !isQuoted:
                if let done = word { words.append(done) }
                word = nil
                continue
            case "\\", "%", "$":
                guard let next = rest.popFirst() else { throw TestEnvironmentError("ends too early: \(line)") }
                #expect(next == character || character == "\\" && next == "\"", "\(line)")
                word = (word ?? "") + String(next)
                continue
            default:
                word = (word ?? "") + String(character)
                continue
            }
            word = word ?? ""
        }
        #expect(!isQuoted)
        return words + [word].compactMap(\.self)
    }

    @Test("is units that systemd accepts and runs, whatever the paths are called")
    func systemd() async throws {
        try await withOddDirectory { installation, directory in
            let config = directory.appendingPathComponent("lacuna.yaml").path
            let units = installation.directory.url.appendingPathComponent("units")
            try FileManager.default.createDirectory(at: units, withIntermediateDirectories: false)
            let page = directory.appendingPathComponent("index.html")
            let options = ["--format", "systemd", "--name", "odd", "--lookback", "15", "--report", page.path]
            let arguments = ["schedule", "--config", config] + options
            let written = try await installation.start(arguments + ["--output", units.path]).wait()
            #expect(written.status == 0, "\(written.errors)")
            let names = ["odd-sweep.service", "odd-sweep.timer", "odd-sync.service", "odd-sync.timer"]
            #expect(try FileManager.default.contentsOfDirectory(atPath: units.path).sorted() == names)
            func text(_ name: String) throws -> String {
                try String(contentsOf: units.appendingPathComponent(name), encoding: .utf8)
            }
            let printed = try await installation.start(arguments).wait()
            for name in names { #expect(printed.output.contains("# \(name)\n\(try text(name))")) }
            #expect(try text("odd-sync.service").contains("# A file that sets TEST_DATABASE:\n#EnvironmentFile="))
            #expect(try text("odd-sync.timer").contains("OnCalendar=*-*-* 00/4:07:00\n"))
            #expect(try text("odd-sweep.timer").contains("OnCalendar=*-*-* 03:37:00\n"))

            func command(_ name: String) throws -> [String] {
                let line = try #require(try text(name).split(separator: "\n").first { $0.hasPrefix("ExecStart=") })
                return try words(String(line.dropFirst("ExecStart=".count)))
            }
            #expect(try await run(command("odd-sync.service"), installation) == 0)
            #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 30)
            #expect(try String(contentsOf: page, encoding: .utf8).hasPrefix("<!DOCTYPE html>"))
            try FileManager.default.removeItem(at: directory.appendingPathComponent("requests"))
            #expect(try await run(command("odd-sweep.service"), installation) == 0)
            #expect(requests(directory).split(separator: "\n").sorted() == ["15 19", "20 29"])
            // A command that fails makes the unit fail, and does not keep the next one from running.
            try await installation.database.execute("DELETE FROM numbers WHERE n = 7; DROP SCHEMA lacuna CASCADE")
            #expect(try await run(command("odd-sync.service"), installation) == 1)

            guard let analyze = Executables.find("systemd-analyze") else { return }
            for name in names {
                let verify = [analyze, "verify", "--man=no", units.appendingPathComponent(name).path]
                #expect(try await run(verify, installation) == 0, "\(name)")
            }
            for every in ["1m", "15m", "1h", "4h", "1d"] {
                let timers = try await installation.start(arguments + ["--every", every]).wait()
                for line in timers.output.split(separator: "\n") where line.hasPrefix("OnCalendar=") {
                    let expression = String(line.dropFirst("OnCalendar=".count))
                    #expect(try await run([analyze, "calendar", expression], installation) == 0, "\(expression)")
                }
            }
        }
    }

    // MARK: reconcile --lookback

    @Test("has a reconcile that reads further back than the stream says")
    func lookback() async throws {
        try await Installation.with(
            Self.schema, config: Program.source + Program.stream(batch: 10, more: ", lookback: 3"),
            files: ["numbers": Program.numbers(tip: 29)]
        ) { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            func requests(_ arguments: String...) async throws -> [String] {
                try installation.remove("requests")
                let result = try await installation.start(["reconcile"] + arguments).wait()
                #expect(result.status == 0, "\(result.errors)")
                return installation.lines(of: "requests").sorted()
            }
            #expect(try await requests() == ["27 29"])
            #expect(try await requests("--lookback", "12") == ["18 19", "20 29"])
            #expect(try await requests("--lookback", "0") == [])
            for wrong in ["5d", "x", "-1"] {
                let result = try await installation.lacuna("reconcile", "--lookback=\(wrong)")
                #expect(result.status == 64)
                #expect(result.errors.contains("--lookback \(wrong): stream numbers takes a number of units"))
            }
        }
    }
}
