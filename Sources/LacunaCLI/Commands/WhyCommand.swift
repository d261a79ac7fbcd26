import ArgumentParser
import Foundation
import Lacuna

/// `lacuna why`
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract:
            "Says what is known of one unit: its rows, evidence and marks, who asked for it, and what comes next.",
        discussion: """
            Asks only the database, and needs only SELECT. It is for ordered keys; of ids `lacuna gaps` names each that is missing.
              lacuna why ledgers 52929601
              lacuna why games 2024-03-01 --partition league=NBA
            """)

    @Argument(help: "The stream.", completion: .streams)
    var stream: String

    @Argument(help: "The unit's key, such as 52929601 or 2024-03-01; of dates and times also today-1d.")
    var key: String

    @Option(
        name: .customLong("partition"),
        help: ArgumentHelp(
            "Only this partition; several columns are joined by commas. May be repeated.", valueName: "column=value"))
    var partitionTexts: [String] = []

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let project = try Project(global)
        let definition = try project.stream(stream).definition
        let name = Console.printable(definition.name)
        guard definition.keyType.isOrdered else {
            throw CommandFailure(
                .usage, "stream \(name): why is for ordered keys; `lacuna gaps` names the ids that are missing")
        }
        guard let unit = try definition.unit(of: "the key", key) else { return }
        let partitions = try RangeOptions.partitions(partitionTexts, of: definition)
        do {
            let accounts = try await UnitAccount.load(
                unit, of: definition, partitions: partitions, in: project.database)
            for account in accounts {
                let label = Console.printable(account.partition.label(columns: definition.partitions.columns))
                let subject = [name, label, Console.printable(definition.keyType.text(unit))].filter { !$0.isEmpty }
                Console.shared.output(
                    "\(subject.joined(separator: "  ")): \(UnitSentences(account, definition).text)")
            }
            Console.shared.flush()
        } catch {
            throw CommandFailure(.failed, "\(name): \(error)")
        }
    }
}
