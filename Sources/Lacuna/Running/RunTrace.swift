import LacunaModel
import LacunaRecords
import Postgres
import Synchronization

/// How far a run has come with the database: whether there is somewhere to leave its row, and under which number.
final class RunTrace: Sendable {
    private struct State {
        var isReached = false
        var journal: RunJournal?
        var survey: Survey?
    }

    private let state = Mutex(State())

    /// Notes that the database answers.
    func reachedDatabase() {
        state.withLock { $0.isReached = true }
    }

    /// Notes that the run has taken a number.
    func opened(_ journal: RunJournal) {
        state.withLock { $0.journal = journal }
    }

    /// Notes what is missing. What an earlier survey of the run saw lose its rows, a later one may not know any more.
    func surveyed(_ survey: Survey) {
        state.withLock { state in
            var survey = survey
            survey.lost.merge(state.survey?.lost ?? [:]) { late, early in
                let units = UnitSet(late.map(\.range))
                let rest = early.flatMap { lost in
                    UnitSet(lost.range).subtracting(units).ranges.map { LostUnits(range: $0, until: lost.until) }
                }
                return (late + rest).sorted { $0.range.lowerBound < $1.range.lowerBound }
            }
            state.survey = survey
        }
    }

    /// The last survey of the run.
    var survey: Survey? { state.withLock { $0.survey } }
    /// Whether the database answered.
    var isReached: Bool { state.withLock { $0.isReached } }
    /// The run's journal, if it has taken a number.
    var journal: RunJournal? { state.withLock { $0.journal } }
}

extension Reconciler {
    /// Runs `body`, says in the report how it ended, and leaves a row in the journal.
    ///
    /// - Parameter body: fills in the report; what it throws is added.
    func recorded(
        _ mode: RunMode, _ options: RunOptions, _ body: (inout RunReport, RunTrace) async throws -> Void
    ) async -> RunReport {
        var report = RunReport(stream: definition.name, mode: mode)
        let trace = RunTrace()
        do {
            try await body(&report, trace)
        } catch is CancellationError {
            report.stopReason = "stopped by a signal"
        } catch let error as StreamError where error == .catchupRunning(stream: definition.name) {
            report.deferRun(error.description)
        } catch let error as SourceError where error.kind == .deferred {
            report.deferRun(error.message)
        } catch PostgresError.outcomeUnknown(let message) where mode == .catchup {
            report.streamFailures.append(PostgresError.outcomeUnknown(message: message).description)
            report.state = .unknown
        } catch {
            report.streamFailures.append(error.message)
        }
        report.conclude()
        do {
            if let journal = trace.journal {
                try await journal.finish(report, keepDays: options.journalDays)
            } else if trace.isReached {
                try await record(&report, options)
            }
            if let survey = trace.survey { await remember(survey, &report, options) }
        } catch is CancellationError {
            // Whoever asks for the run does not wait for its row.
        } catch {
            // What the run came to is committed, or not, whatever becomes of the journal.
            report.notes.append("the journal could not be closed: \(error.message)")
        }
        return report
    }

    /// Writes the row of a run without batches, if there is a journal that this role may write to.
    private func record(_ report: inout RunReport, _ options: RunOptions) async throws {
        var id: Int64?
        let ended = report
        report.runID = try await RetryPolicy(attempts: 3, backoff: .seconds(1)).run(mayPass: PostgresError.mayPass) {
            _ in
            let session = try await database.connect(RunJournal.activity(definition), stream: definition)
            return try await session.closedAfter { session in
                guard try await hasJournal(on: session) else { return nil }
                try await RunJournal.record(
                    ended, id: &id, stream: definition, keepDays: options.journalDays, database: database,
                    redact: options.redact, on: session)
                return id
            }
        }
    }

    /// Keeps what is missing after the run, for dashboards. It decides nothing, so that its failure is none of the run.
    private func remember(_ survey: Survey, _ report: inout RunReport, _ options: RunOptions) async {
        do {
            try await RetryPolicy(attempts: 3, backoff: .seconds(1)).run(mayPass: PostgresError.mayPass) { _ in
                let session = try await database.connect(RunJournal.activity(definition), stream: definition)
                try await session.closedAfter { session in
                    _ = try await survey.save(isWhole: options.partitions == nil, on: session)
                }
            }
        } catch is CancellationError {
            // The next run does it.
        } catch {
            report.notes.append("lacuna.gap does not say what is missing now: \(error.message)")
        }
    }

    private func hasJournal(on session: Session) async throws -> Bool {
        do {
            try await SchemaInstaller.requireWritable(on: session)
            return true
        } catch is StreamError {
            // A run asks for no more rights than its work needs.
            return false
        }
    }
}
