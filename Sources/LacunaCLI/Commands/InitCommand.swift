import ArgumentParser
import Foundation
import Lacuna

/// `lacuna init`
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Creates or upgrades the lacuna schema, and registers the config's streams.",
        discussion: """
            Needs the right to create a schema in the database, once; no superuser, no extension. Running it again changes \
            nothing.
            """)

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let hasConfig = global.config != nil || FileManager.default.fileExists(atPath: global.configPath)
        let project = hasConfig ? try Project(global) : nil
        let database = project?.database ?? global.bareDatabase()
        do {
            let session = try await database.connect("init")
            let applied = try await SchemaInstaller.install(on: session)
            Console.shared.output(
                applied.isEmpty
                    ? "the lacuna schema is up to date"
                    : "the lacuna schema is installed (\(applied.joined(separator: ", ")))")
            var failed = false
            for stream in try project?.streams([]) ?? [] {
                do {
                    let resolved = try await ResolvedStream.resolve(stream.definition, on: session)
                    try await StreamRegistry.register(resolved, on: session)
                    Console.shared.output("stream \(stream.definition.name) is registered")
                } catch {
                    Console.shared.error("stream \(stream.definition.name): \(error)")
                    failed = true
                }
            }
            await session.close()
            Console.shared.flush()
            if failed { throw ExitStatus.failed }
        } catch let status as ExitStatus {
            throw status
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }
}

/// `lacuna config`
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks the config and prints it with everything filled in, secrets masked.")

    @Flag(name: .long, help: "Print the JSON Schema of lacuna.yaml instead, for editors.")
    var schema = false

    @OptionGroup var global: GlobalOptions

    func run() throws {
        if schema {
            Console.shared.output(ProjectSchema.text)
        } else {
            Console.shared.output(try Project(global).configuration.redacted())
        }
        Console.shared.flush()
    }
}
