import ArgumentParser
import Foundation
import Lacuna
import LacunaConfig

/// `lacuna schedule`
struct ScheduleCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case cron, systemd
    }

    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "Prints what runs a config by itself: lines for cron, or units of systemd.",
        discussion: """
            Every few hours a catchup and a reconcile, and every night a reconcile that reads far back, for what the source \
            published late. Nothing is installed:
              lacuna schedule > lacuna.cron        then put its lines into `crontab -e`
              lacuna schedule --format systemd --output ~/.config/systemd/user
            Both runs share a lock, so that they do not ask the source at once; without it overlap would be harmless too.
            """)

    @Option(name: .long, help: "cron or systemd.")
    var format: Format = .cron

    @Option(
        name: .long,
        help: ArgumentHelp("How often: what divides an hour or a day, as 5m, 15m, 1h, 4h, 1d.", valueName: "time"))
    var every: String = "4h"

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How far back the nightly run reads, for streams whose keys have such a length. Default: 30d, and ten batches "
                + "where the key is an integer.", valueName: "length"))
    var lookback: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "cron: the log; default: lacuna.log beside the config. systemd has its journal.", valueName: "file"),
        completion: .file())
    var log: String?

    @Flag(name: .long, help: "cron: keep no log, and print nothing but failures, which cron mails.")
    var mail = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "After each run, write how things stand as a page into this file, which a web server may show.",
            valueName: "file"),
        completion: .file())
    var report: String?

    @Option(name: .long, help: ArgumentHelp("systemd: what the units' names begin with.", valueName: "name"))
    var name: String = "lacuna"

    @Option(
        name: .long,
        help: ArgumentHelp(
            "systemd: write the units into this directory instead of printing them.", valueName: "directory"),
        completion: .directory)
    var output: String?

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard Schedule.Interval(every) != nil else {
            throw ValidationError("--every \(every): expected what divides an hour or a day, as 5m, 15m, 1h, 4h, 1d")
        }
        let isName =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber
                    || "-_.".utf8.contains(byte)
            }
        guard isName, name.utf8.allSatisfy({ $0 < 128 }) else {
            throw ValidationError("--name \(name): expected letters, digits, hyphens, underscores and dots")
        }
        guard output == nil || format == .systemd else { throw ValidationError("--output goes with --format systemd") }
        guard log == nil || format == .cron else { throw ValidationError("--log goes with --format cron") }
        guard !mail || format == .cron else { throw ValidationError("--mail goes with --format cron") }
        guard !mail || log == nil else { throw ValidationError("--mail keeps no log: give it without --log") }
    }

    func run() throws {
        let project = try Project(global)
        let schedule = try schedule(project.configuration)
        switch format {
        case .cron:
            for line in schedule.crontab { Console.shared.output(line) }
        case .systemd:
            let units = schedule.units(prefix: name)
            if let output { return try write(units, to: output) }
            for (index, unit) in units.enumerated() {
                if index > 0 { Console.shared.output("") }
                Console.shared.output("# \(unit.name)\n\(unit.text)".trimmingCharacters(in: .newlines))
            }
        }
        Console.shared.flush()
    }

    private func schedule(_ configuration: Configuration) throws -> Schedule {
        guard let interval = Schedule.Interval(every) else { throw CommandFailure(.usage, "--every \(every)") }
        let definitions = configuration.streams.map(\.definition)
        let length = try lookback.map { text in
            guard let length = HistoryLength(text), !length.isZero,
                definitions.contains(where: { length.fits($0.keyType) })
            else {
                throw CommandFailure(
                    .usage,
                    "--lookback \(text): expected a length that a stream's keys have, as 30d or a number of units")
            }
            return length
        }
        let config = absolute(configuration.path)
        let directory = URL(fileURLWithPath: config).deletingLastPathComponent()
        let schedule = Schedule(
            program: Executables.own, config: config,
            lock: directory.appendingPathComponent("lacuna.lock").path,
            log: log(in: directory),
            report: report.map(absolute), flock: Executables.find("flock"), every: interval,
            sweeps: Schedule.sweeps(of: definitions, lookback: length), variables: configuration.variables)
        let texts =
            [schedule.program, schedule.config, schedule.lock, schedule.log ?? "", schedule.report ?? ""]
            + definitions.map(\.name)
        for text in texts { try check(text) }
        return schedule
    }

    /// The log of cron's lines; nil if they have none. systemd has its journal, in which each run is to be seen.
    private func log(in directory: URL) -> String? {
        mail ? nil : log.map(absolute) ?? directory.appendingPathComponent("lacuna.log").path
    }

    private func check(_ text: String) throws {
        let unseen: [Unicode.GeneralCategory: String] = [
            .control: "a control character", .format: "a character that is not seen or turns others around",
            .lineSeparator: "a line separator", .paragraphSeparator: "a paragraph separator",
        ]
        if let character = text.unicodeScalars.first(where: { unseen[$0.properties.generalCategory] != nil }) {
            let kind = unseen[character.properties.generalCategory] ?? ""
            // A schedule is for a person to read before it is installed: it has to be what it looks like.
            throw CommandFailure(
                .usage,
                "'\(Console.printable(text))' holds \(kind) (U+\(hexadecimal(character))), which a schedule cannot hold; "
                    + "rename it")
        }
        if format == .cron, text.contains("\\") {
            throw CommandFailure(
                .usage,
                "'\(text)' holds a backslash, which not every cron passes on; use --format systemd, or rename it")
        }
    }

    private func hexadecimal(_ character: Unicode.Scalar) -> String {
        let digits = String(character.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    private func write(_ units: [Schedule.UnitFile], to path: String) throws {
        let directory = URL(fileURLWithPath: path, isDirectory: true)
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            for unit in units {
                try Data(unit.text.utf8).write(to: directory.appendingPathComponent(unit.name), options: .atomic)
                Console.shared.output(directory.appendingPathComponent(unit.name).path)
            }
        } catch {
            throw CommandFailure(
                .failed, "the units could not be written into \(directory.path): \(error.localizedDescription)")
        }
        Console.shared.flush()
    }
}

/// Where programs are.
enum Executables {
    /// The running program, as it was called: a link that an upgrade moves stays one.
    static var own: String {
        let called = CommandLine.arguments[0]
        if called.contains("/") { return URL(fileURLWithPath: called).standardizedFileURL.path }
        return find(called) ?? Bundle.main.executablePath ?? called
    }

    /// A program by its name, in PATH and where programs of the system are; nil if it is not there.
    static func find(_ name: String) -> String? {
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (path + ["/usr/bin", "/bin", "/usr/local/bin"]).filter { $0.hasPrefix("/") }.map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
