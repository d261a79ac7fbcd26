import ArgumentParser
import Foundation
import Lacuna
import LacunaConfig

extension VerificationProof: ExpressibleByArgument {}

/// `lacuna verify`
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Holds the table against the source, and loads nothing.",
        discussion: """
            Asks the source again for what is covered, and names the units that differ: rows that are missing here, missing there, \
            or different, and in which columns. It begins with the cheapest proof: counts if the config names a request for them, \
            digests if the source is a database, else the rows. What differs is looked at once more before it is told. Status 2 \
            says that something differs.
              lacuna verify prices --sample 2%
              lacuna verify prices --from 2024-01-01 --mark && lacuna reconcile prices
            """)

    @Argument(help: "The stream.", completion: .streams)
    var stream: String

    @Option(
        name: .long,
        help: ArgumentHelp("Only this share of the windows, chosen by chance: 2%, 0.5%.", valueName: "share"))
    var sample: String?

    @Option(name: .long, help: "How strong the proof is: count, digest or rows.")
    var proof: VerificationProof?

    @Flag(name: .long, help: "Mark the units that differ, so that the next reconcile fetches them again.")
    var mark = false

    @Flag(name: .customLong("dry-run"), help: "Say what would be looked at, and ask the source for nothing.")
    var dryRun = false

    @Option(
        name: .customLong("time-limit"),
        help: ArgumentHelp("Look at no further window after so long: 90s, 15m, 2h.", valueName: "time"))
    var timeLimit: String?

    @Option(name: .long, help: "How many windows are looked at at once.")
    var workers: Int?

    @Option(name: .long, help: "text or json.")
    var format: RunFormat = .text

    @OptionGroup var range: RangeOptions
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let project = try Project(global)
        let stop = StopSignal()
        let watch = SignalWatch(stop)
        defer { withExtendedLifetime(watch) {} }
        let stream = try project.stream(stream)
        var options = VerificationOptions()
        options.run.stop = stop
        try range.apply(to: &options.run, stream: stream.definition)
        options.run.timeLimit = try RunArguments.timeLimit(timeLimit)
        options.run.workers = try RunArguments.workers(workers)
        options.share = try sample.map { try RunArguments.share($0, of: "--sample") }
        options.proof = proof
        options.marks = mark
        if dryRun { return try await show(options, stream, project) }
        let run = await StreamVerification(project: project, global: global).run(stream, options)
        switch format {
        case .text: run.print()
        case .json: Console.shared.data(run.document)
        }
        Console.shared.flush()
        if run.exitStatus != .clean { throw run.exitStatus }
    }

    private func show(_ options: VerificationOptions, _ stream: StreamConfiguration, _ project: Project) async throws {
        let name = stream.definition.name
        let outlook: VerificationOutlook
        do {
            outlook = try await project.reconciler(stream).verificationOutlook(options)
        } catch {
            throw CommandFailure(.failed, "\(name): \(error)")
        }
        let windows = outlook.plan.windows
        switch format {
        case .text:
            Console.shared.output(
                Console.printable(
                    "\(name): \(Numbers.count(windows.count, "window")) of \(Numbers.grouped(outlook.windowCount)), "
                        + "\(Numbers.count(outlook.plan.unitCount, "unit")), by \(outlook.proof.rawValue)"))
            let type = stream.definition.keyType
            let rows = windows.prefix(20).map { window in
                [
                    Console.printable(window.partition.label(columns: stream.definition.partitions.columns)),
                    Console.printable(type.text(window.range)),
                ]
            }
            TextTable(Array(rows)).write(indent: "  ") { Console.shared.output($0) }
            if windows.count > 20 { Console.shared.output("  … and \(Numbers.grouped(windows.count - 20)) more") }
        case .json:
            Console.shared.data(
                .object([
                    ("stream", .text(name)), ("proof", .text(outlook.proof.rawValue)),
                    ("windows", .number(windows.count)), ("windows_in_all", .number(outlook.windowCount)),
                    ("units", .number(outlook.plan.unitCount)),
                ]))
        }
        Console.shared.flush()
    }
}

/// Holds one stream against its source, and shows how that gets on.
struct StreamVerification {
    let project: Project
    let global: GlobalOptions

    func run(_ stream: StreamConfiguration, _ given: VerificationOptions) async -> VerificationRendering {
        let display = RunDisplay(
            stream: stream.definition, showsProgress: !global.noProgress, log: global.log)
        var options = given
        options.run.onEvent = { display.handle($0) }
        options.run.redact = { Console.shared.masked($0) }
        let started = ContinuousClock.now
        let report = await project.reconciler(stream).verify(options)
        display.end()
        return VerificationRendering(report, stream: stream.definition, took: .now - started)
    }
}

/// Arguments that several commands read alike.
enum RunArguments {
    static func timeLimit(_ text: String?) throws -> Duration? {
        guard let text else { return nil }
        switch HistoryLength(text) {
        case .seconds(let seconds): return .seconds(seconds)
        case .days(let days) where days <= 100_000: return .seconds(days * 86_400)
        default: throw CommandFailure(.usage, "--time-limit \(text): expected a time like 90s, 15m or 2h")
        }
    }

    static func workers(_ workers: Int?) throws -> Int? {
        if let workers, !(1...64).contains(workers) {
            throw CommandFailure(.usage, "--workers \(workers): expected 1 to 64")
        }
        return workers
    }

    /// A share like `2%`, above nothing and at most all.
    static func share(_ text: String, of option: String) throws -> Double {
        guard text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent <= 100 else {
            throw CommandFailure(.usage, "\(option) \(text): expected a share like 2% or 0.5%, at most 100%")
        }
        return percent / 100
    }
}
