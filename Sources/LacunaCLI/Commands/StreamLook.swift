import Lacuna
import LacunaConfig

/// A look at streams: what is missing, since when and why, and what the journal says.
struct StreamLook {
    private(set) var reports: [GapReport] = []
    /// How the streams' last runs went, also those of streams that could not be looked at.
    private(set) var runs: [(stream: String, runs: [LastRun])] = []
    /// What the page is made from.
    private(set) var inputs: [PageInput] = []
    /// What kept a stream or the journal from being looked at.
    private(set) var failures: [String] = []

    /// Looks at these streams. One that cannot be looked at keeps none of the others from it.
    init(at streams: [StreamConfiguration], of project: Project) async {
        let surveyor = Surveyor(project.database)
        for stream in streams {
            do {
                reports.append(GapReport(survey: try await surveyor.survey(stream.definition)))
            } catch {
                failures.append("stream \(stream.definition.name): \(error)")
            }
        }
        await project.explain(&reports, &failures)
        inputs = await project.pageInputs(reports, &failures)
        runs = await project.lastRuns(of: streams.map(\.definition.name), &failures)
    }
}
