import ArgumentParser
import Lacuna

/// `lacuna status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows extents and coverage, what runs now, what failed, and the last runs.")

    private static let noteLength = 120

    @Argument(help: "The streams; all of the config if none is named.", completion: .streams)
    var streams: [String] = []

    @Option(name: .long, help: "How many runs to show.")
    var runs: Int = 5

    @Option(name: .long, help: "text or json.")
    var format: RunFormat = .text

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let project = try Project(global)
        var documents: [JSONOutput] = []
        var failures: [String] = []
        let style = TextStyle(isColoured: Console.shared.outputIsColoured)
        for (index, stream) in try project.streams(streams).enumerated() {
            do {
                let survey = try await Surveyor(project.database).survey(stream.definition)
                let report = GapReport(survey: survey)
                var status = try await project.database.withSession("status") { session in
                    try await StreamStatus.load(stream.definition, limit: max(runs, 0), on: session)
                }
                // What failed once and is wanted no more, as a look far back, is over.
                status.failures.removeAll { !survey.wants($0.window, of: $0.partition) }
                switch format {
                case .text:
                    if index > 0 { Console.shared.output("") }
                    report.reportLines(gapLimit: 3, style: style) { Console.shared.output($0) }
                    for line in lines(status, report, style) { Console.shared.output(line) }
                case .json: documents.append(document(status, report))
                }
            } catch {
                failures.append("stream \(stream.definition.name): \(error)")
            }
        }
        if format == .json {
            Console.shared.data(
                .object([
                    ("streams", .list(documents) { $0 }),
                    ("errors", .list(failures) { .text(Console.shared.masked($0)) }),
                ]))
        }
        for failure in failures { Console.shared.error(Console.shared.line(failure)) }
        if !failures.isEmpty { throw ExitStatus.failed }
    }

    private func lines(_ status: StreamStatus, _ report: GapReport, _ style: TextStyle) -> [String] {
        var lines: [String] = []
        if !status.activities.isEmpty {
            lines += ["", "  " + style.bold("running now")]
            for activity in status.activities {
                let time = activity.seconds.map { "  for \(Numbers.time(seconds: Double($0)))" } ?? ""
                lines.append("  \(Console.printable(activity.text))\(time)")
            }
        }
        if !status.failures.isEmpty {
            lines += ["", "  " + style.bold("failed, and open")]
            for failure in status.failures.prefix(10) {
                let label = Console.printable(failure.partition.label(columns: report.columns))
                let wait =
                    failure.secondsToWait > 0
                    ? "next try in \(Numbers.time(seconds: Double(failure.secondsToWait)))" : "the next run tries again"
                lines.append(
                    "  \(label.isEmpty ? "" : "\(label)  ")\(report.text(failure.window))  "
                        + "\(Numbers.count(failure.failures, "run")) in a row, \(wait)")
                lines.append("    \(Console.shared.line(failure.error))")
            }
        }
        lines += lastLines(status.lastRuns, style)
        lines += verifiedLines(status, report, style)
        guard runs > 0 else { return lines }
        guard !status.runs.isEmpty else { return lines + ["", "  no runs yet"] }
        lines += ["", "  " + style.bold("last runs")]
        let rows = status.runs.map { run in
            [
                String(run.id), run.startedAt, run.mode, run.state, Numbers.grouped(run.committed),
                Numbers.grouped(run.failed), run.missing ?? "–", run.seconds, shortened(run.note),
            ]
        }
        TextTable(
            [
                ("RUN", .right), ("STARTED (UTC)", .left), ("MODE", .left), ("STATE", .left), ("COMMITTED", .right),
                ("FAILED", .right), ("MISSING", .right), ("SECONDS", .right), ("", .left),
            ], rows
        ).write(indent: "  ") { lines.append($0) }
        return lines
    }

    /// When each kind of run last did what it is for, and why the last one did not.
    private func lastLines(_ runs: [LastRun], _ style: TextStyle) -> [String] {
        guard !runs.isEmpty else { return [] }
        var lines = ["", "  " + style.bold("last time")]
        TextTable(
            [
                ("MODE", .left), ("SUCCEEDED (UTC)", .left), ("ASKED THE SOURCE", .left), ("COMMITTED ROWS", .left),
                ("LAST STATE", .left),
            ],
            runs.map { run in
                // To the minute, so that a terminal of 80 columns shows all of it.
                [run.mode]
                    + [run.succeededAt, run.askedAt, run.foundAt].map { $0.map { String($0.prefix(16)) } ?? "–" }
                    + [run.state]
            }
        ).write(indent: "  ") { lines.append($0) }
        for run in runs where !run.note.isEmpty {
            lines.append("  \(run.mode): \(Console.shared.line(run.note))")
        }
        return lines
    }

    /// A note as it fits into a table.
    private func shortened(_ note: String) -> String {
        let line = Console.shared.line(note)
        return line.count > StatusCommand.noteLength ? line.prefix(StatusCommand.noteLength) + "…" : line
    }
}

extension StatusCommand {
    /// The form that JSON is written in. Field names are stable.
    private func document(_ status: StreamStatus, _ report: GapReport) -> JSONOutput {
        let type = report.definition.keyType
        return .object([
            ("coverage", report.json()), ("running", .list(status.activities) { .text($0.text) }),
            (
                "failures",
                .list(status.failures) { failure in
                    .object([
                        ("partition", report.json(failure.partition)),
                        ("first", .text(type.text(failure.window.lowerBound))),
                        ("last", .text(type.text(failure.window.upperBound - 1))),
                        ("failures", .number(failure.failures)),
                        ("seconds_to_wait", .number(failure.secondsToWait)),
                        ("error", .text(Console.shared.masked(failure.error))),
                    ])
                }
            ),
            (
                "runs",
                .list(status.runs) { run in
                    .object([
                        ("id", .number(run.id)), ("mode", .text(run.mode)), ("state", .text(run.state)),
                        ("started_at", .text(run.startedAt.replacing(" ", with: "T") + "Z")),
                        ("seconds", .literal(run.seconds)),
                        ("planned", .number(run.planned)), ("committed", .number(run.committed)),
                        ("failed", .number(run.failed)), ("missing_units", run.missing.map(JSONOutput.literal)),
                        ("note", .text(Console.shared.masked(run.note))),
                    ])
                }
            ),
            ("last", .list(status.lastRuns, document)),
            ("verified", .list(status.verifiedRanges) { document($0, report) }),
        ])
    }

    private func document(_ run: LastRun) -> JSONOutput {
        func time(_ text: String?) -> JSONOutput? { text.map { .text($0.replacing(" ", with: "T") + "Z") } }
        return .object([
            ("mode", .text(run.mode)), ("state", .text(run.state)), ("ended_at", time(run.endedAt)),
            ("seconds", .literal(run.seconds)), ("note", .text(Console.shared.masked(run.note))),
            ("succeeded_at", time(run.succeededAt)), ("asked_at", time(run.askedAt)),
            ("committed_rows_at", time(run.foundAt)),
        ])
    }
}
