import ArgumentParser
import Foundation
import Lacuna
import LacunaConfig

/// How the result of a run is printed.
enum RunFormat: String, CaseIterable, ExpressibleByArgument {
    case text, json
}

/// `lacuna reconcile`
struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Closes the gaps up to the newest unit, durable batch by batch.",
        discussion: """
            Finds what is missing in the data, fetches it from the stream's source and commits each batch whole. A partition \
            that has nothing yet is filled from its tip backwards. It never looks beyond the newest unit: that is what \
            `lacuna catchup` does. Interrupt it anywhere; the next run goes on. Made for cron:
              */5 * * * * cd /srv/ingest; lacuna catchup; lacuna reconcile
            """)

    @Argument(help: "The streams; all of the config if none is named.", completion: .streams)
    var streams: [String] = []

    @Flag(name: .customLong("dry-run"), help: "Print the plan and do nothing.")
    var dryRun = false

    @Option(name: .customLong("max-batches"), help: "Start at most so many batches of each stream.")
    var maxBatches: Int?

    @Option(
        name: .customLong("time-limit"),
        help: ArgumentHelp("Start no batch after so long: 90s, 15m, 2h.", valueName: "time"))
    var timeLimit: String?

    @Option(name: .long, help: "How many batches are in flight at once.")
    var workers: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Read so much behind the newest unit again, whatever the stream's lookback says: 30d, or a number of units.",
            valueName: "length"))
    var lookback: String?

    @Flag(name: .customLong("fail-fast"), help: "End with the first batch that fails.")
    var failFast = false

    @Flag(name: .customLong("retry-now"), help: "Try windows that failed in earlier runs before their wait is over.")
    var retryNow = false

    @Flag(
        name: .customLong("trust-empty"),
        help: "Take units for empty though the source has never given a row of the stream.")
    var trustEmpty = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Hold this share of the windows against the source afterwards, those with the oldest proof: 2%.",
            valueName: "share"))
    var verify: String?

    @Option(name: .long, help: "text or json.")
    var format: RunFormat = .text

    @Flag(name: .long, help: "Say nothing but what failed, as cron mails it.")
    var quiet = false

    @OptionGroup var range: RangeOptions
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let project = try Project(global)
        let stop = StopSignal()
        let watch = SignalWatch(stop)
        defer { withExtendedLifetime(watch) {} }
        let chosen = try project.streams(streams)
        let runs = try chosen.map { stream in
            var options = try self.options()
            options.stop = stop
            try range.apply(to: &options, stream: stream.definition)
            options.lookback = try lookback(of: stream.definition)
            return (stream, options)
        }
        if dryRun {
            try await RunPlanRendering.show(runs, project: project, format: format)
            return
        }
        var streams = StreamRuns(project: project, global: global, format: format, isQuiet: quiet)
        streams.verifiedShare = try verify.map { try RunArguments.share($0, of: "--verify") }
        try await streams.run(runs) { reconciler, options in await reconciler.reconcile(options) }
    }

    private func lookback(of stream: StreamDefinition) throws -> HistoryLength? {
        guard let lookback else { return nil }
        if case .text = stream.keyType {
            throw CommandFailure(.usage, "--lookback: stream \(stream.name) has text keys, which have no order")
        }
        guard let length = HistoryLength(lookback), length.fits(stream.keyType) else {
            var expected = "a length like 30d, 12h or 1 month"
            if case .integer = stream.keyType { expected = "a number of units" }
            throw CommandFailure(.usage, "--lookback \(lookback): stream \(stream.name) takes \(expected)")
        }
        return length
    }

    private func options() throws -> RunOptions {
        var options = RunOptions()
        options.failFast = failFast
        options.retryNow = retryNow
        options.trustsEmpty = trustEmpty
        options.workers = try RunArguments.workers(workers)
        if let maxBatches {
            guard maxBatches > 0 else {
                throw CommandFailure(.usage, "--max-batches \(maxBatches): expected at least 1")
            }
            options.maxBatches = maxBatches
        }
        options.timeLimit = try RunArguments.timeLimit(timeLimit)
        return options
    }
}

