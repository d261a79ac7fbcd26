import ArgumentParser
import Foundation
import Lacuna

/// `lacuna rename`
struct RenameCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Gives a stream another name, with all that was learned of it and its journal.",
        discussion: """
            Rows stay as they are. Rename the stream in the config, too: its table, key and partitions have to be the same.
              lacuna rename ledgers stellar_ledgers
            Under the new name nothing may be known; `lacuna forget` sees to that.
            """)

    @Argument(help: "The stream, whether the config declares it or not.", completion: .streams)
    var stream: String

    @Argument(help: "Its new name.", completion: .streams)
    var name: String

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard stream != name else { throw ValidationError("the two names are the same") }
    }

    func run() async throws {
        let database = try global.anyDatabase()
        do {
            guard try await RenamedStream.rename(stream, to: name, in: database) else {
                throw try await CommandFailure(unknown: stream, in: database)
            }
            Console.shared.output(
                "\(Console.printable(stream)) is \(Console.printable(name)) from now on; the rows stay")
            Console.shared.flush()
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.failed, "\(stream): \(error)")
        }
    }
}
