import TestSupport

/// What the racing API knows: made up, and the same in every run.
///
/// It holds what makes the real feeds awkward: races that only one feed tells of, runners that were withdrawn or came in
/// late, other riders than were declared, old results that say little more than ids, people who change their names, and
/// countries that nobody asked for. A day is written as `2015-01-31`.
struct RacingHistory: Sendable {
    /// What a feed says of a race beside its id, day and course.
    struct Facts: Sendable {
        var name: String?
        var off: String?
        var distance: String?
        var raceClass: String?
        var type: String?
        var going: String?
    }

    /// What a feed says of a runner that is known before the race.
    struct Entry: Sendable {
        var horse: String?
        var number: Int?
        var draw: Int?
        var weight: Int?
        var jockeyID: String?
        var jockey: String?
        var trainerID: String?
        var trainer: String?
        var ownerID: String?
        var owner: String?
        var sireID: String?
        var sire: String?
        var damID: String?
        var dam: String?
        var damsireID: String?
        var damsire: String?
    }

    /// What only the result says of a runner.
    struct Finish: Sendable {
        var position: Int?
        var outcome: String?
        var time: String?
        var prize: Int?
        var price: String?
    }

    struct Runner: Sendable {
        let horseID: String
        /// The racecard's word; nil: it came in late.
        var card: Entry?
        var bookmakers: [String] = []
        /// The result's word; nil: it did not run.
        var result: Entry?
        var finish = Finish()
    }

    struct Course: Sendable {
        let id: String
        let name: String
        let region: String
    }

    struct Race: Sendable {
        let id: String
        let day: String
        let course: Course
        /// The racecard's word; nil: there is none.
        var card: Facts?
        /// The result's word; nil: the race was abandoned.
        var result: Facts?
        var winningTime: String?
        var runners: [Runner] = []
    }

    struct Horse: Sendable {
        let id: String
        let name: String
        let sire: Int
        let dam: Int
        let damsire: Int
        /// Whether the API has a page of it.
        let hasPage: Bool
    }

    /// Every day from 2015-01-01 to 2025-10-23.
    static let days = everyDay(through: "2025-10-23")
    static let horses = (0..<360).map { number in
        Horse(
            id: "hrs_\(padded(number, 4))", name: "Runner \(number) (\(number % 3 == 0 ? "IRE" : "GB"))",
            sire: number % 40,
            dam: number % 90, damsire: number % 30, hasPage: number % 37 != 5)
    }
    static let bookmakers = ["Bet One", "Odds & Sons", "Tic Tac", "Turf's Best", "Wager 5"]
    private static let courses = (0..<20).map { number in
        Course(
            id: "crs_\(padded(number, 2))", name: "Course \(number)",
            region: number == 19 ? "FR" : number % 4 == 3 ? "IRE" : "GB")
    }

    /// All races, by day and id.
    let races: [Race]
    /// The races of each day.
    let byDay: [String: Range<Int>]

    init() {
        var random = TestSupport.SeededGenerator(seed: 20_150_101)
        var races: [Race] = []
        var byDay: [String: Range<Int>] = [:]
        for day in Self.days {
            let first = races.count
            let isQuiet =
                ["12-24", "12-25", "12-26"].contains(day.suffix(5)) || Int.random(in: 0..<50, using: &random) == 0
            for number in 0..<(isQuiet ? 0 : Int.random(in: 1...3, using: &random)) {
                races.append(Self.race(number, on: day, &random))
            }
            byDay[day] = first..<races.count
        }
        self.races = races
        self.byDay = byDay
    }

    private static func race(_ number: Int, on day: String, _ random: inout TestSupport.SeededGenerator) -> Race {
        func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
        let isFlat = !chance(3)
        let course = courses[Int.random(in: 0..<courses.count, using: &random)]
        let facts = Facts(
            name: "The \(course.name) Stakes", off: "\(day)T1\(3 + number):\(padded(number * 15, 2)):00+00:00",
            distance: ["5", "6.5", "8", "10", "16"][Int.random(in: 0..<5, using: &random)],
            raceClass: chance(6) ? nil : "Class \(Int.random(in: 1...6, using: &random))",
            type: isFlat ? "Flat" : "Chase",
            going: ["Good", "Soft", "Heavy"][Int.random(in: 0..<3, using: &random)])
        var race = Race(
            id: "rac_\(day.filter { $0 != "-" })\(number)", day: day, course: course, card: facts, result: facts,
            winningTime: "1:\(Int.random(in: 10...59, using: &random)).20")
        // Old results tell little of what a racecard tells.
        let isOld = day < "2017"
        if isOld { race.result?.name = nil }
        if chance(5) { race.result?.going = "Standard" }
        if chance(12) { race.card?.off = nil }
        if chance(40) { race.result?.distance = nil }
        if chance(30) { race.result = nil } else if chance(30) { race.card = nil }
        let first = Int.random(in: 0..<horses.count, using: &random)
        let count = Int.random(in: 2...4, using: &random)
        for place in 0..<count {
            // Far enough apart that no horse runs twice.
            let horse = horses[(first + place * 61) % horses.count]
            race.runners.append(runner(horse, number: place + 1, in: race, isFlat: isFlat, isOld: isOld, &random))
        }
        return race
    }

