import Foundation

/// What a `Retry-After` header asks for (RFC 9110, section 10.2.3).
enum RetryAfter {
    /// No answer is believed that asks for more.
    static let limit = Duration.seconds(7 * 86_400)

    /// How long to wait; nil if the header is neither a number of seconds nor a date.
    ///
    /// - Parameter now: seconds since the epoch.
    static func wait(_ header: String?, now: Double = Date().timeIntervalSince1970) -> Duration? {
        guard let text = header?.trimmingWhitespace, !text.isEmpty else { return nil }
        if text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return Int64(text).map { min(.seconds($0), limit) } ?? limit
        }
        guard let date = HTTPDate.seconds(text) else { return nil }
        return min(max(.seconds(Double(date) - now), .zero), limit)
    }
}

/// A date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since the epoch.
    static func seconds(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let day = Int(parts[1]), let year = Int(parts[3]),
            let month = months.firstIndex(of: String(parts[2]))
        else { return nil }
        let time = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard time.count == 3, (0..<24).contains(time[0]), (0..<60).contains(time[1]), (0...60).contains(time[2]),
            (1970...9999).contains(year), let date = DateComponents.utc(year: year, month: month + 1, day: day)
        else { return nil }
        return date + time[0] * 3600 + time[1] * 60 + time[2]
    }
}

extension DateComponents {
    /// The start of a day in UTC, in seconds since the epoch; nil if there is no such day.
    fileprivate static func utc(year: Int, month: Int, day: Int) -> Int64? {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let components = DateComponents(calendar: calendar, year: year, month: month, day: day)
        guard components.isValidDate, let date = components.date else { return nil }
        return Int64(date.timeIntervalSince1970)
    }
}

/// Waits as a person reads them.
enum Wait {
    /// `40s`, `2h 5m`.
    static func text(_ duration: Duration) -> String {
        let seconds = max(1, Int64((duration / .seconds(1)).rounded(.up)))
        switch seconds {
        case ..<60: return "\(seconds)s"
        case ..<3600: return seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds / 60)m \(seconds % 60)s"
        case ..<86_400: return seconds % 3600 < 60 ? "\(seconds / 3600)h" : "\(seconds / 3600)h \(seconds % 3600 / 60)m"
        default:
            let hours = seconds % 86_400 / 3600
            return hours == 0 ? "\(seconds / 86_400)d" : "\(seconds / 86_400)d \(hours)h"
        }
    }

    /// When a wait that begins now ends, as `2026-01-31T12:00:00Z`.
    static func instant(after wait: Duration) -> String {
        Date(timeIntervalSinceNow: wait / .seconds(1)).formatted(.iso8601)
    }
}
