import ArgumentParser
import Lacuna
import LacunaConfig

/// `lacuna doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Checks database, privileges, tables, keys, indexes and sources, and says what to do.")

    @Argument(help: "The streams; all of the config if none is named.", completion: .streams)
    var streams: [String] = []

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let project = try Project(global)
        let watch = SignalWatch()
        defer { withExtendedLifetime(watch) {} }
        let style = TextStyle(isColoured: Console.shared.outputIsColoured)
        var worst = Diagnosis.Level.good
        func show(_ findings: [Diagnosis.Finding]) {
            for finding in findings {
                worst = max(worst, finding.level)
                Console.shared.output("  \(mark(finding.level, style)) \(Console.shared.line(finding.text))")
            }
        }
        Console.shared.output(style.bold("database"))
        do {
            try await project.database.withSession("doctor") { session in
                show(try await Diagnosis.database(on: session))
                for stream in try project.streams(streams) {
                    Console.shared.output("")
                    Console.shared.output(style.bold("stream \(Console.printable(stream.definition.name))"))
                    show(await Diagnosis.stream(stream.definition, source: project.source(of: stream), on: session))
                }
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            show([Diagnosis.Finding(level: .bad, text: "\(error)")])
            Console.shared.flush()
            throw ExitStatus.failed
        }
        Console.shared.flush()
        if worst == .bad { throw ExitStatus.failed }
    }

    private func mark(_ level: Diagnosis.Level, _ style: TextStyle) -> String {
        switch level {
        case .good: style.good("ok  ")
        case .warning: style.warning("warn")
        case .bad: style.bad("FAIL")
        }
    }
}