    private static func runner(
        _ horse: Horse, number: Int, in race: Race, isFlat: Bool, isOld: Bool,
        _ random: inout TestSupport.SeededGenerator
    ) -> Runner {
        func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
        func some(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
        let trainer = some(25)
        let owner = some(45)
        var entry = Entry(
            horse: horse.name, number: number, draw: isFlat ? number : nil, weight: 110 + some(40),
            trainerID: "trn_\(padded(trainer, 2))", trainer: "Trainer \(trainer)", ownerID: "own_\(padded(owner, 2))",
            owner: "Owner \(owner) & Partners", sireID: sireID(horse.sire), sire: sireName(horse.sire),
            damID: damID(horse.dam), dam: damName(horse.dam), damsireID: damsireID(horse.damsire),
            damsire: damsireName(horse.damsire))
        entry.ride(some(35), on: race.day)
        var runner = Runner(horseID: horse.id)
        if race.card != nil {
            runner.card = entry
            runner.bookmakers = (0..<some(3)).map { Self.bookmakers[(number + $0) % Self.bookmakers.count] }
            if chance(20) { runner.card?.ride(nil, on: race.day) }
            if chance(25) { runner.card?.weight = nil }
            if chance(25) { runner.card?.owner = nil }
        }
        guard race.result != nil else { return runner }
        if runner.card != nil, number > 2, chance(15) { return runner }
        if number > 2, chance(40) { runner.card = nil }
        var result = entry
        if chance(15) { result.ride(some(35), on: race.day) }
        if chance(100) { result.ride(nil, on: race.day) }
        if chance(50) { result.ownerID = nil }
        if isOld {
            result = Entry(
                jockeyID: result.jockeyID, trainerID: result.trainerID, ownerID: result.ownerID, sireID: result.sireID,
                damID: result.damID, damsireID: result.damsireID)
        }
        runner.result = result
        let hasFinished = number == 1 || !chance(12)
        runner.finish = Finish(
            position: hasFinished ? number : nil, outcome: hasFinished ? nil : isFlat ? "PU" : "F",
            time: hasFinished ? race.winningTime : nil,
            prize: hasFinished && number < 4 ? 6000 / number + some(100) : nil,
            price: "\(2 + some(30)).5")
        return runner
    }

    // MARK: Breeding. Every third sire and fifth dam raced here under the same name, in whatever case.

    static func sireID(_ number: Int) -> String { "sir_\(padded(number, 2))" }
    static func damID(_ number: Int) -> String { "dam_\(padded(number, 2))" }
    static func damsireID(_ number: Int) -> String { "dsi_\(padded(number, 2))" }

    static func sireName(_ number: Int) -> String {
        number % 3 == 0 ? horses[number + 7].name.uppercased() : "Stallion \(number) (USA)"
    }
    static func damName(_ number: Int) -> String {
        number % 5 == 0 ? horses[number + 100].name : "Broodmare \(number) (FR)"
    }
    static func damsireName(_ number: Int) -> String {
        number % 3 == 0 ? sireName(number) : "Grandsire \(number) (USA)"
    }

    // MARK: Days

    private static func everyDay(through last: String) -> [String] {
        var days: [String] = []
        for year in 2015... {
            let isLeap = year % 4 == 0
            for (month, length) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                for day in 1...length {
                    days.append("\(year)-\(padded(month + 1, 2))-\(padded(day, 2))")
                    if days.last == last { return days }
                }
            }
        }
        return days
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension RacingHistory.Entry {
    /// Gives the ride to a jockey; every seventh turned professional in 2018 and is no `Mr` any more.
    fileprivate mutating func ride(_ number: Int?, on day: String) {
        jockeyID = number.map { "jky_\($0 + 10)" }
        jockey = number.map { "\($0 % 7 == 0 && day < "2018" ? "Mr " : "")J O'Rider \($0)" }
    }
}
