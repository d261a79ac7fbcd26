/// A length of history: a number of units, an exact time, or calendar months.
///
/// Written as `500` (units), `90s`, `15m`, `1h`, `30d`, `2w`, `1 month`, `1 year`.
public enum HistoryLength: Sendable, Hashable {
    /// A number of units of whatever key it is applied to.
    case units(Int64)
    /// An exact time in seconds.
    case seconds(Int64)
    /// Whole days. For date keys a unit, for timestamps 24 hours.
    case days(Int64)
    /// Calendar months, aligned to their first day where they are a batch size.
    case months(Int)

    /// Reads the written form.
    ///
    /// - Returns: nil if `text` is none of the forms, negative, or too large for its unit.
    public init?(_ text: String) {
        let trimmed = text.filter { $0 != " " && $0 != "_" }
        let digits = trimmed.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        switch trimmed.dropFirst(digits.count).lowercased() {
        case "": self = .units(number)
        case "s", "sec", "second", "seconds": self = .seconds(number)
        case "m", "min", "minute", "minutes":
            guard let value = number.multiplied(by: 60) else { return nil }
            self = .seconds(value)
        case "h", "hour", "hours":
            guard let value = number.multiplied(by: 3600) else { return nil }
            self = .seconds(value)
        case "d", "day", "days": self = .days(number)
        case "w", "week", "weeks":
            guard let value = number.multiplied(by: 7) else { return nil }
            self = .days(value)
        case "month", "months", "mo":
            guard number <= 120_000 else { return nil }
            self = .months(Int(number))
        case "year", "years", "y":
            guard number <= 10_000 else { return nil }
            self = .months(Int(number) * 12)
        default: return nil
        }
    }

    /// Whether it is a length of such keys: integer and text keys have no times.
    package func fits(_ keyType: KeyType) -> Bool {
        switch keyType {
        case .date, .timestamp: return true
        case .integer, .text:
            if case .units = self { return true }
            return false
        }
    }

    /// Whether it is no length at all.
    package var isZero: Bool {
        switch self {
        case .units(let value), .seconds(let value), .days(let value): value == 0
        case .months(let value): value == 0
        }
    }
}

extension HistoryLength: CustomStringConvertible {
    /// The written form.
    public var description: String {
        switch self {
        case .units(let value): "\(value)"
        case .seconds(let value) where value % 3600 == 0: "\(value / 3600)h"
        case .seconds(let value) where value % 60 == 0: "\(value / 60)m"
        case .seconds(let value): "\(value)s"
        case .days(let value): "\(value)d"
        case .months(let value): value == 1 ? "1 month" : "\(value) months"
        }
    }
}

extension Int64 {
    /// The product, or nil if it does not fit.
    func multiplied(by factor: Int64) -> Int64? {
        let (value, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? nil : value
    }

    /// The sum, held at the limits of the type instead of overflowing.
    package func adding(saturating other: Int64) -> Int64 {
        let (value, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : value
    }

    /// The difference, held at the limits of the type instead of overflowing.
    package func subtracting(saturating other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : value
    }
}

extension UInt64 {
    /// The sum, held at the largest number: partitions of 64-bit keys may together lack more than that.
    package func adding(saturating other: UInt64) -> UInt64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}
