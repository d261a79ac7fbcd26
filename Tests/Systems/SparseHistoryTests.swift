import Foundation
import Testing
import TestSupport

@Suite("Sparse daily data of real leagues")
struct SparseHistoryTests {
    /// Prints the games of a league between two days and appends the request to a log.
    private static let games = """
        #!/bin/sh
        echo "$1 $2 $3" >> requests
        exec awk -F, -v league="$1" -v first="$2" -v last="$3" \
            'NR == 1 || ($1 == league && $2 >= first && $2 <= last)' games.csv
        """

    private static func config(_ league: String, _ expect: String, batch: String = "1 month", more: String = "")
        -> String
    {
        """
        sources:
          archive:
            type: command
            command: [./games, "{partition.league}", "{window.first}", "{window.last}"]
            format: csv
            retry: {attempts: 1}
        streams:
          games:
            source: archive
            table: games
            key: {column: date, type: date}
            partitions: {league: \(league)}
            expect: {\(expect)}
            batch: \(batch)
            empty: trust
        \(more)
        """
    }

    private static let wholeWNBA = "from: 2021-05-01, to: 2022-09-30"

    private func withGames(_ config: String, _ body: (Installation) async throws -> Void) async throws {
        let file = try #require(
            Bundle.module.url(forResource: "games", withExtension: "csv", subdirectory: "Data/us-leagues"))
        try await Installation.with(
            """
            CREATE TABLE games (
                league text, date date, home text, away text, PRIMARY KEY (league, date, home));
            """, config: config,
            files: ["games": Self.games, "games.csv": String(contentsOf: file, encoding: .utf8)], body)
    }

    @Test("A quiet day is asked for once, recorded as verified empty, and never asked for again")
    func quietDays() async throws {
        try await withGames(Self.config("[wnba]", Self.wholeWNBA)) { installation in
            let database = installation.database
            let first = try await installation.lacuna("reconcile")
            #expect(first.status == 0, "\(first.errors)")
            #expect(try await database.number("SELECT count(*) FROM games") == 450)
            // Whole months of the calendar, newest first, each once.
            let requests = installation.lines(of: "requests")
            #expect(requests.count == 17)
            #expect(Set(requests).count == 17)
            #expect(requests.contains("wnba 2022-02-01 2022-02-28"))
            let days = 518
            let quiet = try await database.number(
                """
                SELECT count(*) FROM generate_series('2021-05-01'::date, '2022-09-30', '1 day') AS d
                WHERE NOT EXISTS (SELECT FROM games WHERE date = d)
                """)
            #expect(quiet == days - 189)
            #expect(try await database.number("SELECT sum(upper - lower)::int FROM lacuna.verified_empty") == quiet)

            let before = try await installation.image()
            for _ in 1...2 {
                let again = try await installation.lacuna("reconcile")
                #expect(again.output == "games: nothing to do\n")
                #expect(again.status == 0)
            }
            #expect(installation.lines(of: "requests") == requests)
            #expect(try await installation.image() == before)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("Lookback asks for the newest quiet days again on every run, and for nothing else")
    func lookback() async throws {
        let declared = Self.config("[wnba]", Self.wholeWNBA, batch: "7d", more: "    lookback: 10d")
        try await withGames(declared) { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            // A late record: the source publishes a game on a day that was verified as empty.
            try installation.remove("requests")
            let file = installation.directory.url.appendingPathComponent("games.csv")
            try installation.directory.write(
                String(contentsOf: file, encoding: .utf8) + "wnba,2022-09-25,Late,Comers\nwnba,2022-09-02,Too,Late\n",
                to: "games.csv")
            let again = try await installation.lacuna("reconcile")
            #expect(again.status == 0, "\(again.errors)")
            let requests = installation.lines(of: "requests")
            #expect(!requests.isEmpty)
            #expect(requests.allSatisfy { $0 >= "wnba 2022-09-21" }, "\(requests)")
            let database = installation.database
            #expect(
                try await database.column("SELECT date::text FROM games WHERE home IN ('Late', 'Too')")
                    == ["2022-09-25"])
            #expect(
                try await database.number(
                    "SELECT count(*) FROM lacuna.verified_empty WHERE '2022-09-25'::date - '1970-01-01'::date >= lower "
                        + "AND '2022-09-25'::date - '1970-01-01'::date < upper") == 0)
            let before = try await installation.image()
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.image() == before, "what came the same again is not written")
        }
    }

    @Test("Seasons keep the off-season out of the report and out of the requests")
    func seasons() async throws {
        let declared = Self.config(
            "[nfl, wnba]",
            "from: 2021-01-01, to: 2022-12-31, seasons: {wnba: 05-01..10-31, nfl: 09-01..02-15}")
        try await withGames(declared) { installation in
            // The seasons of the NFL in the file are other years', so that all of its days are quiet.
            let report = try await installation.lacuna("gaps", "--format", "csv")
            #expect(report.status == 0, "\(report.errors)")
            #expect(try await installation.lacuna("reconcile").status == 0)
            let requests = installation.lines(of: "requests")
            let wnba = requests.filter { $0.hasPrefix("wnba") }.map {
                String($0.split(separator: " ")[1].dropFirst(5).prefix(2))
            }
            #expect(Set(wnba) == ["05", "06", "07", "08", "09", "10"])
            let nfl = requests.filter { $0.hasPrefix("nfl") }
            #expect(nfl.contains("nfl 2021-02-01 2021-02-15"))
            #expect(!nfl.contains { $0 >= "nfl 2021-02-16" && $0 < "nfl 2021-09-01" })
            let text = try await installation.lacuna("gaps", "--report")
            #expect(text.output.contains("complete"))
            // A deleted day of the off-season would be no gap; one of the season is.
            try await installation.database.execute("DELETE FROM games WHERE date = '2021-05-14'")
            let gap = try await installation.lacuna("gaps", "--exit-code")
            #expect(gap.status == 2)
            #expect(gap.output.contains("2021-05-14  1 unit"))
        }
    }

    @Test("mark on a month fetches exactly that month again and writes what differs")
    func mark() async throws {
        try await withGames(Self.config("[wnba, nfl]", Self.wholeWNBA)) { installation in
            let database = installation.database
            #expect(try await installation.lacuna("reconcile").status == 0)
            try installation.remove("requests")
            let marked = try await installation.lacuna(
                "mark", "games", "--from", "2021-08-01", "--to", "2021-08-31", "--partition", "league=wnba")
            #expect(marked.status == 0)
            #expect(marked.output.contains("31 units marked"))
            let gaps = try await installation.lacuna("gaps", "--exit-code")
            #expect(gaps.status == 2)
            #expect(gaps.output.contains("2021-08-01–2021-08-31  31 units"))

            try await database.execute("CREATE TABLE before AS SELECT *, xmin::text AS version FROM games")
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.errors)")
            #expect(installation.lines(of: "requests") == ["wnba 2021-08-01 2021-08-31"])
            #expect(try await database.number("SELECT count(*) FROM lacuna.refetch") == 0)
            #expect(
                try await database.number(
                    """
                    SELECT count(*) FROM games AS g FULL JOIN before AS b USING (league, date, home, away)
                    WHERE g.xmin::text IS DISTINCT FROM b.version
                    """) == 0, "equal rows are not written again")
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("A mark can be taken back, and then nothing is fetched")
    func clear() async throws {
        try await withGames(Self.config("[wnba]", Self.wholeWNBA)) { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            try installation.remove("requests")
            #expect(try await installation.lacuna("mark", "games", "--all").status == 0)
            #expect(try await installation.lacuna("mark", "games", "--clear").status == 0)
            #expect(try await installation.lacuna("reconcile").output == "games: nothing to do\n")
            #expect(installation.lines(of: "requests") == [])
        }
    }

    @Test("Weekdays: only the days that are declared are expected")
    func weekdays() async throws {
        let declared = Self.config(
            "[nfl]", "from: 2018-11-01, to: 2018-11-30, weekdays: [mon, thu, sun]")
        try await withGames(declared) { installation in
            #expect(try await installation.lacuna("reconcile").status == 0)
            let database = installation.database
            // What is missing of the 13 Mondays, Thursdays and Sundays is nothing: they all had games.
            #expect(try await database.number("SELECT count(DISTINCT date) FROM games") == 13)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
            try await database.execute("DELETE FROM games WHERE date IN ('2018-11-22', '2018-11-25')")
            let gaps = try await installation.lacuna("gaps")
            #expect(gaps.output == "games  league=nfl  2018-11-22  1 unit\ngames  league=nfl  2018-11-25  1 unit\n")
        }
    }
}
