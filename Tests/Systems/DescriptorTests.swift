import Foundation
import TestSupport
import Testing

@Suite("The descriptors that the program begins with")
struct DescriptorTests {
    private static let table =
        "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL); INSERT INTO numbers VALUES (9, 'v9');"

    /// Runs a line of shell in which `$0` is the program, and gives back its status: 128 and more for a signal.
    private func shell(_ line: String, _ installation: Installation) async throws -> Int32 {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/bash")
        shell.arguments = ["-c", line, LacunaProcess.executable.path]
        shell.currentDirectoryURL = installation.directory.url
        shell.environment = ProcessInfo.processInfo.environment.merging(
            ["TEST_DATABASE": installation.database.connectionString]
        ) { $1 }
        shell.standardInput = FileHandle.nullDevice
        try shell.run()
        while shell.isRunning { try await Task.sleep(for: .milliseconds(5)) }
        #expect(shell.terminationReason == .exit)
        return shell.terminationStatus
    }

    #if os(Linux)
        @Test(
            "Closed ones are the null device before anything else is opened, and nothing is written into another's",
            arguments: ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
        func closed(redirections: String) async throws {
            let program = """
                #!/bin/sh
                [ "$1" = --tip ] && { echo 9; exit; }
                for descriptor in 0 1 2; do readlink /proc/$PPID/fd/$descriptor; done > links
                awk -v first="$1" -v last="$2" 'BEGIN { print "n,v"; for (n = first; n <= last; n++) print n ",v" n }'
                """
            try await Installation.with(
                Self.table, config: Program.source + Program.stream(batch: 100), files: ["numbers": program]
            ) { installation in
                let status = try await shell(#"exec "$0" reconcile \#(redirections)"#, installation)
                // Results that nobody can have got are no success; the rows are there all the same.
                #expect(status == (redirections.contains(" >&-") || redirections.hasPrefix(">&-") ? 1 : 0))
                #expect(try await installation.database.number("SELECT count(*) FROM numbers WHERE v = 'v' || n") == 10)
                let links = installation.lines(of: "links")
                #expect(links.count == 3)
                for (index, mark) in ["<&-", ">&-", "2>&-"].enumerated()
                where redirections.split(separator: " ").contains(Substring(mark)) {
                    #expect(links[index] == "/dev/null", "\(links)")
                }
            }
        }
    #endif

    @Test("Too few of them end the program with a clear error, and never by a signal")
    func limits() async throws {
        try await Installation.with(
            Self.table, config: Program.source + Program.stream(batch: 2), files: ["numbers": Program.numbers(tip: 20)]
        ) { installation in
            for limit in 3...63 {
                let status = try await shell(
                    #"exec >output 2>errors; ulimit -n \#(limit); exec "$0" reconcile"#, installation)
                let errors = installation.lines(of: "errors").joined(separator: " ")
                // The system's loader needs some before the program begins.
                #expect(status == 1 || status == 127, "\(limit): \(status) \(errors)")
                #expect(
                    errors.contains("only \(limit) files may be open") || errors.contains("shared libraries"),
                    "\(limit): \(errors)")
            }
            for limit in [64, 65, 66, 70, 80, 96] {
                for command in ["gaps --report", "catchup", "reconcile"] {
                    let status = try await shell(
                        #"exec >output 2>errors; ulimit -n \#(limit); exec "$0" \#(command)"#, installation)
                    let errors = installation.lines(of: "errors").joined(separator: " ")
                    #expect(status == 0, "\(limit): \(command): \(errors)")
                }
                #expect(try await installation.database.number("SELECT count(*) FROM numbers") == 21)
                try await installation.database.execute("DELETE FROM numbers WHERE n <> 9; DELETE FROM lacuna.cursor")
            }
            // What may be raised is.
            #expect(try await shell(#"ulimit -S -n 16 && exec "$0" reconcile >output 2>errors"#, installation) == 0)
        }
    }
}
