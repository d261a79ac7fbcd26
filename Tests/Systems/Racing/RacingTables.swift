/// What the 18 tables are to hold, computed from what the API knows and not from what it sent.
struct RacingTables {
    /// A table's rows as text, sorted; what is NULL is `∅`.
    struct Table: Equatable {
        let name: String
        let columns: [String]
        var rows: [String]

        init(_ name: String, _ columns: String, _ rows: some Sequence<[String?]>) {
            self.name = name
            self.columns = columns.split(separator: " ").map(String.init)
            self.rows = rows.map { $0.map { $0 ?? "∅" }.joined(separator: "|") }.sorted()
        }

        /// The rows that the database holds, in the same form and in no order.
        var query: String {
            // A time is shown in the zone of the session.
            let values = columns.map { $0 == "off_dt" ? "(off_dt AT TIME ZONE 'UTC')::text" : "\"\($0)\"::text" }
            return
                "SELECT concat_ws('|', \(values.map { "COALESCE(\($0), '∅')" }.joined(separator: ", "))) FROM \(name)"
        }
    }

    private let races: [RacingHistory.Race]
    private let lastPages: String

    /// The tables after everything of some days was read.
    ///
    /// - Parameter pagesThrough: the day up to which the horses that ran have had their pages read; empty: none have.
    init(_ history: RacingHistory, days: ClosedRange<String>, pagesThrough: String) {
        races = history.races.filter {
            days.contains($0.day) && ["GB", "IRE"].contains($0.course.region) && ($0.card != nil || $0.result != nil)
        }
        lastPages = pagesThrough
    }

    var all: [Table] { places + people + breeding + events + statistics }

    /// The horses that ran up to a day.
    func horseIDs(through day: String) -> Set<String> { Set(entries.filter { $0.day <= day }.map(\.horseID)) }

    // MARK: Who and where

    private var places: [Table] {
        let courses = Dictionary(races.map { ($0.course.id, $0) }) { $0.day > $1.day ? $0 : $1 }.values
        let regions = Set(races.map(\.course.region)).map { [$0, $0 == "GB" ? "Great Britain" : "Ireland"] }
        let bookmakers = Set(races.filter { $0.card != nil }.flatMap(\.runners).flatMap(\.bookmakers))
        return [
            Table("ra_mst_regions", "region_code region", regions),
            Table(
                "ra_mst_courses", "course_id course region_code as_of",
                courses.map { [$0.course.id, $0.course.name, $0.course.region, $0.day] }),
            Table("ra_mst_bookmakers", "bookmaker", bookmakers.map { [$0] }),
        ]
    }

    /// Everything that either feed said of a runner.
    private var entries: [(day: String, horseID: String, entry: RacingHistory.Entry)] {
        races.flatMap { race in
            race.runners.flatMap { runner in
                [runner.card, runner.result].compactMap { $0.map { (race.day, runner.horseID, $0) } }
            }
        }
    }

    /// Ids with the name that the newest day gave them.
    private func newest(
        _ said: (String, RacingHistory.Entry) -> (id: String?, name: String?)
    ) -> [String: (name: String?, day: String?)] {
        var known: [String: (name: String?, day: String?)] = [:]
        for (day, horseID, entry) in entries {
            let (id, name) = said(horseID, entry)
            guard let id else { continue }
            let old = known[id] ?? (nil, nil)
            known[id] = name != nil && day > (old.day ?? "") ? (name, day) : old
        }
        return known
    }

    private var people: [Table] {
        [
            ("ra_mst_jockeys", "jockey_id jockey_name as_of", newest { ($1.jockeyID, $1.jockey) }),
            ("ra_mst_trainers", "trainer_id trainer_name as_of", newest { ($1.trainerID, $1.trainer) }),
            ("ra_mst_owners", "owner_id owner_name as_of", newest { ($1.ownerID, $1.owner) }),
        ].map { name, columns, known in
            Table(name, columns, known.map { [$0.key, $0.value.name, $0.value.day] })
        }
    }

    // MARK: Horses

