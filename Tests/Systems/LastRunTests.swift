import Foundation
import TestSupport
import Testing

@Suite("When a stream's runs last did what they are for")
struct LastRunTests {
    private static let fetch = """
        #!/bin/sh
        if [ "$1" = --tip ]; then
            if [ -e down ]; then echo "no answer for canary" >&2; exit 1; fi
            echo 29; exit
        fi
        exec awk -v first="$1" -v last="$2" 'BEGIN { print "n,v"; for (n = first; n <= last; n++) print n ",v" n }'
        """

    private func with(_ body: (Installation) async throws -> Void) async throws {
        try await Installation.with(
            "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL)",
            config: Program.source.replacing(
                "retry: {attempts: 1}", with: "retry: {attempts: 1}\n    environment: {TOKEN: \"${file:token}\"}")
                + Program.stream(batch: 10), files: ["numbers": Self.fetch, "token": "canary"], body)
    }

    /// Moves the only run two days back and has it take 10.5 seconds.
    ///
    /// - Returns: when it began and ended, as JSON has them.
    private func age(_ installation: Installation) async throws -> (began: String, ended: String) {
        try await installation.database.execute(
            """
            UPDATE lacuna.run SET started_at = date_trunc('second', now()) - interval '2 days',
                ended_at = date_trunc('second', now()) - interval '2 days' + interval '10.5 seconds'
            """)
        func time(_ column: String) async throws -> String {
            try await installation.database.value(
                "SELECT to_char(\(column) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM lacuna.run")
        }
        return (try await time("started_at"), try await time("ended_at"))
    }

    /// A time of JSON as the text has it.
    private func spaced(_ time: String) -> String {
        String(time.replacing("T", with: " ").dropLast())
    }

    /// The objects under `last` of the only stream, by mode.
    private func last(_ installation: Installation) async throws -> [String: [String: Any]] {
        let result = try await installation.lacuna("status", "--format", "json")
        #expect(result.status == 0, "\(result.errors)")
        let document = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        let streams = try #require(document?["streams"] as? [[String: Any]])
        let runs = try #require(streams.first?["last"] as? [[String: Any]])
        return try Dictionary(uniqueKeysWithValues: runs.map { (try #require($0["mode"] as? String), $0) })
    }

    @Test("is in the status, as text and as JSON, with why the last one did not")
    func status() async throws {
        try await with { installation in
            #expect(try await last(installation).isEmpty)
            #expect(try await installation.lacuna("reconcile").status == 0)
            let (began, ended) = try await age(installation)
            #expect(try await installation.lacuna("catchup").status == 0)
            let found = try await last(installation)
            #expect(found["reconcile"]?["committed_rows_at"] as? String == ended)
            #expect(found["reconcile"]?["asked_at"] as? String == began)
            #expect(found["reconcile"]?["succeeded_at"] as? String == ended)
            #expect(found["reconcile"]?["seconds"] as? Double == 10.5)
            #expect(found["catchup"]?["state"] as? String == "done")
            #expect(found["catchup"]?["asked_at"] == nil)

            try installation.directory.write("", to: "down")
            #expect(try await installation.lacuna("catchup").status == 1)
            // Nothing to do: it succeeds, asks nobody and finds nothing.
            #expect(try await installation.lacuna("reconcile").status == 0)
            let failed = try await last(installation)
            let note = try #require(failed["catchup"]?["note"] as? String)
            #expect(failed["catchup"]?["state"] as? String == "failed")
            #expect(note.contains("no answer for ***"), "\(note)")
            #expect(failed["catchup"]?["succeeded_at"] as? String == found["catchup"]?["succeeded_at"] as? String)
            #expect(failed["reconcile"]?["asked_at"] as? String == began)
            #expect(failed["reconcile"]?["committed_rows_at"] as? String == ended)
            #expect(failed["reconcile"]?["succeeded_at"] as? String != ended)
            let text = try await installation.lacuna("status").output
            #expect(
                text.contains(
                    "  MODE       SUCCEEDED (UTC)   ASKED THE SOURCE  COMMITTED ROWS    LAST STATE\n"))
            #expect(text.contains("  \(spaced(began).prefix(16))  \(spaced(ended).prefix(16))  done\n"), "\(text)")
            #expect(text.contains("\n  catchup: `./numbers"), "\(text)")
            let notes = try await installation.database.column("SELECT note FROM lacuna.run")
            #expect(!notes.joined().contains("canary"))
        }
    }

    @Test("is a metric, also if the stream cannot be looked at")
    func metrics() async throws {
        try await with { installation in
            let none = try await installation.lacuna("gaps", "--format", "prometheus")
            #expect(none.status == 0)
            #expect(!none.output.contains("lacuna_last"))
            #expect(try await installation.lacuna("reconcile").status == 0)
            _ = try await age(installation)
            let epoch = try await installation.database.value(
                "SELECT floor(extract(epoch FROM ended_at))::bigint::text FROM lacuna.run")
            let metrics = try await installation.lacuna("gaps", "--format", "prometheus").output
            let labels = "{stream=\"numbers\",mode=\"reconcile\""
            #expect(metrics.contains("# TYPE lacuna_last_success_timestamp_seconds gauge\n"))
            #expect(metrics.contains("\nlacuna_last_success_timestamp_seconds\(labels)} \(epoch)\n"))
            #expect(metrics.contains("\nlacuna_last_run_duration_seconds\(labels)} 10.5\n"))
            #expect(metrics.contains("\nlacuna_last_run_state\(labels),state=\"done\"} 1\n"))
            try await installation.database.execute("DROP TABLE numbers")
            #expect(try await installation.lacuna("reconcile").status == 1)
            let failed = try await installation.lacuna("gaps", "--format", "prometheus")
            #expect(failed.status == 1)
            #expect(failed.output.contains("lacuna_last_success_timestamp_seconds\(labels)} \(epoch)\n"))
            #expect(failed.output.contains("lacuna_last_run_state\(labels),state=\"done\"} 0\n"))
            #expect(failed.output.contains("lacuna_last_run_state\(labels),state=\"failed\"} 1\n"))
        }
    }
}
