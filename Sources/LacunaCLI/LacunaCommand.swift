import ArgumentParser
import Foundation

/// The `lacuna` program, once ``Entry`` has begun it.
struct LacunaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lacuna",
        abstract: "Keeps tables of ingested history in PostgreSQL free of gaps.",
        discussion: """
            Lacuna finds the missing ranges in the data itself, fetches them from where they came from, and commits each \
            batch whole. There is no progress cursor to trust and nothing to repair: interrupt it anywhere and run it again.

            A first look at any table, with nothing installed:
              lacuna gaps --table ledgers --column sequence --report
            With a lacuna.yaml:
              lacuna init && lacuna reconcile

            Exit status: 0 clean, 1 something failed, 2 work remains, 3 deferred, 4 the outcome of a commit is unknown, \
            64 usage, 78 configuration.
            """,
        version: ProgramVersion.text,
        subcommands: [
            GapsCommand.self, WhyCommand.self, ReconcileCommand.self, CatchupCommand.self, MarkCommand.self,
            AcceptCommand.self, VerifyCommand.self,
            StatusCommand.self, DoctorCommand.self, InitCommand.self, RewindCommand.self, ForgetCommand.self,
            RenameCommand.self, ServeCommand.self,
            ScheduleCommand.self,
            ConfigCommand.self,
        ])

    static func main() async {
        // A reader that goes away (`lacuna gaps | head`) ends the output, not the run.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asyncCommand = command as? any AsyncParsableCommand {
                try await asyncCommand.run()
            } else {
                try command.run()
            }
            end(.clean)
        } catch let status as ExitStatus {
            end(status)
        } catch let failure as CommandFailure {
            // What is wrong with a config takes several lines; text from elsewhere must not begin one.
            let mayHaveLines = [.configuration, .usage].contains(failure.status)
            Console.shared.error(mayHaveLines ? failure.message : Console.shared.line(failure.message))
            end(failure.status)
        } catch {
            exit(withError: error)
        }
    }

    /// Ends the program, as failed where its results could not be written.
    private static func end(_ status: ExitStatus) -> Never {
        Console.shared.flush()
        if let failure = Console.shared.outputFailure {
            Console.shared.error("the results could not be written to standard output: \(failure)")
            Foundation.exit(max(status, .failed).rawValue)
        }
        Foundation.exit(status.rawValue)
    }
}

/// What the program's exit status says.
enum ExitStatus: Int32, Error, Comparable {
    case clean = 0
    case failed = 1
    case workRemains = 2
    case deferred = 3
    case outcomeUnknown = 4
    case usage = 64
    case configuration = 78

    /// Whether the next run would not put it right by itself.
    var needsPerson: Bool { self > .workRemains }

    /// Whether `lhs` is the lesser trouble: of several streams the worst decides.
    static func < (lhs: ExitStatus, rhs: ExitStatus) -> Bool {
        lhs.severity < rhs.severity
    }

    private var severity: Int {
        switch self {
        case .clean: 0
        case .deferred: 1
        case .workRemains: 2
        case .failed: 3
        case .outcomeUnknown: 4
        case .usage: 5
        case .configuration: 6
        }
    }
}

/// A failure with the status that the program ends with.
struct CommandFailure: Error {
    let status: ExitStatus
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}
