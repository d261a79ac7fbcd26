import Foundation
import Testing
import TestSupport

@Suite("Signals and closed pipes end a run tidily")
struct SignalTests {
    private static let schema = """
        CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
        INSERT INTO numbers VALUES (2000, 'v2000');
        """

    @Test(
        "A first signal ends the run with a summary, status 2 and nothing left over",
        arguments: [SIGINT, SIGTERM, SIGHUP])
    func firstSignal(signal: Int32) async throws {
        try await Installation.with(
            Self.schema, config: Program.source + Program.stream(batch: 10),
            files: ["numbers": Program.numbers(pause: "0.05")]
        ) { installation in
            let process = try installation.start(["reconcile"])
            try await installation.waitUntil("it fetches") { installation.lines(of: "requests").count > 8 }
            process.send(signal: signal)
            let result = try await process.wait()
            #expect(result.status == 2, "\(result.errors)")
            #expect(result.errors.contains("stopping: no new batch starts"))
            #expect(result.output.contains("numbers: work remains ("))
            #expect(result.output.contains("ended early: stopped by a signal"))

            // What was in flight was finished, and the journal says so.
            let database = installation.database
            let requests = installation.lines(of: "requests").count
            #expect(requests < 100)
            #expect(try await database.number("SELECT count(*) FROM numbers") == 1 + requests * 10)
            #expect(
                try await database.value("SELECT state || ' ' || committed FROM lacuna.run") == "incomplete \(requests)"
            )
            try await installation.waitUntilBackendsAreGone()
            #expect(try await installation.leftovers() == [])
            try await installation.waitUntilChildrenAreGone()

            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await database.number("SELECT count(*) FROM numbers") == 2001)
        }
    }

    @Test("A second signal ends the run at once")
    func secondSignal() async throws {
        try await Installation.with(
            Self.schema, config: Program.source + Program.stream(batch: 10),
            files: ["numbers": Program.numbers(pause: LongestWait.seconds)]
        ) { installation in
            let process = try installation.start(["reconcile"])
            try await installation.waitUntil("it fetches") { !installation.lines(of: "requests").isEmpty }
            process.send(signal: SIGTERM)
            // Two signals at the same instant are one.
            try await installation.waitUntil("it has heard the first one") { process.errorsSoFar.contains("stopping") }
            process.send(signal: SIGTERM)
            // The source would take far longer.
            let result = try await process.wait()
            #expect(result.status == 128 + SIGTERM)
            try await installation.waitUntilChildrenAreGone()
            try await installation.waitUntilBackendsAreGone()
            #expect(try await installation.leftovers() == [])
            #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 1)
        }
    }

    @Test("A signal during catchup writes nothing and says that work remains")
    func catchup() async throws {
        try await Installation.with(
            Self.schema, config: Program.source + Program.stream(batch: 10),
            files: ["numbers": Program.numbers(pause: "0.05", tip: 4000)]
        ) { installation in
            let before = try await installation.image()
            let process = try installation.start(["catchup"])
            try await installation.waitUntil("it fetches") { installation.lines(of: "requests").count > 4 }
            process.send(signal: SIGINT)
            let result = try await process.wait()
            #expect(result.status == 2, "\(result.errors)")
            #expect(result.output.contains("numbers: work remains"))
            #expect(try await installation.image() == before)
            try await installation.waitUntilBackendsAreGone()
            #expect(try await installation.leftovers() == [])
            try await installation.waitUntilChildrenAreGone()
        }
    }

    @Test("A reader that goes away ends the output and not the run")
    func closedOutput() async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
            INSERT INTO numbers SELECT n * 2, 'v' FROM generate_series(0, 20000) AS n;
            """, config: Program.source + Program.stream(batch: 10)
        ) { installation in
            // The shell tells of the first program's status; its reader takes one line and leaves.
            let shell = Process()
            let output = Pipe()
            shell.executableURL = URL(fileURLWithPath: "/bin/sh")
            shell.arguments = [
                "-c", #"{ "$0" gaps; echo "status $?" >status; } 2>errors | head -n 1"#, LacunaProcess.executable.path,
            ]
            shell.currentDirectoryURL = installation.directory.url
            shell.environment = ProcessInfo.processInfo.environment.merging(
                ["TEST_DATABASE": installation.database.connectionString]
            ) { $1 }
            shell.standardOutput = output
            try shell.run()
            while shell.isRunning { try await Task.sleep(for: .milliseconds(5)) }
            #expect(
                String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                    == "numbers  1  1 unit\n")
            #expect(installation.lines(of: "status") == ["status 0"])
            #expect(installation.lines(of: "errors") == [])
        }
    }
}
