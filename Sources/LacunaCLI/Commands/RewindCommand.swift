import ArgumentParser
import Lacuna

/// `lacuna rewind`
struct RewindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rewind",
        abstract: "Moves a stream's extents back: the one audited way.",
        discussion: """
            Extents only ever grow by themselves. Rewind them where history was removed on purpose, or was claimed that \
            should not have been; each rewind is written into the journal. Rows stay: planning takes the greater of `latest` \
            and the table's largest key.
              lacuna rewind ledgers --latest 62000000
            """)

    @Argument(help: "The stream.", completion: .streams)
    var stream: String

    @Option(
        name: .long, parsing: .unconditional, help: ArgumentHelp("The new oldest unit.", valueName: "key"))
    var oldest: String?

    @Option(
        name: .long, parsing: .unconditional, help: ArgumentHelp("The new newest unit.", valueName: "key"))
    var latest: String?

    @Flag(name: .long, help: "Forget the extents altogether; only the rows count then.")
    var forget = false

    @Option(
        name: .customLong("partition"),
        help: ArgumentHelp("Only this partition. May be repeated.", valueName: "column=value"))
    var partitionTexts: [String] = []

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard forget != (oldest != nil || latest != nil) else {
            throw ValidationError("say where to: --oldest and --latest, or --forget")
        }
    }

    func run() async throws {
        let project = try Project(global)
        let stream = try project.stream(stream)
        let definition = stream.definition
        guard definition.keyType.isOrdered else {
            throw CommandFailure(.usage, "stream \(definition.name) has text keys, which have no extents to rewind")
        }
        var range = RangeOptions()
        range.partitionTexts = partitionTexts
        range.from = nil
        range.to = nil
        let partitions = try range.partitions(of: definition)
        let newOldest = try definition.unit(of: "--oldest", oldest)
        let newLatest = try definition.unit(of: "--latest", latest)
        do {
            let changes = try await project.reconciler(stream).rewind(
                oldest: newOldest, latest: newLatest, forget: forget, partitions: partitions)
            if changes.isEmpty { Console.shared.output("\(definition.name): there are no extents to rewind") }
            for (partition, change) in changes.sorted(by: { $0.key < $1.key }) {
                let label = Console.printable(partition.label(columns: definition.partitions.columns))
                let after = change.after.map { text($0, definition) } ?? "forgotten"
                Console.shared.output(
                    "\(definition.name)\(label.isEmpty ? "" : " \(label)"): \(text(change.before, definition)) → \(after)"
                )
            }
            Console.shared.flush()
        } catch {
            throw CommandFailure(.failed, "\(definition.name): \(error)")
        }
    }

    private func text(_ extents: Extents, _ definition: StreamDefinition) -> String {
        "\(definition.keyType.text(extents.oldest)) – \(definition.keyType.text(extents.latest))"
    }
}
