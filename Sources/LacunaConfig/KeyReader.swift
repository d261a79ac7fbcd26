import Foundation
import LacunaModel
import LacunaRecords

/// Reads `key: {column, type, step, timezone}`.
struct KeyReader {
    let section: Section

    private var reading: Reading { section.reading }

    /// The key's column and type; nil if it cannot be told, which was reported.
    func key() -> (column: String, type: KeyType)? {
        let column = section.text("column")
        let type = section.text("type")
        let step = section["step"]
        let zoneNode = section["timezone"]
        guard let column, let type else { return nil }
        switch type {
        case "integer":
            if let zoneNode {
                reading.report("'timezone' is for date and timestamp keys; this key is integer", at: zoneNode.position)
            }
            guard let step else { return (column, .integer(step: 1)) }
            guard let value = step.scalar.flatMap({ Written.integer($0.text) }), value > 0 else {
                reading.report(
                    "'step' of an integer key: expected a positive number, found \(step.found)", at: step.position)
                return nil
            }
            return (column, .integer(step: value))
        case "text":
            for (name, node) in [("step", step), ("timezone", zoneNode)] {
                guard let node else { continue }
                reading.report("'\(name)' is for ordered keys; a text key is an id by itself", at: node.position)
            }
            return (column, .text(.none))
        case "date":
            if let step {
                reading.report(
                    "'step' is for integer and timestamp keys; a date key's unit is a day", at: step.position)
            }
            return timezone(zoneNode).map { (column, .date(timezone: $0)) }
        default:
            guard let step else {
                reading.report(
                    "a timestamp key needs 'step', the time that one unit holds, as in 1h", at: section.position)
                return nil
            }
            guard let value = step.scalar.flatMap({ Written.seconds($0.text) }), value >= 1, value <= 86_400,
                86_400 % value == 0
            else {
                reading.report(
                    "'step' of a timestamp key: expected a time from 1s to 1d that divides a day, found \(step.found)",
                    at: step.position)
                return nil
            }
            return timezone(zoneNode).map { (column, .timestamp(step: value, timezone: $0)) }
        }
    }

    private func timezone(_ node: ConfigNode?) -> TimeZone? {
        guard let node, let text = node.scalar?.text else { return .utc }
        if ["utc", "etc/utc", "gmt", "z"].contains(text.lowercased()) { return .utc }
        let known = TimeZone.knownTimeZoneIdentifiers
        // Foundation also takes abbreviations, which PostgreSQL reads as fixed offsets without summer time.
        if known.contains(text) || text.contains("/"), let zone = TimeZone(identifier: text) { return zone }
        reading.report(
            "'timezone': \(node.found) is not an IANA time zone; write one like Europe/London", at: node.position,
            suggestion: Suggestion.nearest(to: text, among: known))
        return nil
    }
}
