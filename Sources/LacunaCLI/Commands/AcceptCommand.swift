import ArgumentParser
import Foundation
import Lacuna

/// `lacuna accept`
struct AcceptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Declares units missing for good, so that they are no gaps and no run asks for them.",
        discussion: """
            Use it if the source has lost data. Expected units that are over can be accepted, with a reason, if they lack rows. The \
            report shows it, and `lacuna gaps --strict` counts such units as gaps. A declaration ends if a run finds the \
            units complete, on the day of --until, or by --clear. A later declaration replaces an earlier one.
              lacuna accept readings --from 2021-03-01 --to 2021-03-14 --reason "station was off"
            """)

    @Argument(help: "The stream.", completion: .streams)
    var stream: String

    @Flag(name: .long, help: "All units that can be accepted, but for provisional ones.")
    var all = false

    @Flag(name: .long, help: "Take declarations back, of all units or of those in --from and --to.")
    var clear = false

    @Option(name: .long, help: "Why, for the report and the journal. It is needed, except with --clear.")
    var reason: String = ""

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A day like 2027-01-31 in the stream's time zone: when it begins, the units are gaps again.",
            valueName: "date"))
    var until: String?

    @OptionGroup var range: RangeOptions
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard all || range.from != nil || range.to != nil || clear else {
            throw ValidationError("say which units: --from and --to, or --all")
        }
        guard !all || (range.from == nil && range.to == nil) else {
            throw ValidationError("--all does not go with --from and --to")
        }
        guard clear || !reason.allSatisfy(\.isWhitespace) else { throw ValidationError("say why: --reason") }
        guard !clear || until == nil else { throw ValidationError("--until does not go with --clear") }
    }

    func run() async throws {
        let project = try Project(global)
        let stream = try project.stream(stream)
        let name = Console.printable(stream.definition.name)
        var options = RunOptions()
        try range.apply(to: &options, stream: stream.definition)
        let end = try until.map { try start(ofDay: $0, stream.definition) }
        do {
            let count = try await project.reconciler(stream).accept(clear: clear, options, reason: reason, end: end)
            let units = Numbers.count(count, "unit")
            if clear {
                Console.shared.output("\(name): \(units) no longer accepted")
            } else if count == 0 {
                Console.shared.output(
                    "\(name): nothing to accept: every expected unit there has its rows, is verified empty or is not over"
                )
            } else {
                Console.shared.output("\(name): \(units) accepted as missing\(until.map { " until \($0)" } ?? "")")
            }
            Console.shared.flush()
        } catch {
            throw CommandFailure(.failed, "\(name): \(error)")
        }
    }

    /// When a day begins in the stream's zone, seconds since the epoch.
    private func start(ofDay text: String, _ stream: StreamDefinition) throws -> Int64 {
        let days = KeyType.date(timezone: stream.keyType.timezone)
        guard let day = try? days.ordinal(of: text), let start = days.start(of: day) else {
            throw CommandFailure(.usage, "--until \(text): expected a day like 2027-01-31")
        }
        return start
    }
}
