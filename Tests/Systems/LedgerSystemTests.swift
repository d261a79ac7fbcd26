import Foundation
import TestSupport
import Testing

@Suite("The system ledgers: chains from JSON-RPC and REST beside a live ingester")
struct LedgerSystemTests {
    private func with(
        _ api: LedgerServer, _ body: (Installation, HTTPServer) async throws -> Void
    ) async throws {
        try await HTTPServer.with {
            api.answer($0)
        } _: { server in
            let addresses = ["NODE_URL": server.url, "HORIZON_URL": server.url]
            try await Installation.with(
                template: "ledgers", environment: LedgerServer.environment.merging(addresses) { $1 }
            ) { installation in
                try await body(installation, server)
            }
        }
    }

    /// The newest part of the history, and no time to wait for a server that is down.
    private func shorten(_ installation: Installation, from first: Int) throws {
        try installation.edit("lacuna.yaml", "expect: {from: 777617}", to: "expect: {from: \(first)}")
        try installation.edit(
            "lacuna.yaml", "retry: {attempts: 5, backoff: 1s, max_backoff: 1m}",
            to: "retry: {attempts: 2, backoff: 1s, max_backoff: 1m}")
    }

    /// A live ingester: a process of its own that writes blocks one by one and extends the extents in each transaction.
    private func startIngester(_ blocks: [LedgerServer.Link], _ installation: Installation) throws -> Process {
        let transactions = blocks.map {
            """
            BEGIN;
            INSERT INTO public.blocks (height, hash, prev_hash) VALUES (\($0.number), '\($0.hash)', '\($0.previous)');
            SELECT lacuna.update_max('blocks', \($0.number));
            COMMIT;
            SELECT pg_sleep(0.02);
            """
        }
        let script = try installation.directory.write(transactions.joined(separator: "\n"), to: "live.sql")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["psql", "-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-f", script, "-d"]
            + [installation.database.connectionString]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }

    @Test("History is filled beside a live ingester, all is killed, and catchup and reconcile end with the whole chain")
    func fills() async throws {
        let api = try LedgerServer(tip: 820_621)
        let last = try #require(api.blocks.last).number
        try await with(api) { installation, server in
            let database = installation.database
            var random = SeededGenerator("ledgers killed")
            let live = api.blocks.filter { (820_122...820_621).contains($0.number) }
            let ingester = try startIngester(live, installation)
            try await installation.waitUntil("the ingester has begun") {
                try await database.number("SELECT count(*) FROM blocks") > 0
            }
            try await installation.kill(
                "reconcile", "blocks", after: Int.random(in: 20...60, using: &random), requestsTo: server)
            kill(ingester.processIdentifier, SIGKILL)
            ingester.waitUntilExit()

            // What either of them committed is there, whole, and the extents are its hull.
            try await installation.waitUntil("the ingester's session is gone") {
                try await database.number(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                        + "application_name = 'psql'") == 0
            }
            let state = try await database.value(
                """
                SELECT (SELECT (oldest, latest) FROM lacuna.cursor WHERE stream = 'blocks') = (min(height), max(height))
                    AND count(*) FILTER (WHERE height < 820122) > 0 AND max(height) >= 820122
                    AND count(*) FILTER (WHERE height < 820000) % 500 IN (0, 383)
                FROM blocks
                """)
            #expect(state == "t")
            let before = try await installation.run("gaps", "blocks", "--exit-code", status: 2)
            #expect(before.output.contains("blocks  777617–"), "\(before.output)")

            // The chain has grown meanwhile. Catchup takes what came since, in one commit; reconcile goes on backwards.
            api.tip.withLock { $0 = last }
            let latest = try await database.number("SELECT max(height) FROM blocks")
            let catchup = try await installation.run("catchup", "blocks")
            #expect(catchup.output.contains("rows inserted"), "\(catchup.output)")
            #expect(try await database.number("SELECT count(*) FROM blocks WHERE height > \(latest)") == last - latest)
            try await installation.run("reconcile")
            try await installation.expectComplete(["blocks", "ledgers"])
            try await installation.expectRows(LedgerServer.blockRows, api.rows(of: api.blocks))
            try await installation.expectRows(LedgerServer.ledgerRows, api.rows(of: api.ledgers))
            let again = try await installation.run("reconcile")
            #expect(again.output == "blocks: nothing to do\nledgers: nothing to do\n")
        }
    }

    @Test("A fill keeps the limits of both APIs")
    func keepsLimits() async throws {
        let api = try LedgerServer(badMoments: false)
        try await with(api) { installation, _ in
            try shorten(installation, from: 810_000)
            try await installation.run("reconcile")
            #expect(api.nodeRules.refusedCount == 0)
            #expect(api.horizonRules.refusedCount == 0)
            try await installation.expectComplete(["blocks", "ledgers"])
            try await installation.expectRows(LedgerServer.blockRows, api.rows(of: api.blocks, from: 810_000))
        }
    }

