import Foundation

/// How long the headers of an answer ask to be left alone: `Retry-After` (RFC 9110, section 10.2.3) as the standard and as
/// servers write it, and the headers that say when a rate limit begins anew.
enum RetryAfter {
    /// No answer is believed that asks for more.
    static let limit = Duration.seconds(7 * 86_400)

    /// How far an instant may lie before now or after it to be taken for one.
    private static let plausiblePast = 86_400.0
    private static let plausibleFuture = 31 * 86_400.0

    /// How long `Retry-After` and its kin ask to wait; nil if they ask for nothing that can be read.
    ///
    /// - Parameter now: seconds since the epoch.
    static func wait(header: (String) -> String?, now: Double = Date().timeIntervalSince1970) -> Duration? {
        if let milliseconds = numbers(header("retry-after-ms"))?.max() { return bounded(milliseconds / 1000) }
        return wait(header("retry-after"), now: now)
    }

    /// How long to wait; nil if the header is neither numbers nor a date. Of several numbers the largest counts.
    ///
    /// - Parameter now: seconds since the epoch.
    static func wait(_ header: String?, now: Double = Date().timeIntervalSince1970) -> Duration? {
        guard let text = header?.trimmingWhitespace, !text.isEmpty else { return nil }
        if let date = HTTPDate.seconds(text) { return bounded(Double(date) - now) }
        guard let longest = numbers(text)?.max() else { return nil }
        return bounded(sinceEpoch(longest, now: now).map { $0 - now } ?? longest)
    }

    /// How long it takes until a rate limit that is used up begins anew; nil if the headers do not say so.
    ///
    /// A server with several limits lists them in the same order in each header. Those of which something is left do not
    /// matter.
    ///
    /// - Parameter now: seconds since the epoch.
    static func reset(header: (String) -> String?, now: Double = Date().timeIntervalSince1970) -> Duration? {
        for prefix in ["x-ratelimit-", "ratelimit-"] {
            guard let resets = numbers(header(prefix + "reset")) else { continue }
            var longest = resets.max()
            if let remaining = numbers(header(prefix + "remaining")) {
                guard remaining.contains(0) else { return nil }
                if remaining.count == resets.count {
                    longest = zip(resets, remaining).filter { $1 == 0 }.map(\.0).max()
                }
            }
            guard let longest else { continue }
            if let instant = sinceEpoch(longest, now: now) { return bounded(instant - now) }
            // A number that is neither near now nor a wait is something else.
            if longest <= limit / .seconds(1) { return bounded(longest) }
        }
        return nil
    }

    /// Whether the headers say that nothing is left of a rate limit.
    static func isUsedUp(header: (String) -> String?) -> Bool {
        ["x-ratelimit-remaining", "ratelimit-remaining"].contains { numbers(header($0))?.contains(0) ?? false }
    }

    /// The numbers of a header, which may have a fraction and commas between them; nil if anything else is in it.
    private static func numbers(_ header: String?) -> [Double]? {
        guard let header else { return nil }
        var numbers: [Double] = []
        for part in header.split(separator: ",", omittingEmptySubsequences: false) {
            let text = String(part).trimmingWhitespace
            let digits = text.split(separator: ".", omittingEmptySubsequences: false)
            let isNumber = digits.count <= 2 && digits.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }
            guard isNumber, let number = Double(text) else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// A number as an instant, in seconds or milliseconds since the epoch; nil if it is not near now.
    private static func sinceEpoch(_ number: Double, now: Double) -> Double? {
        [number, number / 1000].first {
            $0 > 500_000_000 && $0 > now - plausiblePast && $0 < now + plausibleFuture
        }
    }

    private static func bounded(_ seconds: Double) -> Duration {
        // Beyond the limit a number may be more than a `Duration` holds.
        seconds < limit / .seconds(1) ? .seconds(max(seconds, 0)) : limit
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
