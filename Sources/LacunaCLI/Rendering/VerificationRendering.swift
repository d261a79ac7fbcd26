import Lacuna

/// What a verification found, as people and programs read it.
struct VerificationRendering {
    let report: VerificationReport
    private let stream: StreamDefinition
    private let took: Duration

    private static let lineLimit = 50

    init(_ report: VerificationReport, stream: StreamDefinition, took: Duration) {
        self.report = report
        self.stream = stream
        self.took = took
    }

    /// The exit status that it ends the program with: 2 if something differs.
    var exitStatus: ExitStatus {
        report.differences.isEmpty ? report.run.exitStatus : max(report.run.exitStatus, .workRemains)
    }

    /// Prints what differs on standard output, and what failed on standard error.
    func print() {
        let console = Console.shared
        for note in report.run.notes { console.message(console.line("\(stream.name): \(note)")) }
        let rendering = RunReportRendering(report.run, stream: stream, took: took)
        for error in rendering.errors.prefix(20) { console.error(console.line(error)) }
        if rendering.errors.count > 20 {
            console.error("\(stream.name): and \(rendering.errors.count - 20) more failures")
        }
        console.output(console.line(sentence))
        let rows = report.differences.prefix(VerificationRendering.lineLimit).map { difference in
            [
                Console.printable(difference.partition.label(columns: stream.partitions.columns)),
                Console.printable(stream.keyType.text(difference.range)), Console.printable(difference.summary),
            ]
        }
        TextTable(Array(rows)).write(indent: "  ") { console.output($0) }
        let more = report.differences.count - rows.count
        if more > 0 { console.output("  … and \(Numbers.grouped(more)) more; --format json lists all") }
        console.flush()
    }

    /// What it came to, on one line.
    var sentence: String {
        let run = report.run
        if run.planned == 0, run.state == .done { return "\(stream.name): nothing to verify" }
        var parts = [
            "\(Numbers.grouped(run.committed)) of \(Numbers.count(run.planned, "window")), "
                + "\(Numbers.count(report.unitCount, "unit")), by \(report.proof.rawValue)"
        ]
        if !run.failures.isEmpty { parts.append("\(Numbers.grouped(run.failures.count)) failed") }
        if report.unprovenCount > 0 {
            parts.append("\(Numbers.count(report.unprovenCount, "unit")) may lack rows at the source, unproven")
        }
        if report.movedCount > 0 { parts.append("\(Numbers.count(report.movedCount, "unit")) changed meanwhile") }
        if let marked = report.markedCount { parts.append("\(Numbers.count(marked, "unit")) marked") }
        if report.differences.isEmpty, let reason = run.stopReason, run.streamFailures.isEmpty {
            parts.append("ended early: \(reason)")
        }
        parts.append(took.inSeconds)
        return "\(stream.name): \(verdict) (\(parts.joined(separator: ", ")))"
    }

    private var verdict: String {
        let count = report.differingCount
        if count > 0 { return "\(Numbers.count(count, "unit")) \(count == 1 ? "differs" : "differ")" }
        switch report.run.state {
        case .done: return "equal"
        case .failed, .unknown: return "FAILED"
        case .incomplete: return "work remains"
        case .deferred: return "deferred"
        }
    }

    /// The form that JSON is written in. Field names are stable.
    var document: JSONOutput {
        let run = RunReportRendering(report.run, stream: stream, took: took)
        return .object([
            ("stream", .text(stream.name)), ("state", .text(report.run.state.rawValue)),
            ("exit_status", .number(exitStatus.rawValue)), ("proof", .text(report.proof.rawValue)),
            ("windows", .number(report.run.planned)), ("verified_windows", .number(report.run.committed)),
            ("verified_units", .number(report.unitCount)), ("differing_units", .number(report.differingCount)),
            ("unproven_units", .number(report.unprovenCount)), ("moved_units", .number(report.movedCount)),
            ("marked_units", report.markedCount.map(JSONOutput.number)),
            ("differences", .list(report.differences, document)),
            ("errors", .list(run.errors) { .text(Console.shared.masked($0)) }),
            ("notes", .list(report.run.notes) { .text(Console.shared.masked($0)) }),
            ("seconds", .number((took / .seconds(1) * 1000).rounded() / 1000)),
        ])
    }

    private func document(_ difference: RangeDifference) -> JSONOutput {
        var fields: [(name: String, value: JSONOutput?)] = [
            (
                "partition",
                .line(zip(stream.partitions.columns, difference.partition.values).map { ($0, .text($1)) })
            ),
            ("first", .text(stream.keyType.text(difference.range.lowerBound))),
            ("last", .text(stream.keyType.text(difference.range.upperBound - 1))),
        ]
        switch difference.kind {
        case .count(let here, let there): fields += [("rows_here", .number(here)), ("rows_there", .number(there))]
        case .rows(let here, let there, let different, let columns):
            fields += [
                ("missing_here", .number(here)), ("missing_there", .number(there)), ("different", .number(different)),
                ("columns", .list(columns) { .text($0) }),
            ]
        }
        return .object(fields)
    }
}
