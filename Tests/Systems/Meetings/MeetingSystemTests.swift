import Foundation
import TestSupport
import Testing

@Suite("The system meetings: agendas and minutes of many municipalities, each a host of its own")
struct MeetingSystemTests {
    private let today = SystemDay.today

    private func with(
        _ api: MeetingServer, from first: String = "2019-01-01", _ body: (Installation, HTTPServer) async throws -> Void
    ) async throws {
        try await HTTPServer.with {
            api.answer($0)
        } _: { server in
            // The hosts are nobody's: the program is led to the server as its proxy.
            let environment = MeetingServer.environment.merging([
                "HTTP_PROXY": server.url, "http_proxy": server.url, "NO_PROXY": "", "no_proxy": "",
            ]) { $1 }
            try await Installation.with(template: "meetings", environment: environment) { installation in
                try installation.edit("lacuna.yaml", "base_url: https://", to: "base_url: http://")
                try installation.edit("lacuna.yaml", "from: 2000-01-01", to: "from: \(first)")
                try installation.edit(
                    "lacuna.yaml", "rate_limit: {requests: 10, per: 1s}", to: "rate_limit: {requests: 100, per: 1s}")
                try installation.edit(
                    "lacuna.yaml", "retry: {attempts: 5, backoff: 1s, max_backoff: 1m}",
                    to: "retry: {attempts: 3, backoff: 1s, max_backoff: 1s}")
                try await body(installation, server)
            }
        }
    }

    private func add(_ municipalities: String..., to installation: Installation) async throws {
        for municipality in municipalities {
            try await installation.database.execute(
                "INSERT INTO municipalities VALUES ('\(municipality)', '\(municipality.capitalized)')")
        }
    }

    private func expectPages(
        _ api: MeetingServer, _ municipalities: [String], _ installation: Installation,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await installation.expectRows(
            "SELECT \(MeetingServer.rowOfTable) FROM meeting_pages", api.rows(of: municipalities),
            sourceLocation: sourceLocation)
    }

    private func partitions(_ municipality: String) -> [String] {
        MeetingServer.kinds.flatMap { ["--partition", "municipality=\(municipality),kind=\($0)"] }
    }

