import Foundation

extension KeyType {
    /// The name of the type in the config.
    package var name: String {
        switch self {
        case .integer: "integer"
        case .date: "date"
        case .timestamp: "timestamp"
        case .text: "text"
        }
    }

    /// The step in keys, or seconds for timestamps; 1 for dates.
    package var step: Int64 {
        switch self {
        case .integer(let step), .timestamp(let step, _): step
        case .date, .text: 1
        }
    }
}

extension TimeZone {
    /// The zone's name as PostgreSQL knows it.
    package var sqlName: String {
        self == .utc || identifier == "GMT" ? "UTC" : identifier
    }
}
