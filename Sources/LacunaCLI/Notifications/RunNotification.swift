import Foundation
import Lacuna
import LacunaSources

/// What people are told of a run: all streams of one process together.
struct RunNotification {
    typealias Occasion = NotificationSettings.Occasion

    private static let streamLimit = 20
    private static let errorLimit = 5
    private static let lineLimit = 300

    let occasion: Occasion
    let runs: [RunReportRendering]
    let status: ExitStatus
    /// The path of the config.
    let config: String
    let host: String

    /// Why people are to be told of a run; nil if they are not.
    ///
    /// - Parameters:
    ///   - status: what the process ends with, over all its streams.
    ///   - wanted: what they want to be told of.
    ///   - wasInTrouble: whether the run before it was not clean; asked only where that matters.
    static func occasion(
        of reports: [RunReport], status: ExitStatus, wanted: Set<Occasion>, wasInTrouble: () async -> Bool
    ) async -> Occasion? {
        let hasFailed = reports.contains { $0.state == .failed || $0.state == .unknown }
        let isChanged = reports.contains(where: \.changedSomething)
        if hasFailed, wanted.contains(.failure) { return .failure }
        if status == .clean, wanted.contains(.healed), await wasInTrouble() { return .healed }
        // A run that found nothing to do, as most of a short cron do, is not worth a message.
        guard hasFailed || isChanged else { return nil }
        return wanted.contains(.finished) ? .finished : nil
    }

    /// Plain text of some lines: what happened, each stream that did something, the first errors.
    var text: String {
        let verb =
            switch occasion {
            case .failure: "failed"
            case .healed: "is complete again"
            case .finished: "finished"
            }
        var lines = ["lacuna \(mode) \(verb) on \(host), \(config)"]
        let told = runs.filter { $0.report.planned > 0 || $0.report.state != .done }
        lines += told.prefix(RunNotification.streamLimit).map(\.sentence)
        if told.count > RunNotification.streamLimit {
            lines.append("and \(Numbers.count(told.count - RunNotification.streamLimit, "stream")) more")
        }
        let errors = runs.flatMap(\.errors)
        lines += errors.prefix(RunNotification.errorLimit)
        if errors.count > RunNotification.errorLimit {
            lines.append("and \(Numbers.count(errors.count - RunNotification.errorLimit, "error")) more")
        }
        return lines.map(RunNotification.line).joined(separator: "\n")
    }

    /// The message as a program reads it. Field names are stable.
    var document: [UInt8] {
        let document = JSONOutput.object([
            ("occasion", .text(occasion.rawValue)), ("command", .text(mode)), ("config", .text(config)),
            ("host", .text(host)), ("exit_status", .number(status.rawValue)), ("text", .text(text)),
            ("runs", .list(runs, \.document)),
        ])
        return Array((document.description + "\n").utf8)
    }

    private var mode: String { runs.first?.report.mode.rawValue ?? "" }

    /// One line of a message: without secrets, and without what a terminal or a chat would obey.
    static func line(_ text: String) -> String {
        let words = Console.shared.masked(text).unicodeScalars.split { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate: true
            default: false
            }
        }
        let line = words.map { String(String.UnicodeScalarView($0)) }.joined(separator: " ")
        return line.count > lineLimit ? line.prefix(lineLimit) + "…" : line
    }
}
