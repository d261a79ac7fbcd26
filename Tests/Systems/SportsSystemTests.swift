import Foundation
import TestSupport
import Testing

@Suite("The system sports: five leagues with their seasons, days back and days ahead")
struct SportsSystemTests {
    private func with(
        _ api: SportsServer, keepsStagger: Bool = false, _ body: (Installation, HTTPServer) async throws -> Void
    ) async throws {
        try await HTTPServer.with {
            await api.answer($0)
        } _: { server in
            try await Installation.with(
                template: "sports",
                environment: SportsServer.environment.merging([
                    "SPORTS_URL": server.url, "SLACK_WEBHOOK_URL": server.url + "/hook",
                ]) { $1 }
            ) { installation in
                // Ten times the template's pace: a year at the real one takes half a minute.
                try installation.edit(
                    "lacuna.yaml", "{requests: 5, per: 1s}", to: "{requests: \(SportsServer.perSecond), per: 1s}")
                if !keepsStagger { try installation.edit("lacuna.yaml", "stagger: 1s", to: "timeout: 30s") }
                try await body(installation, server)
            }
        }
    }

    private func expectAll(_ api: SportsServer, _ installation: Installation) async throws {
        try await installation.expectRows(SportsServer.gameRows, api.expectedGames)
        try await installation.expectRows(SportsServer.logRows, api.expectedLogs)
    }

