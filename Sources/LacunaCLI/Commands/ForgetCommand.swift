import ArgumentParser
import Foundation
import Lacuna

/// `lacuna forget`
struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract:
            "Forgets what was learned of a stream: its registration, extents, verified-empty and accepted ranges, and marks.",
        discussion: """
            Rows stay as they are. A stream is held to the table, the key and the partitions that it was registered with, \
            because what was learned of it would be misread for others. Forget it if it is to mean something else, or if \
            it has left the config; the journal says that it was.
              lacuna forget ledgers && lacuna init
            A table that was only renamed is known again, and nothing has to be forgotten.
            """)

    @Argument(help: "The stream, whether the config declares it or not.", completion: .streams)
    var stream: String

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let database = try global.anyDatabase()
        do {
            guard let forgotten = try await ForgottenStream.forget(stream, in: database) else {
                throw try await CommandFailure(unknown: stream, in: database)
            }
            Console.shared.output("\(Console.printable(stream)): forgotten are \(forgotten.summary); the rows stay")
            Console.shared.flush()
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.failed, "\(stream): \(error)")
        }
    }
}

extension CommandFailure {
    /// A name that no stream has in the database.
    init(unknown stream: String, in database: Database) async throws {
        let known = try await ForgottenStream.known(in: database)
        self.init(
            .usage,
            "nothing is known of a stream '\(stream)'; "
                + (known.isEmpty ? "none is registered" : "registered are \(known.joined(separator: ", "))"))
    }
}
