import Foundation
import Testing
import TestSupport

@Suite("A run that is killed leaves nothing half done")
struct KillTests {
    /// A log beside the table, so that a row that lands twice is seen though its key is unique.
    private static let schema = """
        CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
        CREATE TABLE landed (n bigint);
        CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO landed VALUES (NEW.n); RETURN NULL; END';
        CREATE TRIGGER log AFTER INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION log();
        """

    @Test("Reconcile killed at 50 random moments goes on where it was, and ends with every row once")
    func reconcileSurvivesKills() async throws {
        let last = 8000
        try await Installation.with(
            Self.schema + "INSERT INTO numbers VALUES (\(last), 'v\(last)');",
            config: Program.source + Program.stream(batch: 4), files: ["numbers": Program.numbers(pause: "0.004")]
        ) { installation in
            let database = installation.database
            var random = SeededGenerator("reconcile killed")
            for round in 1...50 {
                let process = try installation.start(["reconcile"])
                let requests = installation.lines(of: "requests").count + Int.random(in: 0...30, using: &random)
                while process.isRunning, installation.lines(of: "requests").count < requests {
                    try await Task.sleep(for: .milliseconds(1))
                }
                try await Task.sleep(for: .milliseconds(Double.random(in: 0...40, using: &random)))
                process.send(signal: SIGKILL)
                _ = try await process.wait()
                try await installation.waitUntilBackendsAreGone()
                #expect(try await installation.leftovers() == [], "round \(round)")
                // Whole batches only, each in the journal, and the extents as far as they reach.
                let state = try await database.value(
                    """
                    SELECT (SELECT count(*) FROM numbers) - 1 = 4 * count(*)
                        AND (SELECT count(*) = count(DISTINCT n) FROM landed)
                        AND COALESCE(
                            (SELECT (oldest, latest) FROM lacuna.cursor) = (min(lower), max(upper) - 1), count(*) = 0)
                    FROM lacuna.batch WHERE state = 'committed'
                    """)
                #expect(state == "t", "round \(round)")
            }
            // Or the kills came before anything was done, or after all of it.
            #expect(try await database.number("SELECT count(*) FROM lacuna.run WHERE state = 'running'") >= 15)

            try installation.configure(Program.source + Program.stream(batch: 500))
            let whole = try await installation.lacuna("reconcile")
            #expect(whole.status == 0, "\(whole.errors)")
            #expect(
                try await database.value(
                    """
                    SELECT count(*) || ' ' || count(DISTINCT n) || ' ' || min(n) || ' ' || max(n) || ' '
                        || bool_and(v = 'v' || n) || ' ' || (SELECT count(*) || ' ' || count(DISTINCT n) FROM landed)
                    FROM numbers
                    """) == "\(last + 1) \(last + 1) 0 \(last) true \(last + 1) \(last + 1)")
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            #expect(try await installation.leftovers() == [])
            try await installation.waitUntilChildrenAreGone()
        }
    }

    @Test("Catchup killed at 25 random moments shows all of it or nothing")
    func catchupSurvivesKills() async throws {
        // The trigger makes the one transaction long enough to be hit.
        let schema = """
            CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
            INSERT INTO numbers SELECT n, 'v' || n FROM generate_series(0, 99) AS n;
            CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END';
            CREATE TRIGGER pause AFTER INSERT ON numbers FOR EACH STATEMENT EXECUTE FUNCTION pause();
            """
        try await Installation.with(
            schema, config: Program.source + Program.stream(batch: 10),
            files: ["numbers": Program.numbers(tip: 399)]
        ) { installation in
            let database = installation.database
            var random = SeededGenerator("catchup killed")
            let reset = "DELETE FROM numbers WHERE n > 99; DELETE FROM lacuna.cursor; TRUNCATE lacuna.batch"
            var hasFetchedAll = 0
            for round in 1...25 {
                try installation.remove("requests")
                let process = try installation.start(["catchup"])
                // Every other kill comes when all is fetched, so that many hit the one transaction.
                let requests = round.isMultiple(of: 2) ? 30 : Int.random(in: 0..<30, using: &random)
                while process.isRunning, installation.lines(of: "requests").count < requests {
                    try await Task.sleep(for: .milliseconds(1))
                }
                try await Task.sleep(for: .milliseconds(Double.random(in: 0...250, using: &random)))
                process.send(signal: SIGKILL)
                _ = try await process.wait()
                try await installation.waitUntilBackendsAreGone()
                let state = try await database.value(
                    """
                    SELECT (SELECT count(*) FROM numbers) || ' ' || (SELECT count(*) FROM lacuna.batch) || ' '
                        || COALESCE((SELECT latest FROM lacuna.cursor), 0)
                    """)
                #expect(["100 0 0", "400 30 399"].contains(state), "round \(round)")
                #expect(try await installation.leftovers() == [], "round \(round)")
                if state.hasPrefix("400") {
                    try await database.execute(reset)
                } else if installation.lines(of: "requests").count == 30 {
                    hasFetchedAll += 1
                }
            }
            #expect(hasFetchedAll >= 3, "kills after the last fetch and before the commit")
            #expect(try await installation.lacuna("catchup").status == 0)
            #expect(try await database.number("SELECT count(*) FROM numbers WHERE v = 'v' || n") == 400)
            try await installation.waitUntilChildrenAreGone()
        }
    }

    #if os(Linux)
        @Test("A run that is killed leaves no program of its sources running, nor what watches over them")
        func orphans() async throws {
            let program = """
                #!/bin/sh
                [ "$1" = --tip ] && { echo 100; exit; }
                trap '' TERM HUP
                sleep 1000 &
                echo "$$ $!" >> programs
                wait
                sleep 1000
                """
            try await Installation.with(
                Self.schema + "INSERT INTO numbers VALUES (100, 'v100');",
                config: Program.source + Program.stream(batch: 10), files: ["numbers": program]
            ) { installation in
                let process = try installation.start(["reconcile"])
                try await installation.waitUntil("four programs run") { installation.lines(of: "programs").count >= 4 }
                let watch = { try watches(of: process.processID) }
                #expect(try watch().count == 1)
                process.send(signal: SIGKILL)
                _ = try await process.wait()
                try await installation.waitUntilChildrenAreGone()
                try await installation.waitUntil("nothing watches") { try watch().isEmpty }
            }
        }

        @Test("A run that ends by itself leaves nothing that watches over programs, and ends none of others")
        func watchEnds() async throws {
            try await Installation.with(
                Self.schema + "INSERT INTO numbers VALUES (400, 'v400');",
                config: Program.source + Program.stream(batch: 4), files: ["numbers": Program.numbers()]
            ) { installation in
                let process = try installation.start(["reconcile"])
                let result = try await process.wait()
                #expect(result.status == 0, "\(result.errors)")
                try await installation.waitUntil("nothing watches") { try watches(of: process.processID).isEmpty }
                try await installation.waitUntilChildrenAreGone()
            }
        }

        /// The processes that watch over the programs of a run.
        private func watches(of process: Int32) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int32($0) != nil }.filter { number in
                let line = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") ?? Data()
                return String(decoding: line, as: UTF8.self).hasSuffix("\0lacuna-watch\0\(process)\0")
            }
        }
    #endif
}
