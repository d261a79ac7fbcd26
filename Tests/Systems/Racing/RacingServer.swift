import Foundation
import Synchronization
import TestSupport

/// The racing API on the loopback interface, and its rules: a user and a password, the limits of its pages, a number of
/// requests in any second, totals, countries, and now and then an answer of 500 or 429.
final class RacingServer: Sendable {
    /// What goes wrong until it is put right.
    struct Faults {
        /// The month whose results are always answered with 500, by its first day.
        var failingMonth: String?
        /// The day of whose racecards one more is declared than there are.
        var lyingDay: String?
        /// A month in which a result is published while the pages are read for the first time.
        var growingMonth: String?
        /// A month of which the second page repeats a race of the first one when it is asked for first, though the total
        /// stays the same.
        var shiftingMonth: String?
    }

    /// What was asked and how it was answered.
    struct Figures {
        /// Requests that were answered with data, by path and day, or path and window.
        var answered: [String: Int] = [:]
        var refusedForRate = 0
        var failed = 0

        func count(_ path: String) -> Int { answered.keys.count { $0.hasPrefix(path) } }
    }

    private struct State {
        var faults = Faults()
        var figures = Figures()
        var arrivals: [ContinuousClock.Instant] = []
        var seen: Set<String> = []
    }

    static let user = "punter"
    static let password = "p4ss:wörd"

    private let history: RacingHistory
    private let requestsPerSecond: Int
    private let state = Mutex(State())

    init(_ history: RacingHistory, requestsPerSecond: Int) {
        self.history = history
        self.requestsPerSecond = requestsPerSecond
    }

    var figures: Figures { state.withLock { $0.figures } }

    /// Forgets what was asked so far.
    func reset() {
        state.withLock { $0.figures = Figures() }
    }

    func set(_ faults: Faults) {
        state.withLock { $0.faults = faults }
    }

    // MARK: Rules

    func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
        let credentials = Data("\(Self.user):\(Self.password)".utf8).base64EncodedString()
        guard request.headers["authorization"] == "Basic \(credentials)" else { return refusal(401, "who are you?") }
        guard mayAsk(request.arrival) else {
            return .init(#"{"detail": "2 requests a second"}"#, status: 429, headers: [("retry-after", "1")])
        }
        if let fault = passingFault(request.target) { return fault }
        let query = Query(request.target)
        switch request.path {
        case "/v1/racecards/pro": return racecards(query)
        case "/v1/results": return results(query)
        default:
            let parts = request.path.split(separator: "/")
            guard parts.count == 4, parts[1] == "horses", parts[3] == "pro" else { return refusal(404, "no such path") }
            return horse(String(parts[2]))
        }
    }

    /// Whether the allowance of the last second has room.
    private func mayAsk(_ arrival: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            state.arrivals.removeAll { $0 <= arrival - .seconds(1) }
            guard state.arrivals.count < requestsPerSecond else {
                state.figures.refusedForRate += 1
                return false
            }
            state.arrivals.append(arrival)
            return true
        }
    }

    /// About one address in 200 fails when it is asked first, and three of them ask to wait.
    private func passingFault(_ target: String) -> HTTPServer.Response? {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in target.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        guard (hash >> 20) % 200 == 0 else { return nil }
        return state.withLock { state in
            guard state.seen.insert(target).inserted else { return nil }
            state.figures.failed += 1
            if state.seen.count % 8 == 0 {
                return .init("", status: 429, headers: [("retry-after", "1")])
            }
            return refusal(500, "try again")
        }
    }

    private func refusal(_ status: Int, _ detail: String) -> HTTPServer.Response {
        .init(#"{"detail": "\#(detail)"}"#, status: status)
    }

    private func count(_ request: String) {
        state.withLock { $0.figures.answered[request, default: 0] += 1 }
    }

    // MARK: Feeds

    private func racecards(_ query: Query) -> HTTPServer.Response {
        guard let day = query["date"], let places = history.byDay[day], let page = query.page(limit: 500),
            !query.all("region_codes").isEmpty
        else { return refusal(422, "a day, countries, a limit up to 500") }
        let races = history.races[places].filter {
            $0.card != nil && query.all("region_codes").contains($0.course.region.lowercased())
        }
        count("racecards \(day)")
        let lie = state.withLock { $0.faults.lyingDay == day ? 1 : 0 }
        return answer("racecards", races, page, total: races.count + lie) { $0.cardJSON }
    }

    private func results(_ query: Query) -> HTTPServer.Response {
        guard let first = query["start_date"], let last = query["end_date"], let lower = history.byDay[first],
            let upper = history.byDay[last], first <= last, let page = query.page(limit: 50),
            !query.all("region").isEmpty
        else { return refusal(422, "a first and a last day, countries, a limit up to 50") }
        var races = history.races[lower.lowerBound..<upper.upperBound].filter {
            $0.result != nil && query.all("region").contains($0.course.region.lowercased())
        }
        let faults = state.withLock { state in
            let faults = state.faults
            if page.skip > 0, faults.growingMonth == first { state.faults.growingMonth = nil }
            if page.skip > 0, faults.shiftingMonth == first { state.faults.shiftingMonth = nil }
            return faults
        }
        if faults.failingMonth.map({ (first...last).contains($0) }) ?? false { return refusal(500, "not this month") }
        // The newest comes first.
        races.reverse()
        if faults.growingMonth == first, page.skip == 0 { races.removeFirst() }
        if faults.shiftingMonth == first, page.skip > 0 { races.swapAt(page.skip - 1, page.skip) }
        count("results \(first) \(last) \(page.skip)")
        return answer("results", races, page, total: races.count) { $0.resultJSON }
    }

    private func horse(_ id: String) -> HTTPServer.Response {
        guard let horse = RacingHistory.horses.first(where: { $0.id == id }), horse.hasPage else {
            count("horse \(id)")
            return refusal(404, "no such horse")
        }
        count("horse \(id)")
        return .init(horse.json)
    }

    private func answer(
        _ name: String, _ races: [RacingHistory.Race], _ page: (limit: Int, skip: Int), total: Int,
        _ json: (RacingHistory.Race) -> String
    ) -> HTTPServer.Response {
        let records = races.dropFirst(page.skip).prefix(page.limit).map(json)
        return .init(
            "{\"\(name)\": [\(records.joined(separator: ","))], \"total\": \(total), \"limit\": \(page.limit), "
                + "\"skip\": \(page.skip)}")
    }
}