/// `lacuna catchup`
struct CatchupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catchup",
        abstract: "Fetches everything from the newest unit to the source's tip, all or nothing.",
        discussion: """
            Every batch is fetched first, then one transaction writes them all: a reader sees the whole range or none of it. \
            Where a batch fails, nothing is written and the newest unit does not move. With `atomic: partition` each partition \
            has a transaction of its own, and one that fails holds up no other. A second catchup of the same stream \
            is deferred (status 3).
            """)

    @Argument(help: "The streams; all of the config if none is named.", completion: .streams)
    var streams: [String] = []

    @Option(
        name: .customLong("partition"),
        help: ArgumentHelp("Only this partition. May be repeated.", valueName: "column=value"))
    var partitionTexts: [String] = []

    @Option(name: .long, help: "How many batches are fetched at once.")
    var workers: Int?

    @Option(name: .long, help: "text or json.")
    var format: RunFormat = .text

    @Flag(name: .long, help: "Say nothing but what failed, as cron mails it.")
    var quiet = false

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let project = try Project(global)
        let stop = StopSignal()
        let watch = SignalWatch(stop)
        defer { withExtendedLifetime(watch) {} }
        let workers = try RunArguments.workers(workers)
        let runs = try project.streams(streams).map { stream in
            var range = RangeOptions()
            range.partitionTexts = partitionTexts
            range.from = nil
            range.to = nil
            var options = RunOptions()
            options.stop = stop
            options.workers = workers
            options.partitions = try range.partitions(of: stream.definition)
            return (stream, options)
        }
        try await StreamRuns(project: project, global: global, format: format, isQuiet: quiet).run(runs) {
            reconciler, options in
            await reconciler.catchup(options)
        }
    }
}

/// Runs streams one after the other and prints what came of each. One that fails does not keep the others from running.
struct StreamRuns {
    let project: Project
    let global: GlobalOptions
    let format: RunFormat
    /// Whether only failures are printed.
    let isQuiet: Bool
    /// The share of each stream's windows that are held against the source afterwards; nil: none.
    var verifiedShare: Double?

    func run(
        _ runs: [(StreamConfiguration, RunOptions)],
        _ body: (Reconciler, RunOptions) async -> RunReport
    ) async throws {
        var worst = ExitStatus.clean
        var ended: [EndedRun] = []
        let notifier = RunNotifier(configuration: project.configuration, log: global.log)
        // The run does not wait for it.
        async let hasBegun: Void = notifier.begin()
        var verifications: [VerificationRendering] = []
        for (stream, given) in runs {
            guard !given.stop.isGiven else {
                worst = max(worst, .workRemains)
                break
            }
            let display = RunDisplay(
                stream: stream.definition, showsProgress: !global.noProgress && !isQuiet, log: global.log)
            var options = given
            options.onEvent = { display.handle($0) }
            options.redact = { Console.shared.masked($0) }
            let started = ContinuousClock.now
            let reconciler = project.reconciler(stream)
            let report = await body(reconciler, options)
            display.end()
            var definition = stream.definition
            definition.keyType = report.keyType ?? definition.keyType
            let rendering = RunReportRendering(report, stream: definition, took: .now - started)
            if format == .text, !isQuiet || report.exitStatus.needsPerson { rendering.print() }
            ended.append(EndedRun(rendering: rendering, reconciler: reconciler, isWhole: options.isWhole))
            worst = max(worst, report.exitStatus)
            if let verification = await verify(stream, after: report, given, since: started) {
                if format == .text, !isQuiet || verification.exitStatus != .clean { verification.print() }
                verifications.append(verification)
                worst = max(worst, verification.exitStatus)
            }
        }
        if format == .json {
            Console.shared.data(
                .object([
                    ("runs", .list(ended) { $0.rendering.document }),
                    ("verifications", verifiedShare == nil ? nil : .list(verifications) { $0.document }),
                ]))
            Console.shared.flush()
        }
        await notifier.tell(of: ended, status: worst)
        await hasBegun
        await notifier.end(worst)
        if worst != .clean { throw worst }
    }

    /// Holds a share of a stream's windows against the source, in what is left of the time.
    ///
    /// - Returns: nil if that is not asked for, or if the run says that it leads to nothing.
    private func verify(
        _ stream: StreamConfiguration, after report: RunReport, _ given: RunOptions,
        since started: ContinuousClock.Instant
    ) async -> VerificationRendering? {
        guard let verifiedShare, !given.stop.isGiven, [.done, .incomplete].contains(report.state) else { return nil }
        if let problem = project.reconciler(stream).verificationProblem {
            Console.shared.message(Console.shared.line("\(stream.definition.name): not verified: \(problem)"))
            return nil
        }
        var options = VerificationOptions(run: given)
        options.share = verifiedShare
        options.oldestFirst = true
        options.run.timeLimit = given.timeLimit.map { max(.zero, $0 - (.now - started)) }
        return await StreamVerification(project: project, global: global).run(stream, options)
    }
}

extension RunOptions {
    /// Whether the run looks at all of its stream.
    fileprivate var isWhole: Bool { partitions == nil && from == nil && to == nil }
}

extension RunReport {
    /// The exit status that the run ends the program with.
    var exitStatus: ExitStatus {
        switch state {
        case .done: .clean
        case .failed: .failed
        case .incomplete: .workRemains
        case .deferred: .deferred
        case .unknown: .outcomeUnknown
        }
    }
}