    @Test("A block that a reorganisation replaced breaks the chain: the check finds it, and it is fetched again")
    func reorganisation() async throws {
        let api = try LedgerServer(badMoments: false)
        try await with(api) { installation, server in
            try shorten(installation, from: 815_000)
            try await installation.run("reconcile")
            // Blocks that lost their race in these days: an ingester took them, and their successors name others.
            let stale = try systemData("bitcoin-blocks", "stale", "csv").split(separator: "\n").map {
                $0.split(separator: ",").map(String.init)
            }.filter { ["815202", "818038"].contains($0[0]) }
            for block in stale {
                try await installation.database.execute(
                    "UPDATE blocks SET hash = '\(block[1])', prev_hash = '\(block[2])' WHERE height = \(block[0])")
            }
            try await installation.database.execute("UPDATE ledgers SET prev_hash = 'x' WHERE sequence = 52929700")
            let gaps = try await installation.run("gaps", "--exit-code", status: 2)
            #expect(
                gaps.output == """
                    blocks  815202–815203  2 units
                    blocks  818038–818039  2 units
                    ledgers  52929699–52929700  2 units

                    """, "\(gaps.output)")
            let requests = server.requests.count
            let run = try await installation.run("reconcile")
            #expect(run.output.contains("0 rows inserted, 2 updated"), "\(run.output)")
            #expect(run.output.contains("0 rows inserted, 1 updated"), "\(run.output)")
            let asked = server.requests[requests...].filter { !$0.body.contains("getblockcount") }.map(\.body)
            #expect(asked.contains { $0.contains("[818038, 818039]") }, "\(asked)")
            try await installation.expectComplete(["blocks", "ledgers"])
            try await installation.expectRows(LedgerServer.blockRows, api.rows(of: api.blocks, from: 815_000))
            try await installation.expectRows(LedgerServer.ledgerRows, api.rows(of: api.ledgers))
        }
    }

    @Test("A reorganisation that replaced six blocks in a row heals in one run")
    func deepReorganisation() async throws {
        let api = try LedgerServer(badMoments: false)
        try await with(api) { installation, _ in
            try shorten(installation, from: 818_000)
            try await installation.run("reconcile")
            // They follow each other: only the block behind the last of them names another.
            try await installation.database.execute(
                """
                UPDATE blocks SET hash = 'stale ' || height,
                    prev_hash = CASE height WHEN 818030 THEN prev_hash ELSE 'stale ' || height - 1 END
                WHERE height BETWEEN 818030 AND 818035
                """)
            let gaps = try await installation.run("gaps", "blocks", "--exit-code", status: 2)
            #expect(gaps.output == "blocks  818035–818036  2 units\n", "\(gaps.output)")
            let run = try await installation.run("reconcile", "blocks")
            #expect(run.output.contains("0 rows inserted, 6 updated"), "\(run.output)")
            try await installation.expectComplete(["blocks", "ledgers"])
            try await installation.expectRows(LedgerServer.blockRows, api.rows(of: api.blocks, from: 818_000))
            let again = try await installation.run("reconcile", "blocks")
            #expect(again.output == "blocks: nothing to do\n")
        }
    }

    @Test("A window that the node fails on and numbers that are left out stay gaps, exactly they, and heal")
    func faults() async throws {
        let api = try LedgerServer(badMoments: false)
        try await with(api) { installation, _ in
            try shorten(installation, from: 818_000)
            api.faults.withLock { $0 = .init(broken: 819_100, withheld: [820_333, 52_929_800]) }
            let failing = try await installation.run("reconcile", status: 1)
            #expect(failing.errors.contains("819000–819499"), "\(failing.errors)")
            #expect(failing.errors.contains("500 Internal Server Error"), "\(failing.errors)")
            #expect(failing.errors.contains("820333"), "\(failing.errors)")
            #expect(!failing.errors.contains("s3cret"))
            let gaps = try await installation.run("gaps", "--exit-code", status: 2).output
            #expect(
                gaps == """
                    blocks  819000–819499  500 units
                    blocks  820333  1 unit
                    ledgers  52929800  1 unit

                    """, "\(failing.output)\(failing.errors)")

            api.faults.withLock { $0 = .init() }
            let waiting = try await installation.run("reconcile", status: 2)
            #expect(waiting.errors.contains("--retry-now"), "\(waiting.errors)\(waiting.output)")
            try await installation.run("reconcile", "--retry-now")
            try await installation.expectComplete(["blocks", "ledgers"])
            try await installation.expectRows(LedgerServer.blockRows, api.rows(of: api.blocks, from: 818_000))
            try await installation.expectRows(LedgerServer.ledgerRows, api.rows(of: api.ledgers))
        }
    }
}
