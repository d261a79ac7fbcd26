import Foundation
import Testing
import TestSupport

@Suite("While a source is waited for no transaction is open")
struct SourceWaitTests {
    /// Tells of each request. The tip waits for the file `go-tip`; the first four windows answer at once, the others wait
    /// for the file `go`.
    private static let source = """
        #!/bin/sh
        echo "$1" >> requests
        case $1 in
            --tip) while [ ! -e go-tip ]; do sleep 0.01; done; echo 99; exit ;;
            0 | 1 | 10 | 20 | 30) ;;
            *) while [ ! -e go ]; do sleep 0.01; done ;;
        esac
        exec awk -v first="$1" -v last="$2" 'BEGIN { print "n,v"; for (n = first; n <= last; n++) print n ",v" n }'
        """

    /// Looks again and again for a transaction of Lacuna's.
    private func expectNoTransaction(_ installation: Installation, _ what: String) async throws {
        // What closes a commit may be under way for a moment more.
        try await installation.waitUntil("no transaction is open \(what)") {
            try await transactions(installation) == []
        }
        for _ in 0..<20 {
            #expect(try await transactions(installation) == [], "\(what)")
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func transactions(_ installation: Installation) async throws -> [String] {
        try await installation.database.column(
            """
            SELECT application_name || ': ' || state || ': ' || query FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'lacuna%' AND xact_start IS NOT NULL AND state <> 'idle'
            """)
    }

    @Test("neither for a tip, nor for windows, nor after some are fetched", arguments: ["reconcile", "catchup"])
    func waits(command: String) async throws {
        // A reconcile asks for the tip to know what an empty answer proves.
        let row = command == "reconcile" ? 99 : 0
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL); INSERT INTO numbers VALUES (\(row), 'v\(row)');",
            config: Program.source + Program.stream(batch: 10, more: ", order: oldest"), files: ["numbers": Self.source]
        ) { installation in
            let database = installation.database
            let process = try installation.start([command])
            try await installation.waitUntil("the tip is asked for") { installation.lines(of: "requests") == ["--tip"] }
            try await expectNoTransaction(installation, "while the tip is waited for")
            try installation.directory.write("", to: "go-tip")
            try await installation.waitUntil("every worker waits for a window") {
                Set(installation.lines(of: "requests")).isSuperset(of: ["40", "50", "60", "70"])
            }
            if command == "reconcile" {
                try await installation.waitUntil("what was fetched is committed") {
                    try await database.number("SELECT count(*) FROM lacuna.batch") == 4
                }
            }
            try await expectNoTransaction(installation, "while windows are waited for")
            #expect(process.isRunning)
            try installation.directory.write("", to: "go")
            let result = try await process.wait()
            #expect(result.status == 0, "\(result.errors)")
            #expect(
                try await database.value("SELECT count(*) || ' ' || bool_and(v = 'v' || n) FROM numbers") == "100 true")
        }
    }
}
