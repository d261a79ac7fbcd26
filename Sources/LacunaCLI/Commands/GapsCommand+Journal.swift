import Lacuna

/// What `lacuna gaps` reads of the journal, and what it keeps.
extension GapsCommand {
    /// How the streams' last runs went, also those of streams that cannot be looked at; of a table nobody knows.
    func lastRuns(_ failures: inout [String]) async -> [(stream: String, runs: [LastRun])] {
        guard table == nil else { return [] }
        do {
            let project = try Project(global)
            let names = try project.streams(streams).map(\.definition.name)
            return try await project.database.withSession("gaps") { session in
                var runs: [(stream: String, runs: [LastRun])] = []
                for name in names { runs.append((name, try await LastRun.load(of: name, on: session))) }
                return runs
            }
        } catch {
            failures.append("the journal: \(error)")
            return []
        }
    }

    /// What the page is made from. A journal that this role may not read, or that is not there, is no failure.
    func pageInputs(_ reports: [GapReport], _ failures: inout [String]) async -> [PageInput] {
        var inputs: [PageInput] = []
        for report in reports {
            inputs.append(PageInput(report, isStream: table == nil, journal: await journal(of: report, &failures)))
        }
        return inputs
    }

    private func journal(of report: GapReport, _ failures: inout [String]) async -> PageInput.Journal {
        guard table == nil else { return .unknown("a table that is no stream has no journal") }
        do {
            var status = try await Project(global).database.withSession("gaps") { session in
                try await StreamStatus.load(report.definition, limit: 5, on: session)
            }
            // What failed once and is wanted no more, as a look far back, is over.
            status.failures.removeAll { !report.survey.wants($0.window, of: $0.partition) }
            return .read(status)
        } catch let error as StreamError {
            return .unknown("\(error)")
        } catch {
            failures.append("the journal: \(error)")
            return .unknown("the journal could not be read")
        }
    }

    /// Keeps what is missing, so that SQL can be asked for it. A role that may not write keeps nothing, which is no failure.
    func keep(_ reports: [GapReport], _ failures: inout [String]) async {
        for report in reports {
            do {
                guard try await !report.survey.save(in: Project(global).database) else { continue }
                Console.shared.message(
                    "\(report.name): nothing was kept, because this role may not write to the schema lacuna, or an older "
                        + "program made it")
            } catch {
                failures.append("stream \(report.definition.name): what is missing could not be kept: \(error)")
            }
        }
    }

    /// Says since when and why units are missing, as far as this role may read it.
    func explain(_ reports: inout [GapReport], _ failures: inout [String]) async {
        guard table == nil else { return }
        do {
            let surveys = reports.map(\.survey)
            let explained = try await Project(global).database.withSession("gaps") { session in
                var explained: [ExplainedGaps?] = []
                for survey in surveys {
                    explained.append(
                        try await GapRecord.load(of: survey, on: session).map { ExplainedGaps(survey, $0) })
                }
                return explained
            }
            for (index, explained) in explained.enumerated() { reports[index].explained = explained }
        } catch {
            failures.append("the journal: \(error)")
        }
    }
}
