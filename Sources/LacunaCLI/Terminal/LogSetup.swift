import ArgumentParser
import Foundation
import Logging
import Synchronization

/// How what is written to standard error looks.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
    case text
    case json
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// Writes log lines to standard error, redacted.
struct ConsoleLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // Each on its line, so that no text from outside can pass for another entry. Masked before it is encoded.
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { Console.shared.line("\($0)") }
        let message = Console.shared.line("\(event.message)")
        let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        Console.shared.entry(
            event.level, message, text: "\(event.level.rawValue): \(message)\(details)", metadata: all)
    }
}

/// Warnings that are worth giving once.
final class WarningLog: Sendable {
    private let log: Logger
    private let given = Mutex<Set<String>>([])

    init(_ log: Logger) {
        self.log = log
    }

    func warn(_ text: String) {
        if given.withLock({ $0.insert(text).inserted }) { log.warning("\(text)") }
    }
}
