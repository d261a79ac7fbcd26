import Lacuna

/// A run's result as people and programs read it.
struct RunReportRendering {
    let report: RunReport
    private let stream: StreamDefinition
    private let took: Duration

    init(_ report: RunReport, stream: StreamDefinition, took: Duration) {
        self.report = report
        self.stream = stream
        self.took = took
    }

    /// Prints the result on standard output and the failures on standard error.
    func print() {
        let console = Console.shared
        for note in report.notes { console.message(console.line("\(report.stream): \(note)")) }
        let errors = batchErrors
        for error in errors.prefix(20) { console.error(console.line(error)) }
        if errors.count > 20 {
            console.error(
                "\(report.stream): and \(errors.count - 20) more failures; `lacuna status` lists them")
        }
        for error in streamErrors { console.error(console.line(error)) }
        console.output(console.line(sentence))
        console.flush()
    }

    /// What failed, each with its place.
    var errors: [String] { batchErrors + streamErrors }

    /// Of failures that are alike beyond a few the first one says what is wrong, and where the others are is told behind it.
    private var batchErrors: [String] {
        let kinds = Dictionary(grouping: report.failures, by: \.kind)
        var told: Set<String> = []
        return report.failures.flatMap { failure -> [String] in
            let alike = kinds[failure.kind] ?? []
            let line = "\(report.stream)\(place(failure)): \(failure.message)"
            guard alike.count > RunReportRendering.alikeLimit else { return [line] }
            guard told.insert(failure.kind).inserted else { return [] }
            let places = alike.dropFirst().prefix(20).map { place($0).trimmingPrefix(" ") }.joined(separator: ", ")
            let more = alike.count > 21 ? " and others" : ""
            return [line, "\(report.stream): \(alike.count - 1) more failed alike: \(places)\(more)"]
        }
    }

    /// So many failures that are alike are told one by one.
    private static let alikeLimit = 3

    private var streamErrors: [String] {
        report.streamFailures.filter { failure in !report.failures.contains { $0.message == failure } }
            .map { "\(report.stream): \($0)" }
    }

    private func place(_ failure: BatchFailure) -> String {
        var text = ""
        if !failure.partition.values.isEmpty {
            text += " \(failure.partition.label(columns: stream.partitions.columns))"
        }
        if !failure.window.isEmpty { text += " \(stream.keyType.text(failure.window))" }
        return text
    }

    /// What the run came to, on one line.
    var sentence: String {
        var parts: [String] = []
        let done = report.committed
        if report.planned == 0, report.state == .done {
            let waiting = report.provisional > 0 ? ", \(Numbers.count(report.provisional, "unit")) provisional" : ""
            return "\(report.stream): nothing to \(report.mode == .catchup ? "catch up" : "do")\(waiting)"
        }
        if done > 0 {
            parts.append("\(Numbers.count(done, "batch", "batches")) committed")
            parts.append("\(Numbers.count(report.inserted, "row")) inserted")
            if report.updated > 0 { parts.append("\(Numbers.grouped(report.updated)) updated") }
            if report.deleted > 0 { parts.append("\(Numbers.grouped(report.deleted)) deleted") }
            if report.emptied > 0 { parts.append("\(Numbers.count(report.emptied, "unit")) verified empty") }
            if report.settled > 0 { parts.append("\(Numbers.count(report.settled, "unit")) as thin at the source") }
            if report.accepted > 0 { parts.append("\(Numbers.count(report.accepted, "unit")) accepted as missing") }
        } else if report.state != .deferred {
            parts.append("nothing committed")
        }
        if report.unchanged > 0 { parts.append("\(Numbers.count(report.unchanged, "batch", "batches")) unchanged") }
        if report.heldElsewhere > 0 {
            parts.append("\(Numbers.count(report.heldElsewhere, "batch", "batches")) held by another run")
        }
        if !report.failures.isEmpty { parts.append("\(Numbers.grouped(report.failures.count)) failed") }
        if let missing = report.missing, missing > 0 { parts.append("\(Numbers.count(missing, "unit")) still missing") }
        if report.provisional > 0 { parts.append("\(Numbers.count(report.provisional, "unit")) provisional") }
        if let behind = report.behind, behind > 0 { parts.append("\(Numbers.count(behind, "unit")) behind the tip") }
        if let reason = report.stopReason, report.streamFailures.isEmpty { parts.append("ended early: \(reason)") }
        parts.append(took.inSeconds)
        let verdict =
            switch report.state {
            case .done: report.mode == .catchup ? "caught up" : "complete"
            case .failed: "FAILED"
            case .incomplete: "work remains"
            case .deferred: "deferred"
            case .unknown: "OUTCOME UNKNOWN"
            }
        return "\(report.stream): \(verdict) (\(parts.joined(separator: ", ")))"
    }

    /// The form that JSON is written in. Field names are stable.
    var document: JSONOutput {
        .object([
            ("stream", .text(report.stream)), ("mode", .text(report.mode.rawValue)),
            ("state", .text(report.state.rawValue)), ("exit_status", .number(report.exitStatus.rawValue)),
            ("planned", .number(report.planned)), ("committed", .number(report.committed)),
            ("unchanged", .number(report.unchanged)), ("held_elsewhere", .number(report.heldElsewhere)),
            ("rows_fetched", .number(report.fetched)), ("rows_inserted", .number(report.inserted)),
            ("rows_updated", .number(report.updated)), ("rows_deleted", .number(report.deleted)),
            ("verified_empty_units", .number(report.emptied)),
            ("settled_units", .number(report.settled)),
            ("accepted_units", .number(report.accepted)), ("provisional_units", .number(report.provisional)),
            ("waiting_units", .number(report.waiting)), ("missing_units", report.missing.map(JSONOutput.number)),
            ("behind_units", report.behind.map(JSONOutput.number)),
            ("stop_reason", report.stopReason.map { .text(Console.shared.masked($0)) }),
            ("failures", .list(report.failures, document)),
            ("errors", .list(report.streamFailures) { .text(Console.shared.masked($0)) }),
            ("notes", .list(report.notes) { .text(Console.shared.masked($0)) }),
            ("seconds", .number((took / .seconds(1) * 1000).rounded() / 1000)),
        ])
    }

    private func document(_ failure: BatchFailure) -> JSONOutput {
        func key(_ unit: Int64) -> JSONOutput? {
            failure.window.isEmpty ? nil : .text(stream.keyType.text(unit))
        }
        return .object([
            (
                "partition",
                .object(zip(stream.partitions.columns, failure.partition.values).map { ($0, .text($1)) })
            ),
            ("first", key(failure.window.lowerBound)), ("last", key(failure.window.upperBound &- 1)),
            ("message", .text(Console.shared.masked(failure.message))),
            ("sqlstate", failure.sqlState.map { .text($0.rawValue) }),
        ])
    }
}
