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
    ///
    /// - Parameter pagesThrough: the day up to which the horses that ran have had their pages read; nil: the last.
    private func expectTables(
        _ installation: Installation, days: ClosedRange<String>, pagesThrough: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let tables = RacingTables(Self.history, days: days, pagesThrough: pagesThrough ?? days.upperBound).all
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
            let horses = RacingTables(Self.history, days: days[0]...days[3948], pagesThrough: "")
                .horseIDs(through: days[3948])
            let moment = Int.random(in: 200..<(3949 + 130 + horses.count), using: &random)
            let process = try installation.start(["reconcile"])
            while process.isRunning, api.figures.answered.count < moment {
                try await Task.sleep(for: .milliseconds(2))
            }
            process.send(signal: SIGKILL)
            _ = try await process.wait()
            try await installation.waitUntilBackendsAreGone()
            #expect(try await installation.leftovers() == [])
            try await expectWholeBatches(installation)

            let resumed = try await installation.lacuna("reconcile")
            #expect(resumed.status == 0, "\(resumed.errors)")
            let figures = api.figures
            #expect(figures.count("racecards") == 3949)
            let months = Set(figures.answered.keys.filter { $0.hasPrefix("results") }.map { $0.dropFirst(8).prefix(7) })
            #expect(months.count == 130)
            #expect(figures.count("horse ") == horses.count)
            #expect(figures.failed > 10, "some requests were refused on the way")
            #expect(figures.answered.values.count { $0 > 1 } <= 20, "what was in flight, and two days behind the tip")

            let report = try await installation.lacuna("gaps", "--report", "--exit-code")
            #expect(report.status == 0)
            #expect(report.output.contains("complete: 100 % of 3,949 expected units"), "\(report.output)")
            try await expectTables(installation, days: days[0]...days[3948])
            let before = try await installation.image()
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.image() == before, "a run that brings nothing new writes nothing")
        }
    }

    @Test(
        "A month of 500s and a day whose total lies stay gaps, pages that shift are read again, and the next run heals")
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
            try #require(lines.count == 3, "\(gaps.output)")
            #expect(lines[0].hasPrefix("racecards  \(lying)  1 unit"), "\(gaps.output)")
            #expect(lines[1].hasPrefix("results  \(failing)-01–\(failing)-"), "\(gaps.output)")
            #expect(lines[2] == "horses  no gaps", "\(gaps.output)")
            #expect(
                try await installation.database.number("SELECT count(*) FROM ra_races WHERE result_date IS NOT NULL")
                    == months.filter { $0 != failing }.map(resultCount).reduce(0, +))

            let answered = api.figures.answered.filter { $0.key.hasPrefix("results \(months[0])-01 ") }
            #expect(
                answered.count == 2 && answered.values.allSatisfy { $0 == 2 },
                "a total that changed has both pages of the month read again: \(answered)")
            let shifted = api.figures.answered.filter { $0.key.hasPrefix("results \(months[1])-01 ") }
            #expect(
                shifted.count == 2 && shifted.values.allSatisfy { $0 == 2 },
                "a race that came twice has both pages of the month read again: \(shifted)")

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

    @Test("Results before racecards come to the same rows, catchup adds what is new, and new horses are looked up")
    func anyOrder() async throws {
        try await withRacing(from: "2016-11-01", to: "2017-02-20") { api, installation in
            for stream in ["results", "racecards"] {
                let run = try await installation.lacuna("reconcile", stream)
                #expect(run.status == 0, "\(run.errors)")
            }
            try await expectTables(installation, days: "2016-11-01"..."2017-02-20", pagesThrough: "")
            let before = RacingTables(Self.history, days: "2016-11-01"..."2017-03-10", pagesThrough: "")
            let known = before.horseIDs(through: "2017-02-20")
            #expect(try await installation.lacuna("reconcile", "horses").status == 0)
            #expect(api.figures.count("horse ") == known.count)

            try installation.changeConfig(["to: 2017-02-20}": "to: 2017-03-10}"])
            let catchup = try await installation.lacuna("catchup")
            #expect(catchup.status == 0, "\(catchup.errors)")
            try await expectTables(installation, days: "2016-11-01"..."2017-03-10", pagesThrough: "2017-02-20")

            // Only the horses that are new have their pages read.
            let new = before.horseIDs(through: "2017-03-10").subtracting(known)
            api.reset()
            let enriched = try await installation.lacuna("reconcile", "horses")
            #expect(enriched.status == 0, "\(enriched.errors)")
            #expect(Set(api.figures.answered.keys) == Set(new.map { "horse \($0)" }))
            #expect(!new.isEmpty && new.count < known.count)
            try await expectTables(installation, days: "2016-11-01"..."2017-03-10")
            try await expectQueries(installation, days: "2016-11-01"..."2017-03-10")
        }
    }

    /// What a person asks to see whether all is there.
    private func expectQueries(_ installation: Installation, days: ClosedRange<String>) async throws {
        let tables = Dictionary(
            uniqueKeysWithValues: RacingTables(Self.history, days: days, pagesThrough: days.upperBound).all.map {
                table in
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
        #expect(
            try await installation.database.value(
                """
                SELECT concat_ws(' ', count(*), count(p.horse_id))
                FROM ra_mst_horses AS h LEFT JOIN ra_horse_pedigree AS p ON h.horse_id = p.horse_id
                """) == "\(tables["ra_mst_horses"]?.count ?? 0) \(tables["ra_horse_pedigree"]?.count ?? 0)")
    }

    /// A day's racecards and a month's results are there with all their races and runners, or not at all.
    private func expectWholeBatches(_ installation: Installation) async throws {
        let database = installation.database
        let races = try await database.column(
            """
            SELECT concat_ws(' ', race_id, racecard_date IS NOT NULL, result_date IS NOT NULL,
                (SELECT count(*) FROM ra_runners AS r WHERE r.race_id = race.race_id),
                (SELECT count(*) FROM ra_race_results AS r WHERE r.race_id = race.race_id))
            FROM ra_races AS race
            """)
        let cardDays = Set(try await database.column("SELECT DISTINCT racecard_date::text FROM ra_races"))
        let resultMonths = Set(
            try await database.column("SELECT DISTINCT to_char(result_date, 'YYYY-MM') FROM ra_races"))
        let whole = Self.history.races.filter { $0.course.region != "FR" }.compactMap { race -> String? in
            let hasCard = race.card != nil && cardDays.contains(race.day)
            let hasResult = race.result != nil && resultMonths.contains(String(race.day.prefix(7)))
            guard hasCard || hasResult else { return nil }
            let runners = race.runners.count { hasCard && $0.card != nil || hasResult && $0.result != nil }
            let results = hasResult ? race.runners.count { $0.result != nil } : 0
            return "\(race.id) \(hasCard ? "t" : "f") \(hasResult ? "t" : "f") \(runners) \(results)"
        }
        #expect(Set(races).symmetricDifference(whole).sorted().prefix(3) == [])
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
