#if os(Linux)
    import Foundation
    import Testing
    import TestSupport

    @Suite("Memory", .serialized)
    struct MemoryTests {
        /// Prints a tip, or `count` rows of a kilobyte each, all of one window.
        private static func source(count: Int, as format: String) -> String {
            let row = format == "csv" ? #"print n "," v"# : #"print "{\"n\": " n ", \"v\": \"" v "\"}""#
            return """
                #!/bin/sh
                if [ "$1" = --tip ]; then echo \(count - 1); exit; fi
                exec awk 'BEGIN { v = sprintf("%1000s", ""); gsub(" ", "v", v); \(format == "csv" ? #"print "n,v""# : "")
                    for (n = 0; n < \(count); n++) \(row) }'
                """
        }

        /// How many sessions stand at the gate.
        private static let waiting = """
            SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """

        private func with(
            count: Int, as format: String = "csv", _ body: (Installation) async throws -> Void
        ) async throws {
            let config = """
                sources: {numbers: {type: command, command: [./numbers], tip: [./numbers, --tip], format: \(format)}}
                streams:
                  numbers: {source: numbers, table: numbers, key: {column: n, type: integer}, expect: {from: 0}, batch: 100000}

                """
            try await Installation.with(
                """
                CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
                CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END$$;
                CREATE TRIGGER gate AFTER INSERT ON numbers FOR EACH STATEMENT EXECUTE FUNCTION gate();
                """, config: config,
                files: ["numbers": Self.source(count: count, as: format)], body)
        }

        /// The most memory that a run holds at once, in KiB, and the most that its spool's file takes, in bytes.
        private func peak(count: Int, as format: String) async throws -> (memory: Int, spool: Int) {
            var peak = 0
            var spool = 0
            try await with(count: count, as: format) { installation in
                // Once its rows are in, the run waits until it was looked at.
                let gate = try await installation.database.connect()
                _ = try await gate.script("SELECT pg_advisory_lock(1)", name: "gate")
                let process = try installation.start(["reconcile"])
                while process.isRunning {
                    spool = max(spool, unlinkedBytes(of: process))
                    if try await installation.database.number(Self.waiting) > 0 { break }
                    try await Task.sleep(for: .milliseconds(5))
                }
                peak = process.peakResidentKiB ?? 0
                await gate.close()
                let result = try await process.wait()
                #expect(result.status == 0, "\(result.errors)")
                #expect(
                    try await installation.database.value(
                        "SELECT count(*) || ' ' || bool_and(v = repeat('v', 1000)) FROM numbers") == "\(count) true")
            }
            return (peak, spool)
        }

        /// The size of the largest file that a process holds open though it has no name any more.
        private func unlinkedBytes(of process: LacunaProcess) -> Int {
            let folder = "/proc/\(process.processID)/fd"
            let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).map { "\(folder)/\($0)" }
            return files.filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: $0))?.hasSuffix("(deleted)") == true
            }.map { file in
                var status = stat()
                return stat(file, &status) == 0 ? Int(status.st_size) : 0
            }.max() ?? 0
        }

        @Test("does not grow with the size of a batch: what is more goes to a file", arguments: ["csv", "ndjson"])
        func bounded(format: String) async throws {
            let small = try await peak(count: 1000, as: format)
            let large = try await peak(count: 24_000, as: format)
            print("\(format): a batch of 1 MB takes \(small.memory / 1024) MiB, 24 MB \(large.memory / 1024) MiB")
            // What is held before it goes to the file, and what is on the way.
            #expect(large.memory < small.memory + (12 << 10))
            #expect(large.spool > 24_000_000)
        }

        @Test("that runs out ends a run with a message: wherever it happens, all or nothing of a batch is there")
        func tooLittle() async throws {
            try await with(count: 6000) { installation in
                let database = installation.database
                var statuses: [Int32] = []
                for megabytes in [60, 100, 140, 180, 240, 300, 400] {
                    let words = [
                        "bash", "-c",
                        "ulimit -c 0 -v \(megabytes * 1024); cd \"$1\"; TEST_DATABASE=\"$2\" exec \"$0\" reconcile",
                        LacunaProcess.executable.path, installation.directory.url.path, database.connectionString,
                    ]
                    let result = try await Command.run(words)
                    statuses.append(result.status)
                    try await installation.waitUntilBackendsAreGone()
                    try await installation.waitUntilChildrenAreGone()
                    let rows = try await database.number("SELECT count(*) FROM numbers")
                    #expect(rows == (result.status == 0 ? 6000 : 0), "\(megabytes) MB: \(result.output)")
                    #expect(try await installation.leftovers() == [])
                    if result.status == 1 { #expect(!result.output.isEmpty, "\(megabytes) MB") }
                    if result.status == 0 { break }
                }
                print("with more and more memory a run ended with \(statuses)")
                #expect(statuses.count > 1)
                // 127: not even the libraries could be loaded.
                #expect(statuses.allSatisfy { [0, 1, 127].contains($0) })
                #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
                #expect(try await database.number("SELECT count(*) FROM numbers") == 6000)
            }
        }
    }
#endif
