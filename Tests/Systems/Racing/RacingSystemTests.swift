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

            let resumed = try await installation.lacuna("reconcile")
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

    @Test("A month of 500s and a day whose total lies stay gaps, pages that shift are read again, and the next run heals")
    func faults() async throws {
        let (first, last) = ("2019-01-01", "2019-06-30")
        try await withRacing(from: first, to: last) { api, installation in
            let months = ["2019-01", "2019-02", "2019-03", "2019-04", "2019-05", "2019-06"].sorted {
                resultCount(in: $0) > resultCount(in: $1)
            }
            try #require(resultCount(in: months[1]) > 51, "the results of these months take two pages")
            let failing = months[2]
            let lying = try #require(
                Self.history.byDay.keys.sorted().first { $0.hasPrefix(months[3]) && !cards(of: $0).isEmpty })
            api.set(
                RacingServer.Faults(
                    failingMonth: "\(failing)-01", lyingDay: lying, growingMonth: "\(months[0])-01",
                    shiftingMonth: "\(months[1])-01"))
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1)
            #expect(run.errors.contains("racecards \(lying): the source declared"), "\(run.errors)")
            #expect(run.errors.contains("results \(failing)-01–\(failing)-"), "\(run.errors)")
            #expect(run.errors.contains("answered 500 Internal Server Error"), "\(run.errors)")
            #expect(!run.errors.contains(RacingServer.password))
            let gaps = try await installation.lacuna("gaps", "--exit-code")
            #expect(gaps.status == 2)
            let lines = gaps.output.split(separator: "\n")
            #expect(lines.count == 2, "\(gaps.output)")
            #expect(lines.first?.hasPrefix("racecards  \(lying)  1 unit") ?? false, "\(gaps.output)")
            #expect(lines.last?.hasPrefix("results  \(failing)-01–\(failing)-") ?? false, "\(gaps.output)")
            #expect(
                try await installation.database.number("SELECT count(*) FROM ra_races WHERE result_date IS NOT NULL")
                    == months.filter { $0 != failing }.map(resultCount).reduce(0, +))

            let answered = api.figures.answered.filter { $0.key.hasPrefix("results \(months[0])-01 ") }
            #expect(
                answered.count == 2 && answered.values.allSatisfy { $0 == 2 },
                "a total that changed has both pages of the month read again: \(answered)")
            #expect(
                api.figures.answered.keys.contains { $0.hasPrefix("results \(months[1])-16 ") },
                "a race that came twice has the window halved")

            // Still failing, and not asked for again until it is due.
            api.reset()
            #expect(try await installation.lacuna("reconcile").status == 2)
            #expect(api.figures.answered.keys.contains("racecards \(lying)") == false)

            api.set(RacingServer.Faults())
            let healed = try await installation.lacuna("reconcile", "--retry-now")
            #expect(healed.status == 0, "\(healed.output)\(healed.errors)")
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            try await expectTables(installation, days: first...last)
        }
    }

    private func cards(of day: String) -> [RacingHistory.Race] {
        Self.history.races[Self.history.byDay[day] ?? 0..<0].filter { $0.card != nil && $0.course.region != "FR" }
    }

    private func resultCount(in month: String) -> Int {
        Self.history.races.count { $0.day.hasPrefix(month) && $0.result != nil && $0.course.region != "FR" }
    }

    @Test("Results before racecards come to the same rows, catchup adds what is new, and the document's queries hold")
    func anyOrder() async throws {
        try await withRacing(from: "2016-11-01", to: "2017-02-20") { api, installation in
            for stream in ["results", "racecards"] {
                let run = try await installation.lacuna("reconcile", stream)
                #expect(run.status == 0, "\(run.errors)")
            }
            try await expectTables(installation, days: "2016-11-01"..."2017-02-20")

            try installation.changeConfig(["to: 2017-02-20}": "to: 2017-03-10}"])
            let catchup = try await installation.lacuna("catchup")
            #expect(catchup.status == 0, "\(catchup.errors)")
            try await expectTables(installation, days: "2016-11-01"..."2017-03-10")
            try await expectQueries(installation, days: "2016-11-01"..."2017-03-10")
        }
    }

    /// What a person asks to see whether all is there.
    private func expectQueries(_ installation: Installation, days: ClosedRange<String>) async throws {
        let tables = Dictionary(
            uniqueKeysWithValues: RacingTables(Self.history, days: days, withHorses: false).all.map { table in
                (table.name, table.rows.map { $0.split(separator: "|", omittingEmptySubsequences: false) })
            })
        let races = Dictionary(grouping: tables["ra_races"] ?? []) { $0[1].prefix(4) }
        #expect(
            try await installation.database.column(
                """
                SELECT concat_ws(' ', EXTRACT(YEAR FROM date), count(*), count(DISTINCT course_id)) FROM ra_races
                GROUP BY EXTRACT(YEAR FROM date) ORDER BY EXTRACT(YEAR FROM date)
                """)
                == races.map { "\($0) \($1.count) \(Set($1.map { $0[2] }).count)" }.sorted())
        let runners = tables["ra_runners"] ?? []
        #expect(
            try await installation.database.value(
                """
                SELECT concat_ws(' ', count(*), count(DISTINCT horse_id), count(DISTINCT jockey_id), count(position))
                FROM ra_runners
                """)
                == "\(runners.count) \(Set(runners.map { $0[1] }).count) "
                + "\(Set(runners.map { $0[6] }).subtracting(["∅"]).count) \(runners.count { $0[15] != "∅" })")
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
    /// Replaces parts of the config; each must be there.
    fileprivate func changeConfig(_ changes: KeyValuePairs<String, String>) throws {
        let file = directory.url.appendingPathComponent("lacuna.yaml")
        var text = try String(contentsOf: file, encoding: .utf8)
        for (old, new) in changes {
            try #require(text.contains(old), "\(old)")
            text = text.replacing(old, with: new)
        }
        try text.write(to: file, atomically: true, encoding: .utf8)
    }
}