/// The parameters of a request; one name may come several times.
private struct Query {
    private let items: [URLQueryItem]

    init(_ target: String) {
        items = URLComponents(string: target)?.queryItems ?? []
    }

    subscript(name: String) -> String? { items.first { $0.name == name }?.value }

    func all(_ name: String) -> [String] { items.filter { $0.name == name }.compactMap(\.value) }

    func page(limit most: Int) -> (limit: Int, skip: Int)? {
        guard let limit = Int(self["limit"] ?? "\(most)"), let skip = Int(self["skip"] ?? "0"),
            (1...most).contains(limit),
            skip >= 0
        else { return nil }
        return (limit, skip)
    }
}

// MARK: As the API writes it

/// An object of texts; what is missing is an empty text or null.
private func object(_ fields: [(String, String?)], missing: String, more: String = "") -> String {
    let pairs = fields.map { name, value in "\"\(name)\":" + (value.map { "\"\($0)\"" } ?? missing) }
    return "{" + pairs.joined(separator: ",") + more + "}"
}

extension RacingHistory.Entry {
    fileprivate func fields(weightName: String) -> [(String, String?)] {
        [
            ("horse", horse), ("number", number.map(String.init)), ("draw", draw.map(String.init)),
            (weightName, weight.map(String.init)), ("jockey", jockey), ("jockey_id", jockeyID), ("trainer", trainer),
            ("trainer_id", trainerID), ("owner", owner), ("owner_id", ownerID), ("sire", sire), ("sire_id", sireID),
            ("dam", dam), ("dam_id", damID), ("damsire", damsire), ("damsire_id", damsireID),
        ]
    }
}

extension RacingHistory.Race {
    private var place: [(String, String?)] {
        [
            ("race_id", id), ("date", day), ("course", course.name), ("course_id", course.id),
            ("region", course.region),
        ]
    }

    fileprivate var cardJSON: String {
        let runners = runners.compactMap { runner in
            runner.card.map { card in
                let odds = runner.bookmakers.map { object([("bookmaker", $0), ("decimal", "4.5")], missing: "null") }
                return object(
                    [("horse_id", runner.horseID)] + card.fields(weightName: "lbs"), missing: "\"\"",
                    more: ",\"odds\":[\(odds.joined(separator: ","))]")
            }
        }
        return object(
            place + [
                ("race_name", card?.name), ("off_dt", card?.off), ("distance_f", card?.distance),
                ("race_class", card?.raceClass), ("type", card?.type), ("going", card?.going),
            ], missing: "\"\"", more: ",\"runners\":[\(runners.joined(separator: ","))]")
    }

    fileprivate var resultJSON: String {
        let runners = runners.compactMap { runner in
            runner.result.map { result in
                let finish = runner.finish
                return object(
                    [
                        ("horse_id", runner.horseID), ("position", finish.position.map(String.init) ?? finish.outcome),
                        ("time", finish.time), ("prize", finish.prize.map(String.init)), ("sp_dec", finish.price),
                    ] + result.fields(weightName: "weight_lbs"), missing: "null")
            }
        }
        return object(
            place + [
                ("race_name", result?.name), ("off_dt", result?.off), ("dist_f", result?.distance),
                ("class", result?.raceClass), ("type", result?.type), ("going", result?.going),
                ("winning_time_detail", winningTime),
            ], missing: "null", more: ",\"runners\":[\(runners.joined(separator: ","))]")
    }
}

extension RacingHistory.Horse {
    /// A horse's page.
    fileprivate var json: String {
        object(
            [
                ("id", id), ("name", name), ("sex", "gelding"), ("sex_code", "G"), ("dob", dob), ("colour", "bay"),
                ("colour_code", "B"), ("breeder", "Breeder \(sire)"), ("region", sire % 2 == 0 ? "GB" : "IRE"),
                ("sire", RacingHistory.sireName(sire)), ("sire_id", RacingHistory.sireID(sire)),
                ("dam", RacingHistory.damName(dam)), ("dam_id", RacingHistory.damID(dam)),
                ("damsire", RacingHistory.damsireName(damsire)), ("damsire_id", RacingHistory.damsireID(damsire)),
            ], missing: "null")
    }

    var dob: String { "20\(10 + sire % 9)-0\(1 + dam % 9)-1\(damsire % 10)" }
}