    @Test(
        "New municipalities get everything, through a time limit, a kill and bad moments; a new one leaves the others be"
    )
    func fills() async throws {
        let api = MeetingServer(badMoments: true)
        let start = try #require(SystemDay("2019-01-01"))
        // Announced meetings lie ahead, as far as anybody asks.
        let end = today.advanced(by: 120)
        for (index, name) in ["alameda", "berkeley", "oakland"].enumerated() {
            api.add(name, from: start, through: end, seed: UInt64(index))
        }
        try await with(api) { installation, server in
            let database = installation.database
            try await add("alameda", "berkeley", to: installation)
            try installation.edit("lacuna.yaml", "{requests: 100, per: 1s}", to: "{requests: 10, per: 1s}")
            let limited = try await installation.run("reconcile", "--time-limit", "1s", status: 2)
            #expect(limited.output.contains("the time limit was reached"), "\(limited)")
            let before = try await database.number("SELECT count(*) FROM meeting_pages")
            let done = try await database.column(
                """
                SELECT (partition->>'municipality') || ' ' || (partition->>'kind') || ' ' || lacuna.key_text(stream, lower)
                FROM lacuna.batch WHERE lacuna.key_text(stream, upper) < '\(today.advanced(by: -190).iso)'
                """)
            #expect(before > 0 && before < api.rows(of: ["alameda", "berkeley"]).count)

            // The next run goes on, is killed, and the one after it ends.
            let asked = server.requests.count
            var random = SeededGenerator("meetings killed")
            try await installation.kill(
                "reconcile", after: Int.random(in: 4...12, using: &random), requestsTo: server)
            try installation.edit("lacuna.yaml", "{requests: 10, per: 1s}", to: "{requests: 100, per: 1s}")
            try await installation.run("reconcile")
            try await installation.run("catchup")
            try await expectPages(api, ["alameda", "berkeley"], installation)
            try await installation.run("gaps", "--exit-code")
            // Windows that were there were not asked for again, but for those that every run reads.
            let again = server.requests.dropFirst(asked).map {
                "\($0.host.prefix { $0 != "." }) \($0.path.split(separator: "/").last?.prefix { $0 != "." } ?? "") "
                    + ($0["date__gte"] ?? "")
            }
            #expect(!done.isEmpty && again.contains("berkeley minutes \(start.iso)"), "\(done)")
            #expect(Set(again).isDisjoint(with: done), "\(done)")
            #expect(try await database.number("SELECT count(*) FROM lacuna.batch WHERE rows_updated > 0") == 0)

            // One that is new gets everything; those that are known six months behind and six ahead.
            let known = server.requests.count
            try await add("oakland", to: installation)
            try await installation.run("reconcile")
            try await installation.run("catchup")
            try await expectPages(api, ["alameda", "berkeley", "oakland"], installation)
            let (new, others) = (
                server.requests.dropFirst(known).filter { $0.host.hasPrefix("oakland") },
                server.requests.dropFirst(known).filter { !$0.host.hasPrefix("oakland") }
            )
            #expect(new.compactMap { $0["date__gte"] }.min() == start.iso)
            let reach = others.compactMap { $0["date__gte"].flatMap { SystemDay($0) } }.min()
            #expect((181...185).contains(today.number - (reach?.number ?? 0)), "\(String(describing: reach))")
            let ahead = others.compactMap { $0["date__lte"].flatMap { SystemDay($0) } }.max()
            #expect((180...185).contains((ahead?.number ?? 0) - today.number), "\(String(describing: ahead))")
            #expect(api.refusedCount == 0)
            #expect(try await installation.leftovers() == [])
        }
    }

    /// The rows of the dashboard, as text: whose, how many pages, and what the newest batch failed with.
    private func dashboard(_ installation: Installation) async throws -> [String] {
        let file = installation.directory.url.appendingPathComponent("dashboard/municipalities.sql")
        let query = try String(contentsOf: file, encoding: .utf8)
        let end = try #require(query.lastIndex(of: ";"))
        return try await installation.database.column(
            """
            SELECT concat_ws(' ', municipality, kind, pages, substring(last_error, '500|declared')) FROM (
            \(query[..<end])
            ) AS dashboard ORDER BY municipality, kind
            """)
    }

