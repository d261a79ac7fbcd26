import ArgumentParser
import Foundation
import Lacuna
import LacunaSources

/// `lacuna gaps`
struct GapsCommand: AsyncParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json, csv, html, prometheus
    }

    /// `auto` leaves the choice to the table's statistics.
    enum Scan: String, CaseIterable, ExpressibleByArgument {
        case auto, window, segments, bits, probe, skip

        var strategy: ScanStrategy? { ScanStrategy(rawValue: rawValue) }
    }

    static let configuration = CommandConfiguration(
        commandName: "gaps",
        abstract: "Shows what is missing.",
        discussion: """
            Asks only the database, and needs only SELECT. With --table it looks at any table, with no config and nothing \
            installed:
              lacuna gaps --table ledgers --column sequence
              lacuna gaps --table games --column played_on --by league --report

            --format html writes the report as one page, --format prometheus as metrics for its textfile collector. \
            --output replaces a file at once, so that a reader never finds half of it:
              lacuna gaps --format html --output gaps.html

            Gaps are counted up to the newest unit that is known; what the source may have beyond it is shown with --tip.

            Runs keep what is missing in lacuna.missing, for dashboards; --save does so without a run.
            """)

    @Argument(help: "The streams; all of the config if none is named.", completion: .streams)
    var streams: [String] = []

    @Flag(name: .long, help: "Extents, coverage, contiguity and a picture of each partition.")
    var report = false

    @Option(name: .long, help: "text, json, csv, html (a page with the whole report) or prometheus.")
    var format: Format = .text

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Write into this file: beside it first, then in its place. It stays as it was if something fails.",
            valueName: "file"), completion: .file())
    var output: String?

    @Flag(name: .long, help: "Ask the source for its tip too, and show how far behind it the table is.")
    var tip = false

    @Flag(name: .customLong("exit-code"), help: "End with status 2 if there are gaps.")
    var exitCode = false

    @Flag(name: .long, help: "Keep what is missing, since when and why in the tables behind lacuna.missing.")
    var save = false

    @Flag(name: .long, help: "Count accepted units as gaps too.")
    var strict = false

    @Option(
        name: .customLong("max-behind"),
        help: ArgumentHelp(
            "As --exit-code, and status 2 also if a partition lacks more than so many units behind the tip, or behind the "
                + "declared end. Asks the source too.", valueName: "units"))
    var maxBehind: UInt64?

    @Flag(name: .long, help: "List every gap of a report, not only the newest.")
    var all = false

    @Option(name: .long, help: "Look at this table instead of streams.")
    var table: String?

    @Option(name: .long, help: "The key column of --table: a whole number, a date or a time.")
    var column: String?

    @Option(name: .long, help: "A column that parts --table into partitions; several are joined by commas.")
    var by: String?

    @Option(name: .long, help: "The step of the key of --table: 5, 15m, 1h; times are counted in days without it.")
    var step: String?

    @Option(name: .long, help: "The time zone that days of --table are counted in.")
    var timezone: String = "UTC"

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The first key expected in --table.", valueName: "key"))
    var from: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The last key expected in --table.", valueName: "key"))
    var to: String?

    @Option(name: .customLong("where"), help: "Only rows of --table that satisfy this condition in SQL count.")
    var condition: String?

    @Option(
        name: .customLong("min-rows"),
        help: ArgumentHelp("Units of --table with fewer rows are gaps too.", valueName: "rows"))
    var minRows: Int64?

    @Option(
        name: .long, help: "How the table is scanned: auto (by its statistics), window, segments, bits, probe or skip.")
    var scan: Scan = .auto

    @Flag(name: .long, help: "List each missing unit on a line of its own.")
    var each = false

    @Flag(name: .long, help: "List the longest gaps first.")
    var longest = false

    @Option(name: .customLong("at-least"), help: ArgumentHelp("List only gaps of so many units.", valueName: "units"))
    var atLeast: UInt64?

    @Option(name: .long, help: ArgumentHelp("List at most so many gaps, or units with --each.", valueName: "lines"))
    var limit: UInt64?

    @Flag(name: .long, help: "Say how the table was scanned, why so, and how long it took.")
    var explain = false

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard (table == nil) == (column == nil) else { throw ValidationError("--table and --column go together") }
        guard table == nil || !strict else { throw ValidationError("--strict is for streams, and not for --table") }
        guard !save || (table == nil && !strict) else {
            throw ValidationError("--save keeps gaps of streams, and goes with neither --table nor --strict")
        }
        guard table == nil || streams.isEmpty else { throw ValidationError("--table and streams do not go together") }
        guard !explain || format == .text || format == .json else {
            throw ValidationError("--explain goes with text and json")
        }
        guard table == nil || !showsTail else {
            throw ValidationError("--tip and --max-behind need a stream with a source")
        }
        guard list.isWhole || (!report && (format == .text || format == .csv)) else {
            throw ValidationError(
                "--each, --longest, --at-least and --limit go with lists: text without --report, and csv")
        }
        guard scan == .auto || (condition == nil && minRows == nil) else {
            throw ValidationError("--scan does not go with --where and --min-rows, which count rows")
        }
        guard
            table != nil || (by == nil && step == nil && from == nil && to == nil && minRows == nil && condition == nil)
        else {
            throw ValidationError(
                "--by, --step, --from, --to, --where and --min-rows go with --table; a stream declares them")
        }
    }

    func run() async throws {
        let watch = SignalWatch()
        defer { withExtendedLifetime(watch) {} }
        var failures: [String] = []
        // A table without a config has no journal.
        let project = table == nil ? try Project(global) : nil
        var reports = try await surveys(project, &failures).map { GapReport(survey: $0) }
        if save { await project?.keep(reports, &failures) }
        if report || (format != .text && format != .csv) { await project?.explain(&reports, &failures) }
        let names = try project?.streams(streams).map(\.definition.name) ?? []
        let runs = format == .prometheus ? await project?.lastRuns(of: names, &failures) ?? [] : []
        let streams = format == .html ? await pageInputs(reports, project, &failures) : []
        let shown = reports
        func show() { self.show(shown, runs, streams, failures) }
        if output == nil { show() }
        for failure in failures { Console.shared.error(Console.shared.line(failure)) }
        if let output, failures.isEmpty { try write(show, into: output) }
        guard failures.isEmpty else { throw ExitStatus.failed }
        if exitCode || maxBehind != nil, !reports.allSatisfy(\.isClean) { throw ExitStatus.workRemains }
        if let maxBehind, reports.contains(where: { $0.behindCount > maxBehind }) { throw ExitStatus.workRemains }
    }

    /// - Parameter failures: takes what keeps a stream from being looked at; the others are.
    private func surveys(_ project: Project?, _ failures: inout [String]) async throws -> [Survey] {
        if let table, let column { return [try await survey(table: table, column: column)] }
        guard let project else { return [] }
        var surveys: [Survey] = []
        let surveyor = surveyor(project.database)
        for stream in try project.streams(streams) {
            do {
                var survey = try await surveyor.survey(stream.definition)
                if strict { survey = survey.strict }
                surveys.append(showsTail ? try await survey.asking(project.source(of: stream)) : survey)
            } catch {
                failures.append("stream \(stream.definition.name): \(error)")
            }
        }
        return surveys
    }

    private func pageInputs(
        _ reports: [GapReport], _ project: Project?, _ failures: inout [String]
    ) async -> [PageInput] {
        if let project { return await project.pageInputs(reports, &failures) }
        return reports.map {
            PageInput($0, isStream: false, journal: .unknown("a table that is no stream has no journal"))
        }
    }

    private func survey(table: String, column: String) async throws -> Survey {
        guard let zone = TimeZone(identifier: timezone) else {
            throw CommandFailure(.usage, "--timezone \(timezone): not a time zone; it is named like Europe/London")
        }
        let length = try step.map { text in
            guard let length = HistoryLength(text) else {
                throw CommandFailure(.usage, "--step \(text): expected 5, 15m, 1h or 1d")
            }
            return length
        }
        guard minRows ?? 1 >= 1 else { throw CommandFailure(.usage, "--min-rows is a number, at least 1") }
        let columns = GapsCommand.columns(by)
        let (from, to) = (from, to)
        do {
            var looked = AnyTable(table, column: column, partitionColumns: columns, step: length, timezone: zone)
            (looked.leastRows, looked.condition) = (minRows, condition)
            let survey = try await surveyor(global.bareDatabase()).survey(looked) { definition in
                let (first, last) = (
                    try definition.unit(of: "--from", from), try definition.unit(of: "--to", to, isLast: true)
                )
                try RangeOptions.requireOrder(first, last, from, to)
                definition.expect.from = first.map(Expectation.Bound.unit)
                if let last { definition.expect.to = .unit(last) }
            }
            if survey.leavesRows {
                Console.shared.message(
                    "\(Console.printable(survey.definition.name)): rows whose \(by ?? "") is NULL belong to no partition "
                        + "and are not looked at")
            }
            return survey
        } catch let failure as CommandFailure {
            throw failure
        } catch StreamError.stepMismatch(let message) {
            throw CommandFailure(.usage, message)
        } catch {
            throw CommandFailure(.failed, "\(error)")
        }
    }

    private var list: GapList {
        GapList(splits: each, longestFirst: longest, atLeast: atLeast ?? 1, limit: limit ?? .max)
    }

    /// The columns that `--by` names: joined by commas, quoted as in SQL if they hold one.
    private static func columns(_ text: String?) -> [String] {
        guard let text else { return [] }
        var columns = [""]
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if character == ",", !isQuoted { columns.append("") } else { columns[columns.count - 1].append(character) }
        }
        return columns.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private func surveyor(_ database: Database) -> Surveyor {
        var surveyor = Surveyor(database)
        if table != nil || scan != .auto { surveyor.scan = ChosenGapScan(scan.strategy) }
        return surveyor
    }

    private var showsTail: Bool { tip || maxBehind != nil }

    /// Shows the results in a file that is replaced at once.
    private func write(_ show: () -> Void, into path: String) throws {
        do {
            let file = try OutputFile(path)
            if let failure = Console.shared.redirected(to: file.descriptor, show) {
                throw CommandFailure(.failed, "--output \(path): \(failure)")
            }
            try file.commit()
        } catch let failure as OutputFile.Failure {
            throw CommandFailure(.failed, failure.description)
        }
    }

    private func show(
        _ reports: [GapReport], _ runs: [(stream: String, runs: [LastRun])], _ streams: [PageInput],
        _ failures: [String]
    ) {
        let console = Console.shared
        switch format {
        case .json:
            console.data(GapReport.document(reports, failures: failures, explains: explain))
        case .csv:
            for (index, report) in reports.enumerated() {
                if index == 0 || reports[index - 1].columns != report.columns
                    || reports[index - 1].showsThin != report.showsThin
                {
                    console.data(report.csvHeader(showsTail: showsTail))
                }
                say(report.csvLines(list, showsTail: showsTail) { console.data($0) })
            }
        case .html:
            var limits = GapPage.Limits()
            if all { limits.listEverything() }
            GapPage(streams, failures: failures.map(console.line), config: global.config, limits: limits).write {
                console.data($0)
            }
        case .prometheus:
            GapMetrics.write(reports) { console.data($0) }
            GapMetrics.writeCauses(reports) { console.data($0) }
            GapMetrics.write(runs) { console.data($0) }
        case .text:
            let style = TextStyle(isColoured: console.outputIsColoured)
            for (index, report) in reports.enumerated() {
                if self.report, index > 0 { console.output("") }
                if self.report {
                    report.reportLines(gapLimit: all ? .max : 12, style: style) { console.output($0) }
                } else {
                    say(report.gapLines(list, showsTail: showsTail) { console.output($0) })
                }
                if explain { console.output(report.scanLine()) }
            }
        }
        console.flush()
    }

    /// Says what a list leaves out.
    private func say(_ left: UInt64) {
        guard left > 0 else { return }
        Console.shared.flush()
        Console.shared.message("… and \(Numbers.count(left, each ? "unit" : "gap")) more; --limit leaves them out")
    }
}

extension StreamDefinition {
    /// The unit that a command's option names; nil if it is not given.
    ///
    /// - Parameter isLast: whether it ends a range: a date means the whole day then.
    /// - Throws: ``CommandFailure`` with status 64.
    func unit(of option: String, _ text: String?, isLast: Bool = false) throws -> Int64? {
        guard let text else { return nil }
        do {
            let now = Int64(Date().timeIntervalSince1970)
            return try isLast ? lastUnit(named: text, now: now) : unit(named: text, now: now)
        } catch {
            throw CommandFailure(.usage, "\(option): \(error)")
        }
    }
}