    private var breeding: [Table] {
        let horses = newest { ($0, $1.horse) }
        let read = horseIDs(through: lastPages)
        let pages = RacingHistory.horses.filter { read.contains($0.id) && $0.hasPage }
        let page = Dictionary(uniqueKeysWithValues: pages.map { ($0.id, $0) })
        let byName = Dictionary(
            horses.compactMap { id, said in (said.name ?? page[id]?.name).map { ($0.lowercased(), id) } },
            uniquingKeysWith: min)
        func parents(
            _ table: String, _ one: String, _ known: [String: (name: String?, day: String?)],
            _ ofPage: (RacingHistory.Horse) -> (String, String)
        ) -> Table {
            var known = known
            for horse in pages {
                let (id, name) = ofPage(horse)
                known[id] = known[id].map { $0.name == nil ? (name, nil) : $0 } ?? (name, nil)
            }
            return Table(
                table, "\(one)_id \(one)_name as_of horse_id",
                known.map { [$0.key, $0.value.name, $0.value.day, $0.value.name.flatMap { byName[$0.lowercased()] }] })
        }
        return [
            Table(
                "ra_mst_horses",
                "horse_id horse_name as_of sex sex_code dob colour colour_code region breeder",
                horses.map { id, said in
                    guard let horse = page[id] else {
                        return [id, said.name, said.day] + Array(repeating: nil, count: 7)
                    }
                    return [
                        id, said.name ?? horse.name, said.day, "gelding", "G", horse.dob, "bay", "B",
                        horse.sire % 2 == 0 ? "GB" : "IRE", "Breeder \(horse.sire)",
                    ]
                }),
            parents("ra_mst_sires", "sire", newest { ($1.sireID, $1.sire) }) {
                (RacingHistory.sireID($0.sire), RacingHistory.sireName($0.sire))
            },
            parents("ra_mst_dams", "dam", newest { ($1.damID, $1.dam) }) {
                (RacingHistory.damID($0.dam), RacingHistory.damName($0.dam))
            },
            parents("ra_mst_damsires", "damsire", newest { ($1.damsireID, $1.damsire) }) {
                (RacingHistory.damsireID($0.damsire), RacingHistory.damsireName($0.damsire))
            },
            Table(
                "ra_horse_pedigree", "horse_id sire_id sire dam_id dam damsire_id damsire",
                pages.map {
                    [
                        $0.id, RacingHistory.sireID($0.sire), RacingHistory.sireName($0.sire),
                        RacingHistory.damID($0.dam),
                        RacingHistory.damName($0.dam), RacingHistory.damsireID($0.damsire),
                        RacingHistory.damsireName($0.damsire),
                    ]
                }),
        ]
    }

    // MARK: What happened

    private var events: [Table] {
        [
            Table(
                "ra_races",
                "race_id date course_id region_code race_name off_dt distance_f race_class race_type going winning_time "
                    + "racecard_date result_date", races.map(row)),
            Table(
                "ra_runners",
                "race_id horse_id horse_name number draw weight_lbs jockey_id jockey_name trainer_id trainer_name "
                    + "owner_id owner_name sire_id dam_id damsire_id position outcome time prize starting_price",
                races.flatMap { race in race.runners.compactMap { row($0, of: race) } }),
            Table(
                "ra_race_results",
                "race_id horse_id date course_id distance_f jockey_id trainer_id owner_id position outcome time prize "
                    + "starting_price",
                runs.map {
                    [
                        $0.raceID, $0.horseID, $0.day, $0.courseID, $0.distance, $0.jockeyID, $0.trainerID, $0.ownerID,
                        $0.finish.position.map(String.init), $0.finish.outcome, $0.finish.time,
                        $0.finish.prize.map(String.init), $0.finish.price,
                    ]
                }),
        ]
    }

    private func row(_ race: RacingHistory.Race) -> [String?] {
        func known(_ fact: (RacingHistory.Facts) -> String?) -> String? {
            race.card.flatMap(fact) ?? race.result.flatMap(fact)
        }
        let off = known(\.off)?.prefix(19)
        return [
            race.id, race.day, race.course.id, race.course.region, known(\.name),
            off.map { String($0.replacing("T", with: " ")) },
            known(\.distance), known(\.raceClass), known(\.type), known(\.going),
            race.result == nil ? nil : race.winningTime, race.card == nil ? nil : race.day,
            race.result == nil ? nil : race.day,
        ]
    }

    /// Nil: neither feed knows the runner.
    private func row(_ runner: RacingHistory.Runner, of race: RacingHistory.Race) -> [String?]? {
        guard runner.card != nil || runner.result != nil else { return nil }
        func known<Value>(_ fact: (RacingHistory.Entry) -> Value?) -> Value? {
            runner.card.flatMap(fact) ?? runner.result.flatMap(fact)
        }
        let finish = runner.result == nil ? RacingHistory.Finish() : runner.finish
        return [
            race.id, runner.horseID, known(\.horse), known(\.number).map(String.init), known(\.draw).map(String.init),
            known(\.weight).map(String.init), known(\.jockeyID), known(\.jockey), known(\.trainerID), known(\.trainer),
            known(\.ownerID), known(\.owner), known(\.sireID), known(\.damID), known(\.damsireID),
            finish.position.map(String.init), finish.outcome, finish.time, finish.prize.map(String.init), finish.price,
        ]
    }

    // MARK: What is calculated

