import ArgumentParser
import Foundation
import Logging

/// How log lines look.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
    case text
    case json
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// Writes log lines to standard error, redacted.
struct ConsoleLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    let format: LogFormat

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        switch format {
        case .text:
            let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
            Console.shared.message("\(event.level.rawValue): \(event.message)\(details)")
        case .json:
            var object = all.mapValues { "\($0)" }
            object["level"] = event.level.rawValue
            object["message"] = "\(event.message)"
            object["time"] = Date().ISO8601Format()
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            if let data = try? encoder.encode(object) {
                Console.shared.message(String(decoding: data, as: UTF8.self))
            }
        }
    }
}
