import ArgumentParser
import Lacuna

/// `lacuna mark`
struct MarkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mark",
        abstract: "Declares units wrong, so that the next reconcile fetches them again.",
        discussion: """
            A mark deletes nothing: marked units count as missing until they were fetched and committed again, so a forced full \
            backfill (--all) is as durable as any other and goes on after a crash.
              lacuna mark results --from 2024-03-01 --to 2024-03-31
              lacuna mark games --where "attendance IS NULL"
            """)

    @Argument(help: "The stream.", completion: .streams)
    var stream: String

    @Flag(name: .long, help: "All units up to the newest: a forced full backfill.")
    var all = false

    @Flag(name: .long, help: "Take marks back instead.")
    var clear = false

    @Flag(
        name: .long,
        help: "Let any number of their rows go if the source no longer has them. For streams with rows: replace.")
    var replace = false

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp(
            "Only units that have a row for which this SQL condition is true.", valueName: "condition"))
    var condition: String?

    @Option(name: .long, help: "Why, for the journal.")
    var reason: String = ""

    @OptionGroup var range: RangeOptions
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard all || range.from != nil || range.to != nil || condition != nil || clear else {
            throw ValidationError("say which units: --from and --to, --where, or --all")
        }
        guard !clear || !replace else { throw ValidationError("--replace does not go with --clear") }
        guard !clear || condition == nil else { throw ValidationError("--where does not go with --clear") }
        guard !all || (range.from == nil && range.to == nil) else {
            throw ValidationError("--all does not go with --from and --to")
        }
    }

    func run() async throws {
        let project = try Project(global)
        let stream = try project.stream(stream)
        var options = RunOptions()
        try range.apply(to: &options, stream: stream.definition)
        do {
            let count = try await project.reconciler(stream).mark(
                clear: clear, options, where: condition, replace: replace, reason: reason)
            let units = Numbers.count(count, "unit")
            guard count > 0 || clear else {
                let reason =
                    condition == nil
                    ? "only units up to the newest one can be, the rest is missing"
                    : "no row there fulfils the condition"
                Console.shared.output("\(stream.definition.name): nothing to mark: \(reason)")
                return Console.shared.flush()
            }
            Console.shared.output(
                clear
                    ? "\(stream.definition.name): \(units) no longer marked"
                    : "\(stream.definition.name): \(units) marked; `lacuna reconcile` fetches them again")
            Console.shared.flush()
        } catch {
            throw CommandFailure(.failed, "\(stream.definition.name): \(error)")
        }
    }
}
