import Foundation

/// A day in UTC, counted from 1970-01-01.
struct SystemDay: Hashable, Comparable, Strideable, Sendable {
    let number: Int

    /// The current one.
    static var today: SystemDay { SystemDay(number: Int(Date().timeIntervalSince1970) / 86_400) }

    init(number: Int) {
        self.number = number
    }

    /// Reads `2025-01-31` or `20250131`; nil where it is neither.
    init?(_ text: String) {
        let digits = text.filter { $0 != "-" }
        guard digits.count == 8, text.count == 8 || text.count == 10, let number = Int(digits) else { return nil }
        // Counted from March, so that the leap day is the last of a year (Hinnant, "chrono-compatible low-level date
        // algorithms").
        let (month, day) = (number / 100 % 100, number % 100)
        let year = number / 10_000 - (month <= 2 ? 1 : 0)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        self.number = year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
        guard compact == digits else { return nil }
    }

    /// `2025-01-31`.
    var iso: String {
        let text = compact
        return "\(text.prefix(4))-\(text.dropFirst(4).prefix(2))-\(text.suffix(2))"
    }

    /// `20250131`.
    var compact: String {
        var (rest, year) = (number, 1970)
        func length(_ year: Int) -> Int {
            year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 366 : 365
        }
        while rest >= length(year) {
            rest -= length(year)
            year += 1
        }
        let months = [31, length(year) - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var month = 0
        while rest >= months[month] {
            rest -= months[month]
            month += 1
        }
        return String(year * 10_000 + (month + 1) * 100 + rest + 1)
    }

    static func < (lhs: SystemDay, rhs: SystemDay) -> Bool { lhs.number < rhs.number }

    func distance(to other: SystemDay) -> Int { other.number - number }

    func advanced(by count: Int) -> SystemDay { SystemDay(number: number + count) }
}
