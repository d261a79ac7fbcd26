import Foundation
import TestSupport
import Testing

@Suite("A catchup of a stream whose partitions are hosts")
struct PartitionCatchupTests {
    /// Where the host `b` fails.
    enum Fault: String, CaseIterable {
        case tip, fetch, commit
    }

    private static let hosts = """
        #!/bin/sh
        fault=$(cat fault)
        if [ "$2" = --tip ]; then
            if [ "$1 $fault" = "b tip" ]; then echo "no route to host" >&2; exit 1; fi
            echo 29; exit
        fi
        if [ "$1 $fault" = "b fetch" ]; then echo "no route to host" >&2; exit 1; fi
        exec awk -v host="$1" -v first="$2" -v last="$3" -v fault="$fault" 'BEGIN {
            print "host,n,v"
            for (n = first; n <= last; n++) print host "," n "," (host == "b" && fault == "commit" && n == 25 ? "bad" : "v")
        }'
        """

    private func with(atomic: String, _ fault: Fault, _ body: (Installation) async throws -> Void) async throws {
        try await Installation.with(
            """
            CREATE TABLE numbers (host text, n bigint, v text NOT NULL CHECK (v <> 'bad'), PRIMARY KEY (host, n));
            INSERT INTO numbers SELECT host, n, 'v' FROM unnest(ARRAY['a', 'b', 'c']) AS host, generate_series(0, 9) AS n;
            """,
            config: """
                sources:
                  hosts:
                    type: command
                    command: [./hosts, "{partition.host}", "{window.first}", "{window.last}"]
                    tip: [./hosts, "{partition.host}", --tip]
                    format: csv
                    retry: {attempts: 1}
                streams:
                  numbers:
                    source: hosts
                    table: numbers
                    key: {column: n, type: integer}
                    partitions: {host: [a, b, c]}
                    expect: {from: 0}
                    batch: 10
                    atomic: \(atomic)

                """, files: ["hosts": Self.hosts, "fault": fault.rawValue], body)
    }

    private func counts(_ installation: Installation) async throws -> [String] {
        try await installation.database.column(
            "SELECT host || ' ' || count(*) FROM numbers GROUP BY host ORDER BY host")
    }

    @Test("commits each partition by itself, and says which one failed", arguments: Fault.allCases)
    func partition(fault: Fault) async throws {
        try await with(atomic: "partition", fault) { installation in
            let result = try await installation.lacuna("catchup", "--format", "json")
            #expect(result.status == 1, "\(result.output)\(result.errors)")
            #expect(try await counts(installation) == ["a 30", "b 10", "c 30"])
            let document = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
            let run = try #require((document?["runs"] as? [[String: Any]])?.first)
            #expect(run["state"] as? String == "failed")
            #expect(run["committed"] as? Int == 4)
            #expect(run["rows_inserted"] as? Int == 40)
            let failures = try #require(run["failures"] as? [[String: Any]])
            #expect(failures.compactMap { ($0["partition"] as? [String: String])?["host"] } == ["b"], "\(failures)")
            #expect(
                try await installation.database.column(
                    "SELECT partition->>'host' || ' ' || latest FROM lacuna.cursor ORDER BY 1") == ["a 29", "c 29"])
            #expect(
                try await installation.database.column(
                    "SELECT concat_ws(' ', mode, state, committed, failed, split_part(note, ' ', 1)) FROM lacuna.run")
                    == ["catchup failed 4 1 host=b\(fault == .fetch ? "" : ":")"])
            // Each partition is one transaction.
            #expect(
                try await installation.database.column(
                    "SELECT count(DISTINCT xmin::text) FROM numbers WHERE n > 9 GROUP BY host") == ["1", "1"])

            let text = try await installation.lacuna("catchup")
            #expect(text.status == 1)
            #expect(text.errors.contains("numbers host=b"), "\(text.errors)")
            #expect(text.output.hasPrefix("numbers: FAILED ("), "\(text.output)")

            try installation.directory.write("", to: "fault")
            #expect(try await installation.lacuna("catchup").status == 0)
            #expect(try await counts(installation) == ["a 30", "b 30", "c 30"])
        }
    }

    @Test("writes nothing if one fails, unless the config says otherwise", arguments: Fault.allCases)
    func stream(fault: Fault) async throws {
        try await with(atomic: "stream", fault) { installation in
            let before = try await installation.image()
            let result = try await installation.lacuna("catchup")
            #expect(result.status == 1, "\(result.output)\(result.errors)")
            #expect(try await installation.image() == before)
            #expect(try await counts(installation) == ["a 10", "b 10", "c 10"])
        }
    }
}
