import Foundation
import Testing
import TestSupport

@Suite("A disk that runs full", .serialized)
struct FullDiskTests {
    /// The numbers of a window with a value of 1,900 bytes each, and the tip.
    private static func source(tip: Int) -> String {
        """
        #!/bin/sh
        if [ "$1" = --tip ]; then echo \(tip); exit; fi
        exec awk -v first="$1" -v last="$2" 'BEGIN { v = sprintf("%1900s", ""); gsub(" ", "v", v)
            print "n,v"; for (n = first; n <= last; n++) print n "," v }'
        """
    }

    /// More attempts than the source's one, as many as it takes until there is room again: sessions that the server took
    /// along in a COPY come back, too.
    private static let retry = ", retry: {attempts: 100, backoff: 1s, max_backoff: 10s}"

    /// Whole batches only, and the extents as far as they reach. The row `tip` was there before.
    private func expectWholeBatches(_ database: TestDatabase, tip: Int) async throws {
        #expect(
            try await database.value(
                """
                SELECT (SELECT count(*) FROM numbers AS r WHERE r.n <> \(tip) AND NOT EXISTS (
                        SELECT FROM lacuna.batch AS b
                        WHERE b.state = 'committed' AND b.lower <= r.n AND b.upper > r.n)) = 0
                    AND bool_and(upper - lower = (
                        SELECT count(*) FROM numbers AS r WHERE r.n >= b.lower AND r.n < b.upper)) IS NOT FALSE
                    AND COALESCE((SELECT (oldest, latest) FROM lacuna.cursor)
                        = (min(lower), max(upper) - 1), count(*) = 0)
                FROM lacuna.batch AS b WHERE state = 'committed'
                """) == "t")
    }

    private func skipped(_ what: String) {
        print("not tested: \(what), because no volume can be mounted here, which takes root and Linux")
    }

    @Test("rolls the batch back, moves nothing and is named; with room again the run goes on")
    func tables() async throws {
        let isTested = try await TestVolume.with(kibibytes: 1024) { volume in
            try await PrivateServer.with { server in
                try await server.execute("CREATE TABLESPACE small LOCATION '\(volume.path)'")
                try await Installation.with(
                    server: server,
                    """
                    CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL) TABLESPACE small;
                    ALTER TABLE numbers ALTER COLUMN v SET STORAGE EXTERNAL;
                    INSERT INTO numbers VALUES (999, repeat('v', 1900));
                    """,
                    config: Program.source + Program.stream(batch: 100), files: ["numbers": Self.source(tip: 999)]
                ) { installation in
                    let database = installation.database
                    let failed = try await installation.lacuna("reconcile")
                    #expect(failed.status == 1)
                    #expect(failed.errors.contains("53100"), "\(failed.errors)")
                    #expect(try await database.number("SELECT count(*) FROM numbers") < 1000)
                    try await expectWholeBatches(database, tip: 999)
                    try await volume.resize(kibibytes: 65_536)
                    let healed = try await installation.lacuna("reconcile", "--retry-now")
                    #expect(healed.status == 0, "\(healed.errors)")
                    #expect(try await database.number("SELECT count(*) FROM numbers") == 1000)
                }
            }
        }
        if !isTested { skipped("a full disk of tables (refusedStatements simulates it)") }
    }

    @Test("under the write-ahead log stops the server; with room and a start the same run goes on, every row once")
    func log() async throws {
        let isTested = try await TestVolume.with(kibibytes: 262_144) { volume in
            try await PrivateServer.with(settings: PrivateServer.keepingLog, wal: volume) { server in
                try await Installation.with(
                    server: server,
                    """
                    CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
                    ALTER TABLE numbers ALTER COLUMN v SET STORAGE EXTERNAL;
                    INSERT INTO numbers VALUES (3999, repeat('v', 1900));
                    """,
                    config: Program.source + Program.stream(batch: 100, more: Self.retry),
                    files: ["numbers": Self.source(tip: 3999)]
                ) { installation in
                    let database = installation.database
                    try await volume.leave(kibibytes: 3072)
                    let process = try installation.start(["reconcile"])
                    try await server.waitUntilLogIsFull()
                    try await volume.resize(kibibytes: 262_144)
                    try await server.start()
                    let result = try await process.wait()
                    #expect(result.status == 0, "\(result.output)\(result.errors)")
                    #expect(result.output.contains("40 batches committed, 3,999 rows inserted"), "\(result.output)")
                    #expect(
                        try await database.value("SELECT count(*) || ' ' || bool_and(length(v) = 1900) FROM numbers")
                            == "4000 true")
                    #expect(try await database.value("SELECT state || ' ' || committed FROM lacuna.run") == "done 40")
                    try await expectWholeBatches(database, tip: 3999)
                    try await installation.waitUntilBackendsAreGone()
                    #expect(try await installation.leftovers() == [])
                }
            }
        }
        if !isTested { skipped("a full disk of the write-ahead log") }
    }
}