    @Test("A year of five leagues is filled, killed, resumed, and each later run reads only days back and ahead")
    func fills() async throws {
        let api = try SportsServer()
        try await with(api) { installation, server in
            var random = SeededGenerator("sports killed")
            try await installation.kill(
                "reconcile", after: Int.random(in: 15...80, using: &random), requestsTo: server)
            #expect(try await installation.database.number("SELECT count(*) FROM games") < api.expectedGames.count)
            #expect(
                try await installation.database.number(
                    """
                    SELECT count(*) FROM games AS g WHERE status = 'final'
                        AND (SELECT count(*) FROM team_game_logs AS l WHERE l.game_id = g.game_id) <> 4
                    """) == 0, "a batch's games and their statistics are committed together")
            try await installation.run("reconcile")
            try await installation.run("catchup")
            try await installation.expectComplete(["games"])
            try await expectAll(api, installation)

            let before = try await installation.image()
            let requests = server.requests.count
            try await installation.run("reconcile")
            try await installation.run("catchup")
            let asked = server.requests[requests...].filter { $0.path != "/hook" }
            let days = asked.compactMap { $0["from"] }
            #expect(!days.isEmpty && days.allSatisfy { $0 >= SportsServer.day(-7) }, "\(days)")
            #expect(asked.compactMap { $0["to"] }.max() == SportsServer.day(14))
            #expect(try await installation.image() == before, "what came the same again is not written")
        }
    }

    @Test("The leagues run at once under one limit, and begin apart")
    func keepsTheLimit() async throws {
        let api = try SportsServer(badMoments: false, delay: .milliseconds(100))
        try await with(api, keepsStagger: true) { installation, _ in
            try await installation.run("reconcile")
            #expect(api.rules.refusedCount == 0)
            let arrivals = api.arrivals
            let start = try #require(arrivals.first).time
            for (number, arrival) in arrivals.enumerated() {
                let seconds = (arrival.time - start) / .seconds(1)
                // One at first, two after a second, three after two; the first may have been half a second on its way.
                #expect(Double(arrival.inFlight) <= seconds + 1.5, "request \(number + 1)")
            }
            #expect(arrivals.map(\.inFlight).max() ?? 0 >= 3)
            #expect(arrivals.map(\.inFlight).max() ?? 0 <= 5)
        }
    }

    @Test("Completeness, missing dates and coverage of statistics are what gaps and check answer")
    func verifies() async throws {
        let api = try SportsServer(badMoments: false)
        try await with(api) { installation, _ in
            let database = installation.database
            // One of them is in season at any time of the year.
            let league =
                ["MLB", "NBA"].max {
                    api.days(of: $0, from: SportsServer.day(-60), to: api.today).count
                        < api.days(of: $1, from: SportsServer.day(-60), to: api.today).count
                } ?? ""
            let days = api.days(of: league, from: SportsServer.day(-60), to: SportsServer.day(-10))
            let (missing, bare, late) = (days[3], days[6], try #require(days.last))
            api.change {
                $0.bare = .init(league: league, day: bare)
                $0.late = .init(league: league, day: late)
            }
            try await installation.run("reconcile", status: 2)
            try await installation.run("catchup")

            // Coverage of statistics: games without them, and games that nobody called final, are found by the check.
            let flagged = "games  league=\(league)  \(bare)  1 unit\ngames  league=\(league)  \(late)  1 unit\n"
            #expect(try await installation.run("gaps", "--exit-code", status: 2).output == flagged)
            #expect(
                try await database.column(
                    """
                    SELECT DISTINCT game_date::text FROM games AS g LEFT JOIN team_game_logs AS l USING (game_id)
                    WHERE l.game_id IS NULL AND game_date < current_date ORDER BY 1
                    """) == [bare, late])
            api.change { $0 = .init() }
            try await installation.run("reconcile")
            try await installation.expectComplete(["games"])
            try await expectAll(api, installation)

            // Missing dates: a series of days beside the games also names the quiet ones; gaps names what is missing.
            try await database.execute("DELETE FROM games WHERE league = '\(league)' AND game_date = '\(missing)'")
            let series = try await database.column(
                """
                SELECT day::date::text FROM generate_series(current_date - 90, current_date - 1, '1 day') AS day
                WHERE NOT EXISTS (SELECT FROM games WHERE league = '\(league)' AND game_date = day) ORDER BY 1
                """)
            #expect(series.contains(missing))
            #expect(
                try await installation.run("gaps", "--exit-code", status: 2).output
                    == "games  league=\(league)  \(missing)  1 unit\n")

            // Completeness: a line for each league.
            let report = try await installation.run("gaps", "--report")
            #expect(report.output.contains("1 gap, 1 unit missing"), "\(report.output)")
            for league in SportsServer.leagues { #expect(report.output.contains("  \(league) "), "\(report.output)") }
            try await installation.run("reconcile")
            try await installation.expectComplete(["games"])
            try await expectAll(api, installation)
        }
    }

    @Test(
        "A month that is answered 500 and a day whose total lies stay gaps, exactly they, and heal; a shift heals at once"
    )
    func faults() async throws {
        let api = try SportsServer(badMoments: false)
        try await with(api) { installation, server in
            try installation.edit("lacuna.yaml", "attempts: 4", to: "attempts: 2")
            // Months that are over, whenever the test runs.
            let baseball = api.days(of: "MLB", from: SportsServer.day(-360), to: SportsServer.day(-40))
            let months = Dictionary(grouping: baseball, by: { $0.prefix(7) }).filter { $0.value.count > 20 }
            let month = try #require(months.keys.max())
            let shifting = try #require(months[month])[10]
            let football = api.days(of: "NFL", from: SportsServer.day(-330), to: SportsServer.day(-40))
            let (lying, broken) = (football[0], football[football.count - 1])
            api.change {
                $0.shifting = .init(league: "MLB", day: shifting)
                $0.lyingTotal = .init(league: "NFL", day: lying)
                $0.broken = .init(league: "NFL", day: broken)
            }
            let failing = try await installation.run("reconcile", status: 1)
            #expect(failing.errors.contains("500 Internal Server Error"), "\(failing.errors)")
            #expect(failing.errors.contains("declared"), "\(failing.errors)")
            #expect(!failing.errors.contains("s3cret"))
            #expect(server.requests.contains { $0["league"] == "MLB" && $0["page"] == "2" })
            let gaps = try await installation.run("gaps", "--exit-code", status: 2).output
            let lines = gaps.split(separator: "\n")
            let month500 = "games  league=NFL  \(broken.prefix(8))01–\(broken.prefix(8))"
            #expect(lines.count == 2, "\(gaps)\(failing.errors)")
            #expect(lines.contains("games  league=NFL  \(lying)  1 unit"), "\(gaps)")
            #expect(lines.contains { $0.hasPrefix(month500) }, "\(gaps)")

            #expect(api.messages.count == 1)
            #expect(api.messages.last?.contains("league=NFL \(lying)") == true, "\(api.messages)")

            api.change { $0 = .init() }
            try await installation.run("reconcile", "--retry-now")
            #expect(api.messages.count == 2, "\(api.messages)")
            #expect(api.messages.last?.contains("games: complete") == true, "\(api.messages)")
            try await installation.run("reconcile")
            #expect(api.messages.count == 2, "a run with nothing to do tells nobody: \(api.messages)")
            try await installation.run("catchup")
            try await installation.expectComplete(["games"])
            try await expectAll(api, installation)
        }
    }
}
