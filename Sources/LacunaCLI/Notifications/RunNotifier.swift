import Foundation
import Lacuna
import LacunaConfig
import LacunaSources
import Logging

/// A stream's run that has ended.
struct EndedRun {
    let rendering: RunReportRendering
    let reconciler: Reconciler
    /// Whether it looked at all of its stream.
    let isWhole: Bool
}

/// Tells people of the runs of one process, at most once, if the config asks for it.
struct RunNotifier {
    let configuration: Configuration
    let log: Logger

    /// Tells the dead man's switch that a run begins. What goes wrong with it is a warning.
    func begin() async { await ping("start") }

    /// Tells the dead man's switch how a run ended.
    func end(_ status: ExitStatus) async { await ping(String(status.rawValue)) }

    private func ping(_ word: String) async {
        guard let settings = configuration.notifications else { return }
        if let problem = await Notifier(settings).ping(word) { log.warning("\(problem)") }
    }

    /// Tells them. What goes wrong with it is a warning, and changes nothing about the run.
    func tell(of ended: [EndedRun], status: ExitStatus) async {
        guard let settings = configuration.notifications else { return }
        let occasion = await RunNotification.occasion(
            of: ended.map(\.rendering.report), status: status, wanted: settings.occasions
        ) {
            await isHealed(ended)
        }
        guard let occasion else { return }
        let notification = RunNotification(
            occasion: occasion, runs: ended.map(\.rendering), status: status,
            config: URL(fileURLWithPath: configuration.path).path, host: ProcessInfo.processInfo.hostName)
        let problems = await Notifier(settings).send(text: notification.text, document: notification.document)
        for problem in problems { log.warning("\(problem)") }
    }

    /// Whether a stream had been in trouble. A run over a part of a stream cannot tell.
    private func isHealed(_ ended: [EndedRun]) async -> Bool {
        guard ended.allSatisfy(\.isWhole) else { return false }
        do {
            for run in ended {
                if try await run.reconciler.wasInTrouble(before: run.rendering.report) { return true }
            }
        } catch {
            log.warning("the journal does not tell how the run before this one ended: \(error)")
        }
        return false
    }
}
