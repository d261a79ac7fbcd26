import ArgumentParser
import Foundation
import Lacuna
import LacunaConfig
import Postgres

/// `lacuna init`
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Creates or upgrades the lacuna schema, and registers the config's streams.",
        discussion: """
            Needs the right to create a schema in the database, once; no superuser, no extension. Running it again changes \
            nothing.

            With --template it writes a whole example into the current directory instead, and asks no database:
            \(ConfigTemplate.Name.allCases.map { "  \($0.rawValue): \($0.template.summary)" }.joined(separator: "\n"))
            """)

    @Option(
        name: .long,
        help: "Write a commented lacuna.yaml, its tables and its SQL into the current directory, to start from.")
    var template: ConfigTemplate.Name?

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        if let template {
            try start(from: template)
        } else {
            try await install()
        }
    }

    private func start(from name: ConfigTemplate.Name) throws {
        let template = name.template
        try template.write(to: URL(fileURLWithPath: FileManager.default.currentDirectoryPath))
        Console.shared.output("wrote \(template.files.map(\.path).joined(separator: ", "))")
        Console.shared.output("\nnow set")
        let variables = [("DATABASE_URL", "the database, as libpq takes it")] + template.variables
        TextTable([("", .left), ("", .left)], variables.map { [$0.0, $0.1] }).write(indent: "  ") {
            Console.shared.output($0)
        }
        Console.shared.output(
            """

            then
              psql "$DATABASE_URL" -f tables.sql
                                         make the tables
              lacuna init                install the lacuna schema, register the streams
              lacuna doctor              see whether everything is in place
              lacuna reconcile           fill them
            """)
        Console.shared.flush()
    }

    private func install() async throws {
        let hasConfig = global.config != nil || FileManager.default.fileExists(atPath: global.configPath)
        let project = hasConfig ? try Project(global) : nil
        let database = project?.database ?? global.bareDatabase()
        do {
            let isDone = try await database.withSession("init") { session in
                try await install(project?.streams([]) ?? [], on: session)
            }
            Console.shared.flush()
            if !isDone { throw ExitStatus.failed }
        } catch let status as ExitStatus {
            throw status
        } catch let error as PostgresError where error.sqlState == .insufficientPrivilege {
            throw CommandFailure(
                .failed,
                "\(error); the lacuna schema is created by a role that has CREATE on the database "
                    + "(sql/roles/grant_own.sql), and upgraded by its owner")
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }

    /// - Returns: whether every stream was registered.
    private func install(_ streams: [StreamConfiguration], on session: Session) async throws -> Bool {
        try await WritableServer.require(on: session)
        let applied = try await SchemaInstaller.install(on: session)
        Console.shared.output(
            applied.isEmpty
                ? "the lacuna schema is up to date"
                : "the lacuna schema is installed (\(applied.joined(separator: ", ")))")
        var isDone = true
        for stream in streams {
            do {
                let resolved = try await ResolvedStream.resolve(stream.definition, on: session)
                if let problem = resolved.loadProblem { throw StreamError.invalid(problem) }
                try await StreamRegistry.register(resolved, on: session)
                Console.shared.output("stream \(stream.definition.name) is registered")
                if let warning = resolved.spreadWarning {
                    Console.shared.message(Console.shared.line("stream \(stream.definition.name): \(warning)"))
                }
                if let line = try await ChangeTracking.install(resolved, on: session).line(stream.definition.name) {
                    Console.shared.output(line)
                }
            } catch {
                Console.shared.error(Console.shared.line("stream \(stream.definition.name): \(error)"))
                isDone = false
            }
        }
        return isDone
    }
}

extension ChangeTracking.Outcome {
    /// What a person is told of it; nil if there is nothing to tell.
    fileprivate func line(_ stream: String) -> String? {
        switch self {
        case .off: nil
        case .inPlace, .installed: "changes of stream \(stream) are tracked"
        case .removed: "changes of stream \(stream) are not tracked any more"
        case .impossible(let problem):
            "changes of stream \(stream) cannot be tracked, each scan reads the whole table: \(problem)"
        }
    }
}

/// `lacuna config`
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Checks the config and prints it as it is read, with `defaults` at each stream and secrets masked.")

    @Flag(name: .long, help: "Print the JSON Schema of lacuna.yaml instead, for editors.")
    var schema = false

    @Flag(name: .long, help: "Print the reference of all settings instead, as Markdown.")
    var reference = false

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard !schema || !reference else { throw ValidationError("--schema and --reference exclude each other") }
    }

    func run() throws {
        if schema {
            Console.shared.data(ProjectSchema.text)
        } else if reference {
            Console.shared.data(Configuration.reference)
        } else {
            Console.shared.data(try Project(global).configuration.redacted())
        }
        Console.shared.flush()
    }
}