    @Test(
        "A municipality that fails touches no other; a lying total stays a gap; late pages are found; a forced one is read again"
    )
    func faults() async throws {
        let api = MeetingServer()
        let start = try #require(SystemDay("2022-01-01"))
        for (index, name) in ["alameda", "berkeley"].enumerated() {
            api.add(name, from: start, through: today.advanced(by: 60), seed: UInt64(index + 10))
        }
        try await with(api, from: start.iso) { installation, server in
            let database = installation.database
            try await add("alameda", "berkeley", to: installation)
            api.setDown("berkeley")
            let lying = try #require(SystemDay("2023-03-15"))
            api.lie(about: lying)
            let failing = try await installation.run("reconcile", status: 1)
            #expect(failing.errors.contains("the source declared"), "\(failing.errors)")
            #expect(failing.errors.contains("500 Internal Server Error"), "\(failing.errors)")
            #expect(!failing.errors.contains("s3cret"))
            // Of the one that answers only the day is missing that the total is a lie about.
            let gaps = try await installation.run("gaps")
            let lines = gaps.output.split(separator: "\n").filter { $0.contains("alameda") }
            #expect(lines.count == 2 && lines.allSatisfy { $0.contains("2023-03-15  1 unit") }, "\(gaps.output)")
            #expect(
                try await database.number("SELECT count(*) FROM meeting_pages WHERE municipality = 'alameda'")
                    == api.rows(of: ["alameda"]).count { !$0.contains("|2023-03-15|") })
            #expect(
                try await database.number("SELECT count(*) FROM meeting_pages WHERE municipality = 'berkeley'") == 0)
            let failed = try await dashboard(installation)
            #expect(
                failed.map { $0.hasPrefix("berkeley") ? $0.hasSuffix(" 0 500") : !$0.hasSuffix(" 0 500") } == [
                    true, true, true, true,
                ])
            #expect(failed.count { $0.hasSuffix(" declared") } == 2, "\(failed)")

            api.setDown()
            api.lie(about: nil)
            try await installation.run("reconcile", "--retry-now")
            try await installation.run("catchup")
            try await expectPages(api, ["alameda", "berkeley"], installation)
            try await installation.run("gaps", "--exit-code")
            let counts = try await database.column(
                "SELECT concat_ws(' ', municipality, kind, count(*)) FROM meeting_pages GROUP BY municipality, kind ORDER BY 1"
            )
            #expect(try await dashboard(installation) == counts)

            // Minutes are published late, inside the months that every run reads, and one far behind them.
            let late = MeetingServer.Page(id: "late", date: today.advanced(by: -150), number: 1)
            let old = MeetingServer.Page(id: "old", date: start.advanced(by: 40), number: 1)
            api.publish(late, "alameda", "minutes")
            api.publish(old, "berkeley", "minutes")
            try await installation.run("reconcile")
            #expect(try await database.column("SELECT id FROM meeting_pages WHERE id IN ('late', 'old')") == ["late"])

            // Forced, all of it is fetched again, and nothing of the others but what every run reads.
            let asked = server.requests.count
            let marked = try await installation.start(["mark", "pages", "--all"] + partitions("berkeley")).wait()
            #expect(marked.status == 0, "\(marked.errors)")
            #expect(try await installation.run("gaps", "--exit-code", status: 2).output.contains("berkeley"))
            try await installation.run("reconcile")
            try await expectPages(api, ["alameda", "berkeley"], installation)
            try await installation.run("gaps", "--exit-code")
            let again = server.requests.dropFirst(asked)
            #expect(
                again.filter { $0.host.hasPrefix("berkeley") }.compactMap { $0["date__gte"] }.min() == start.iso)
            let others = again.filter { $0.host.hasPrefix("alameda") }.compactMap { $0["date__gte"] }.min()
            #expect((others ?? "") > today.advanced(by: -190).iso)
        }
    }

    #if os(Linux)
        @Test("A municipality of very many pages takes no more memory than a small one")
        func memory() async throws {
            // 547,000 by LACUNA_TEST_MEETING_PAGES; fewer for a run of all tests, which is a debug build.
            let count = ProcessInfo.processInfo.environment["LACUNA_TEST_MEETING_PAGES"].flatMap { Int($0) } ?? 48_000
            let small = try await peak(pageCount: count / 8)
            let large = try await peak(pageCount: count)
            print("meetings: \(count / 8) pages take \(small / 1024) MiB, \(count) pages \(large / 1024) MiB")
            #expect(large < 120 << 10)
            #expect(large < small + (24 << 10))
        }

        /// Fills a municipality and gives the peak of the program's resident memory, in KiB.
        private func peak(pageCount: Int) async throws -> Int {
            let api = MeetingServer()
            api.add("metropolis", pageCount: pageCount, through: today.advanced(by: -1))
            var peak = 0
            try await with(api, from: today.advanced(by: -600).iso) { installation, server in
                try await add("metropolis", to: installation)
                let process = try installation.start(["reconcile"])
                while process.isRunning {
                    peak = max(peak, process.peakResidentKiB ?? 0)
                    try await Task.sleep(for: .milliseconds(20))
                }
                let result = try await process.wait()
                #expect(result.status == 0, "\(result.errors)")
                #expect(
                    try await installation.database.number(
                        "SELECT count(*) FROM meeting_pages WHERE text = 'Text of ' || id") == pageCount)
                try await installation.run("gaps", "--exit-code")
                #expect(server.requests.count >= pageCount / 1000)
            }
            return peak
        }
    #endif
}
