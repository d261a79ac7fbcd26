import Lacuna

/// What is read of the journal beside a look at streams, and what is kept of the look.
extension Project {
    /// How the streams' last runs went, also those of streams that cannot be looked at.
    func lastRuns(of names: [String], _ failures: inout [String]) async -> [(stream: String, runs: [LastRun])] {
        do {
            return try await database.withSession("gaps") { session in
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
            inputs.append(PageInput(report, isStream: true, journal: await journal(of: report, &failures)))
        }
        return inputs
    }

    private func journal(of report: GapReport, _ failures: inout [String]) async -> PageInput.Journal {
        do {
            var status = try await database.withSession("gaps") { session in
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
                guard try await !report.survey.save(in: database) else { continue }
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
        for index in reports.indices {
            do {
                let survey = reports[index].survey
                reports[index].explained = try await database.withSession("gaps") { session in
                    try await GapRecord.load(of: survey, on: session).map { ExplainedGaps(survey, $0) }
                }
            } catch {
                failures.append("the journal: \(error)")
            }
        }
    }
}