    private struct Run {
        let raceID: String
        let horseID: String
        let day: String
        let courseID: String
        let distance: String?
        let jockeyID: String?
        let trainerID: String?
        let ownerID: String?
        let finish: RacingHistory.Finish

        var entities: [(type: String, id: String)] {
            [("horse", horseID), ("jockey", jockeyID), ("trainer", trainerID), ("owner", ownerID)]
                .compactMap { type, id in id.map { (type, $0) } }
        }
    }

    private struct Tally {
        var runs = 0
        var wins = 0
        var places = 0
        var prize = 0
        var best: Int?
        var first: String?
        var last: String?

        mutating func add(_ run: Run) {
            runs += 1
            if run.finish.position == 1 { wins += 1 }
            if let position = run.finish.position {
                if position <= 3 { places += 1 }
                best = min(best ?? position, position)
            }
            prize += run.finish.prize ?? 0
            first = min(first ?? run.day, run.day)
            last = max(last ?? run.day, run.day)
        }

        var counts: [String?] { ["\(runs)", "\(wins)", "\(places)"] }
    }

    private var runs: [Run] {
        races.flatMap { race in
            race.runners.compactMap { runner in
                guard race.result != nil, let result = runner.result else { return nil }
                return Run(
                    raceID: race.id, horseID: runner.horseID, day: race.day, courseID: race.course.id,
                    distance: race.result?.distance, jockeyID: result.jockeyID, trainerID: result.trainerID,
                    ownerID: result.ownerID, finish: runner.finish)
            }
        }
    }

    private func tallies(_ keys: (Run) -> [[String]]) -> [(key: [String?], value: Tally)] {
        var tallies: [[String]: Tally] = [:]
        for run in runs {
            for key in keys(run) { tallies[key, default: Tally()].add(run) }
        }
        return tallies.map { ($0.key, $0.value) }
    }

    private var statistics: [Table] {
        let pairs = tallies { run in
            if let jockey = run.jockeyID, let trainer = run.trainerID { [[jockey, trainer]] } else { [] }
        }
        let byDistance = tallies { run in
            run.distance.map { distance in run.entities.map { [$0.type, $0.id, distance] } } ?? []
        }
        let byVenue = tallies { run in run.entities.map { [$0.type, $0.id, run.courseID] } }
        return [
            Table(
                "ra_entity_combinations", "jockey_id trainer_id runs wins places prize first_run last_run",
                pairs.map { $0.key + $0.value.counts + ["\($0.value.prize)", $0.value.first, $0.value.last] }),
            Table(
                "ra_performance_by_distance", "entity_type entity_id distance_f runs wins places prize",
                byDistance.map { $0.key + $0.value.counts + ["\($0.value.prize)"] }),
            Table(
                "ra_performance_by_venue", "entity_type entity_id course_id runs wins places prize",
                byVenue.map { $0.key + $0.value.counts + ["\($0.value.prize)"] }),
            Table(
                "ra_runner_statistics",
                "race_id horse_id runs wins places prize best_position days_since_run course_runs course_wins "
                    + "course_places distance_runs distance_wins distance_places jockey_runs jockey_wins jockey_places "
                    + "trainer_runs trainer_wins trainer_places pair_runs pair_wins pair_places", runnerStatistics),
        ]
    }

    /// Day by day: first all runners of a day are looked up, then they count.
    private var runnerStatistics: [[String?]] {
        let number = Dictionary(uniqueKeysWithValues: RacingHistory.days.enumerated().map { ($1, $0) })
        var tallies: [[String]: Tally] = [:]
        var rows: [[String?]] = []
        for (day, runs) in Dictionary(grouping: runs, by: \.day).sorted(by: { $0.key < $1.key }) {
            for run in runs {
                let before = keys(run).map { $0.flatMap { tallies[$0] } ?? Tally() }
                let since = before[0].last.flatMap { number[$0] }.flatMap { last in number[day].map { $0 - last } }
                rows.append(
                    [run.raceID, run.horseID] + before[0].counts + ["\(before[0].prize)"]
                        + [before[0].best.map(String.init), since.map(String.init)]
                        + before.dropFirst().flatMap(\.counts))
            }
            for run in runs {
                for key in keys(run).compactMap(\.self) { tallies[key, default: Tally()].add(run) }
            }
        }
        return rows
    }

    private func keys(_ run: Run) -> [[String]?] {
        let pair: [String]? = run.jockeyID.flatMap { jockey in run.trainerID.map { ["pair", jockey, $0] } }
        return [
            ["horse", run.horseID], ["course", run.horseID, run.courseID],
            ["distance", run.horseID, run.distance ?? "∅"], run.jockeyID.map { ["jockey", $0] },
            run.trainerID.map { ["trainer", $0] }, pair,
        ]
    }
}
