import Foundation
import Synchronization
import TestSupport

/// An API of games by league and day, with the real games of five leagues moved by whole years, so that today lies among
/// them: games before today are final and have statistics, those of today and later are scheduled.
final class SportsServer: Sendable {
    struct Game: Sendable {
        let id: String
        let league: String
        let season: Int
        let date: String
        let home: String
        let away: String
        /// The home team's probability to win.
        let probability: String
        /// 1 where the home team won, 0 where it lost, 0.5 where nobody did.
        let won: String
    }

    /// What can be wrong with the answers, each for the windows of a league that hold a day.
    struct Faults: Sendable {
        struct Place: Sendable {
            let league: String
            let day: String
        }

        /// They are answered 500.
        var broken: Place?
        /// They declare a game more than they have.
        var lyingTotal: Place?
        /// Between the first page and the second a game is published that comes first.
        var shifting: Place?
        /// Games of that day are not over, whatever the day is.
        var late: Place?
        /// Games of that day have no statistics.
        var bare: Place?
    }

    private struct State {
        var faults = Faults()
        var hasShifted = false
        var inFlight = 0
        var arrivals: [(time: ContinuousClock.Instant, inFlight: Int)] = []
        var messages: [String] = []
    }

    static let leagues = ["MLB", "NBA", "NFL", "NHL", "WNBA"]
    static let environment = ["SPORTS_KEY": "s3cret-key", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"]
    static let perSecond = 50

    let rules: APIRules
    let today: String
    let games: [Game]
    private let delay: Duration
    private let state = Mutex(State())

    init(badMoments: Bool = true, delay: Duration = .zero) throws {
        rules = APIRules(perSecond: Self.perSecond, badMoments: badMoments) { $0.headers["x-api-key"] == "s3cret-key" }
        self.delay = delay
        today = Self.day(0)
        // The season of the data that a day of the year lies in: the data end in 2022.
        let years = (Int(today.prefix(4)) ?? 0) - (today.suffix(5) >= "08-01" ? 2021 : 2022)
        games = try systemData("us-leagues", "seasons", "csv").split(separator: "\n").dropFirst().map { line in
            let fields = line.split(separator: ",").map(String.init)
            let date = "\((Int(fields[2].prefix(4)) ?? 0) + years)\(fields[2].dropFirst(4))"
            let league = fields[0].uppercased()
            return Game(
                id: "\(league)-\(date)-\(fields[3])-\(fields[4])-\(fields[5])".replacing(" ", with: "_"),
                league: league, season: (Int(fields[1]) ?? 0) + years, date: date, home: fields[3], away: fields[4],
                probability: fields[6], won: fields[7])
        }
    }

    /// A day so many days after today, in UTC, as a key.
    static func day(_ offset: Int) -> String {
        Date(timeIntervalSinceNow: Double(offset) * 86_400).formatted(.iso8601.year().month().day())
    }

    /// The days of a league with games between two days, oldest first.
    func days(of league: String, from first: String, to last: String) -> [String] {
        Set(games.filter { $0.league == league && (first...last).contains($0.date) }.map(\.date)).sorted()
    }

    func change(_ change: (inout Faults) -> Void) {
        state.withLock { state in
            state.hasShifted = false
            change(&state.faults)
        }
    }

    /// When each request came, and how many were in flight then.
    var arrivals: [(time: ContinuousClock.Instant, inFlight: Int)] { state.withLock { $0.arrivals } }

    /// The texts that the webhook took.
    var messages: [String] { state.withLock { $0.messages } }

    // MARK: Answers

    func answer(_ request: HTTPServer.Request) async -> HTTPServer.Response {
        if request.path == "/hook" { return takeMessage(request) }
        state.withLock { state in
            state.inFlight += 1
            state.arrivals.append((.now, state.inFlight))
        }
        try? await Task.sleep(for: delay)
        let response = rules.refusal(of: request) ?? page(request)
        state.withLock { $0.inFlight -= 1 }
        return response
    }

    /// As Slack does, it wants JSON with a text.
    private func takeMessage(_ request: HTTPServer.Request) -> HTTPServer.Response {
        struct Message: Decodable { let text: String }
        guard request.method == "POST", request.headers["content-type"]?.hasPrefix("application/json") == true,
            let message = try? JSONDecoder().decode(Message.self, from: Data(request.body.utf8)), !message.text.isEmpty
        else { return .init("invalid_payload", status: 400, type: "text/plain") }
        state.withLock { $0.messages.append(message.text) }
        return .init("ok", type: "text/plain")
    }

    private func page(_ request: HTTPServer.Request) -> HTTPServer.Response {
        guard request.path == "/v1/games", let league = request["league"], Self.leagues.contains(league),
            let first = request["from"], let last = request["to"], first <= last, first.prefix(7) == last.prefix(7),
            let number = request["page"].flatMap({ Int($0) }), number >= 1,
            let size = request["per_page"].flatMap({ Int($0) }), (1...100).contains(size)
        else { return .init(#"{"error": "a league, days of one month, a page of at most 100"}"#, status: 400) }
        let faults = state.withLock { $0.faults }
        func isAt(_ place: Faults.Place?) -> Bool {
            place.map { $0.league == league && (first...last).contains($0.day) } ?? false
        }
        if isAt(faults.broken) { return .init(#"{"error": "no"}"#, status: 500) }
        var found = games.filter { $0.league == league && (first...last).contains($0.date) }
        if isAt(faults.shifting), !hasShifted(page: number) { found.removeFirst() }
        let total = found.count + (isAt(faults.lyingTotal) ? 1 : 0)
        let records = found.dropFirst((number - 1) * size).prefix(size).map(json)
        return .init(#"{"meta": {"total": \#(total)}, "games": [\#(records.joined(separator: ","))]}"#)
    }

    /// Whether the game that comes first was published, as it is when the second page is asked for.
    private func hasShifted(page: Int) -> Bool {
        state.withLock { state in
            if page > 1 { state.hasShifted = true }
            return state.hasShifted
        }
    }

    private func json(_ game: Game) -> String {
        let logs = figures(of: game).map {
            #"{"team": "\#($0.team)", "prop_type": "\#($0.type)", "value": \#($0.value)}"#
        }
        return
            #"{"id": "\#(game.id)", "league": "\#(game.league)", "season": \#(game.season), "date": "\#(game.date)", "#
            + #""home": "\#(game.home)", "away": "\#(game.away)", "status": "\#(status(of: game))", "#
            + #""logs": [\#(logs.joined(separator: ", "))]}"#
    }

    private func status(of game: Game) -> String {
        game.date < today && !isAt(state.withLock { $0.faults.late }, game) ? "final" : "scheduled"
    }

    private func isAt(_ place: Faults.Place?, _ game: Game) -> Bool {
        place.map { $0.league == game.league && $0.day == game.date } ?? false
    }

    private func figures(of game: Game) -> [(team: String, type: String, value: String)] {
        guard status(of: game) == "final", !isAt(state.withLock { $0.faults.bare }, game) else { return [] }
        func other(_ value: String) -> String { "\(Decimal(1) - (Decimal(string: value) ?? 0))" }
        return [
            (game.home, "win", game.won), (game.away, "win", other(game.won)),
            (game.home, "win_probability", game.probability),
            (game.away, "win_probability", other(game.probability)),
        ]
    }

    // MARK: Rows

    static let gameRows = "SELECT concat_ws(',', game_id, league, season, game_date, home, away, status) FROM games"
    static let logRows =
        "SELECT concat_ws(',', game_id, team, prop_type, value) FROM (SELECT * FROM team_game_logs) AS log"

    /// The games that a user of the template is to have.
    private var due: [Game] { games.filter { (Self.day(-365)...Self.day(14)).contains($0.date) } }

    /// What ``gameRows`` is to give.
    var expectedGames: [String] {
        due.map { "\($0.id),\($0.league),\($0.season),\($0.date),\($0.home),\($0.away),\(status(of: $0))" }
    }

    /// What ``logRows`` is to give.
    var expectedLogs: [String] {
        due.flatMap { game in figures(of: game).map { "\(game.id),\($0.team),\($0.type),\($0.value)" } }
    }
}
