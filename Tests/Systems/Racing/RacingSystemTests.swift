import Foundation
import Testing
import TestSupport

@Suite("Racing: racecards by day and results by month fan out into 14 tables, four are calculated")
struct RacingSystemTests {
    private static let history = RacingHistory()

    /// Runs `body` beside the API, with what `lacuna init --template racing` wrote.
    ///
    /// What is changed of it: `today` becomes a day of the made up history, and time runs faster.
    private func withRacing(
        from first: String = "2015-01-01", to last: String, requestsPerSecond: Int = 400,
        _ body: (RacingServer, Installation) async throws -> Void
    ) async throws {
        let api = RacingServer(Self.history, requestsPerSecond: requestsPerSecond)
        try await HTTPServer.with {
            api.answer($0)
        } _: { server in
            try await Installation.with(
                template: "racing",
                environment: [
                    "RACING_URL": "\(server.url)/v1", "RACING_USERNAME": RacingServer.user,
                    "RACING_PASSWORD": RacingServer.password, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
                ]
            ) { installation in
                try installation.changeConfig([
                    "requests: 2, per: 1s": "requests: \(requestsPerSecond), per: 1s",
                    "attempts: 5, backoff: 5s, max_backoff: 5m": "attempts: 4, backoff: 1s, max_backoff: 2s",
                    "from: 2015-01-01, to: today + 1d": "from: \(first), to: \(last)",
                    "from: 2015-01-01, to: today}": "from: \(first), to: \(last)}",
                ])
                try await body(api, installation)
            }
        }
    }

    /// Whether every row of every table is what the API's data implies.
    private func expectTables(
        _ installation: Installation, days: ClosedRange<String>, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let tables = RacingTables(Self.history, days: days, withHorses: false).all
        let present = try await installation.database.column(
            """
            SELECT table_name || ' ' || string_agg(column_name, ' ' ORDER BY ordinal_position)
            FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name
            """)
        #expect(
            present.sorted() == tables.map { ([$0.name] + $0.columns).joined(separator: " ") }.sorted(),
            sourceLocation: sourceLocation)
        for table in tables {
            let rows = try await installation.database.column(table.query).sorted()
            guard rows != table.rows else { continue }
            let missing = Set(table.rows).subtracting(rows).sorted()
            let surplus = Set(rows).subtracting(table.rows).sorted()
            Issue.record(
                """
                \(table.name): \(missing.count) rows are missing, as \(missing.prefix(3)), \(surplus.count) should not be, \
                as \(surplus.prefix(3))
                """, sourceLocation: sourceLocation)
        }
    }

    @Test("The whole history, 3,949 days and 130 months, killed at a random moment and resumed")
    func wholeHistory() async throws {
        let days = RacingHistory.days
        #expect(days.count == 3949)
        try await withRacing(to: "2025-10-23") { api, installation in
            var random = SeededGenerator("racing killed")
            let moment = Int.random(in: 200...3800, using: &random)
            let process = try installation.start(["reconcile"])
            while process.isRunning, api.figures.answered.count < moment {
                try await Task.sleep(for: .milliseconds(2))
            }
            process.send(signal: SIGKILL)
            _ = try await process.wait()
            try await installation.waitUntilBackendsAreGone()
            #expect(try await installation.leftovers() == [])
            try await expectWholeDays(installation)

            let started = ContinuousClock.now
            let resumed = try await installation.lacuna("reconcile")
            print("racing: resumed after \(moment) requests, took \(ContinuousClock.now - started)", api.figures.failed)
            #expect(resumed.status == 0, "\(resumed.errors)")
            let figures = api.figures
            #expect(figures.count("racecards") == 3949)
            let windows = Set(
                figures.answered.keys.filter { $0.hasPrefix("results") }.map { $0.split(separator: " ")[1] })
            #expect(windows.count == 130)
            #expect(figures.failed > 10, "some requests were refused on the way")
            #expect(figures.answered.values.count { $0 > 1 } <= 8, "what was in flight, and two days behind the tip")

            let report = try await installation.lacuna("gaps", "--report", "--exit-code")
            #expect(report.status == 0)
            #expect(report.output.contains("complete: 100 % of 3,949 expected units"), "\(report.output)")
            try await expectTables(installation, days: days[0]...days[3948])
            let before = try await installation.image()
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.image() == before, "a run that brings nothing new writes nothing")
        }
    }

    /// A day's racecards are there whole, or not at all.
    private func expectWholeDays(_ installation: Installation) async throws {
        let found = try await installation.database.column(
            """
            SELECT racecard_date || ' ' || count(DISTINCT race_id) || ' ' || count(horse_id)
            FROM ra_races JOIN ra_runners USING (race_id)
            GROUP BY racecard_date
            """)
        var whole: Set<String> = []
        for (day, places) in Self.history.byDay {
            let races = Self.history.races[places].filter { $0.card != nil && $0.course.region != "FR" }
            whole.insert("\(day) \(races.count) \(races.flatMap(\.runners).count { $0.card != nil })")
        }
        #expect(Set(found).subtracting(whole).isEmpty)
    }
}

extension Installation {
    /// Replaces parts of the config; each must be there exactly once.
    fileprivate func changeConfig(_ changes: KeyValuePairs<String, String>) throws {
        let file = directory.url.appendingPathComponent("lacuna.yaml")
        var text = try String(contentsOf: file, encoding: .utf8)
        for (old, new) in changes {
            try #require(text.ranges(of: old).count == 1, "\(old)")
            text = text.replacing(old, with: new)
        }
        try text.write(to: file, atomically: true, encoding: .utf8)
    }
}
