import Foundation

/// A key that cannot be read as a unit of its stream.
public struct KeyError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The text that could not be read.
    public let text: String
    /// What a key of the stream looks like.
    public let expected: String

    /// A sentence for a person.
    public var description: String { "'\(text)' is not a key of this stream: expected \(expected)" }
}

/// What a key's text says about its unit.
package enum KeyReading: Sendable, Hashable {
    /// PostgreSQL reads the same text as the same unit, whatever its settings.
    case exact(Int64)
    /// The likely unit. PostgreSQL decides: the text leaves something to its settings or to the column's type.
    case approximate(Int64)
    /// Not a key in any form known here.
    case unreadable
}

extension KeyType {
    /// What keys of this type look like, for error messages.
    package var example: String {
        switch self {
        case .integer(step: 1): "a whole number"
        case .integer(let step): "a whole number (step \(step))"
        case .date: "a date like 2025-01-31"
        case .timestamp: "a time like 2025-01-31T15:00:00Z"
        case .text: "one of the keys that were asked for"
        }
    }

    /// The unit that a key's text names.
    ///
    /// - Throws: ``KeyError`` if the text is not a key or lies outside ``limits``.
    public func ordinal(of text: String) throws(KeyError) -> Int64 {
        let trimmed = text.trimmingPrefix(while: \.isWhitespace)
        var copy = String(trimmed)
        while copy.last?.isWhitespace == true { copy.removeLast() }
        let reading = copy.withUTF8 { read($0) }
        switch reading {
        case .exact(let ordinal) where limits.contains(ordinal): return ordinal
        case .approximate(let ordinal) where limits.contains(ordinal): return ordinal
        default: throw KeyError(text: text, expected: example)
        }
    }

    /// The last unit that a key's text names: of a date without a time the last one of that day.
    ///
    /// - Throws: ``KeyError`` if the text is not a key or lies outside ``limits``.
    package func lastOrdinal(of text: String) throws(KeyError) -> Int64 {
        let ordinal = try ordinal(of: text)
        guard case .timestamp = self else { return ordinal }
        var day = text.filter { !$0.isWhitespace }
        guard let parsed = day.withUTF8({ KeyScanner.time($0) }), !parsed.hasTime,
            let next = firstUnit(on: CivilDate(daysSinceEpoch: parsed.days + 1))
        else { return ordinal }
        return max(next - 1, ordinal)
    }

    /// A unit's key as people and sources are shown it: the number, `2025-01-31`, or an ISO 8601 time with offset.
    public func text(_ ordinal: Int64) -> String {
        switch self {
        case .integer(let step): return String(ordinal.multiplied(by: step) ?? (ordinal < 0 ? .min : .max))
        case .date: return KeyType.iso(CivilDate(daysSinceEpoch: ordinal))
        case .text(let keys): return keys.name(of: ordinal) ?? "#\(ordinal)"
        case .timestamp:
            guard let local = localStart(of: ordinal), let start = start(of: ordinal) else { return String(ordinal) }
            let offset = timezone.localSeconds(at: start) - start
            guard offset % 60 == 0 else {
                // A local mean time, from before zones: ISO 8601 has no offset with seconds.
                let day = start.floorDivided(by: 86_400)
                return "\(KeyType.iso(CivilDate(daysSinceEpoch: day)))T\(KeyType.clock(start - day * 86_400))Z"
            }
            return "\(KeyType.iso(local.date))T\(KeyType.clock(local.secondOfDay))\(KeyType.offset(offset))"
        }
    }

    /// The last key that a unit holds, as sources are asked for it: the unit's own where it holds one key, else the last
    /// of its `step`, or the last microsecond of its time.
    public func lastText(_ ordinal: Int64) -> String {
        switch self {
        case .integer(let step):
            return String((ordinal.multiplied(by: step) ?? .max).adding(saturating: step - 1))
        case .date, .text: return text(ordinal)
        case .timestamp:
            guard let end = start(of: ordinal + 1) else { return text(ordinal) }
            let local = timezone.localSeconds(at: end - 1)
            let days = local.floorDivided(by: 86_400)
            let date = KeyType.iso(CivilDate(daysSinceEpoch: days))
            let clock = KeyType.clock(local - days * 86_400)
            return "\(date)T\(clock).999999\(KeyType.offset(local - (end - 1)))"
        }
    }

    /// A range of units with inclusive ends, as people are shown it: `787447–787970`, or one key for one unit.
    public func text(_ range: Range<Int64>) -> String {
        let first = text(range.lowerBound)
        return range.unitCount <= 1 ? first : "\(first)–\(text(range.upperBound - 1))"
    }

    /// Reads a key's text without allocating, as it comes in a record.
    ///
    /// - Parameter bytes: UTF-8, without surrounding space.
    package func read(_ bytes: UnsafeBufferPointer<UInt8>) -> KeyReading {
        switch self {
        case .integer(let step):
            guard let value = KeyScanner.integer(bytes) else { return .unreadable }
            return .exact(value.floorDivided(by: step))
        case .text(let keys):
            return keys.ordinal(of: bytes).map(KeyReading.exact) ?? .unreadable
        case .date(let timezone):
            guard let parsed = KeyScanner.time(bytes) else { return .unreadable }
            if !parsed.hasTime { return parsed.isCompact ? .approximate(parsed.days) : .exact(parsed.days) }
            guard let offset = parsed.offset else { return .approximate(parsed.days) }
            let instant = parsed.days * 86_400 + parsed.second - offset
            return .approximate(timezone.localSeconds(at: instant).floorDivided(by: 86_400))
        case .timestamp(let step, let timezone):
            guard let parsed = KeyScanner.time(bytes) else { return .unreadable }
            let local = parsed.days * 86_400 + parsed.second
            let instant = parsed.offset.map { local - $0 } ?? timezone.instant(ofLocalSeconds: local)
            let unit = (instant + anchorSeconds).floorDivided(by: step)
            return parsed.offset == nil || parsed.isRounded ? .approximate(unit) : .exact(unit)
        }
    }

    static func iso(_ date: CivilDate) -> String {
        "\(pad(date.year, 4))-\(pad(date.month, 2))-\(pad(date.day, 2))"
    }

    static func clock(_ secondOfDay: Int64) -> String {
        let second = Int(secondOfDay)
        return "\(pad(second / 3600, 2)):\(pad(second / 60 % 60, 2)):\(pad(second % 60, 2))"
    }

    static func offset(_ seconds: Int64) -> String {
        guard seconds != 0 else { return "Z" }
        let minutes = Int(abs(seconds)) / 60
        return "\(seconds < 0 ? "-" : "+")\(pad(minutes / 60, 2)):\(pad(minutes % 60, 2))"
    }

    static func pad(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// Strict readers of key texts over bytes.
enum KeyScanner {
    /// A decimal integer with an optional sign; nil if anything else stands there or it does not fit.
    static func integer(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
        var index = 0
        var negative = false
        if let first = bytes.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            negative = first == UInt8(ascii: "-")
            index = 1
        }
        guard index < bytes.count, bytes.count - index <= 19 else { return nil }
        var value: Int64 = 0
        while index < bytes.count {
            let digit = Int64(bytes[index]) - 48
            guard (0...9).contains(digit) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) =
                negative
                ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflow || carried { return nil }
            value = sum
            index += 1
        }
        return value
    }

    /// A date with an optional time and offset, in the ISO 8601 forms that services print.
    struct Time {
        /// Days since 1970-01-01 of the date as written.
        var days: Int64
        /// Seconds of the day as written, the fraction cut, but for one that PostgreSQL rounds up to a whole second.
        var second: Int64 = 0
        /// Whether the fraction has more digits than the microseconds of PostgreSQL and lies close below a second.
        var isRounded = false
        /// Seconds east of UTC; nil if none is written.
        var offset: Int64?
        /// Whether a time of day is written.
        var hasTime = false
        /// Whether the date is written without hyphens.
        var isCompact = false
    }

    static func time(_ bytes: UnsafeBufferPointer<UInt8>) -> Time? {
        var cursor = Cursor(bytes: bytes)
        guard let year = cursor.digits(4) else { return nil }
        let isCompact = !cursor.skip("-")
        guard let month = cursor.digits(2), isCompact || cursor.skip("-"), let day = cursor.digits(2),
            let date = CivilDate(year: year, month: month, day: day)
        else { return nil }
        var result = Time(days: date.daysSinceEpoch)
        result.isCompact = isCompact
        if cursor.isAtEnd { return result }
        guard cursor.skip("T") || cursor.skip(" ") || cursor.skip("t") else { return nil }
        guard let hour = cursor.digits(2), hour <= 24, cursor.skip(":"), let minute = cursor.digits(2), minute < 60
        else { return nil }
        result.hasTime = true
        result.second = Int64(hour * 3600 + minute * 60)
        if cursor.skip(":") {
            guard let second = cursor.digits(2), second <= 60 else { return nil }
            result.second += Int64(second)
            if cursor.skip(".") || cursor.skip(",") {
                let start = cursor.index
                let length = cursor.digitRun()
                guard length > 0 else { return nil }
                if length > 6, bytes[start..<start + 6].allSatisfy({ $0 == UInt8(ascii: "9") }) {
                    result.isRounded = true
                    if bytes[start + 6] >= UInt8(ascii: "5") { result.second += 1 }
                }
            }
        }
        // PostgreSQL takes 24:00:00 for the end of a day, and nothing after it.
        guard hour < 24 || minute == 0 && result.second == 86_400 else { return nil }
        if cursor.skip("Z") || cursor.skip("z") {
            result.offset = 0
        } else if let sign: Int64 = cursor.skip("+") ? 1 : cursor.skip("-") ? -1 : nil {
            guard let hours = cursor.digits(2), hours < 24 else { return nil }
            _ = cursor.skip(":")
            let minutes = cursor.isAtEnd ? 0 : cursor.digits(2) ?? 99
            guard minutes < 60 else { return nil }
            result.offset = sign * Int64(hours * 3600 + minutes * 60)
        }
        return cursor.isAtEnd ? result : nil
    }

    private struct Cursor {
        let bytes: UnsafeBufferPointer<UInt8>
        var index = 0

        var isAtEnd: Bool { index == bytes.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            guard index + count <= bytes.count else { return nil }
            var value = 0
            for offset in 0..<count {
                let digit = Int(bytes[index + offset]) - 48
                guard (0...9).contains(digit) else { return nil }
                value = value * 10 + digit
            }
            index += count
            return value
        }

        mutating func digitRun() -> Int {
            let start = index
            while index < bytes.count, (48...57).contains(bytes[index]) { index += 1 }
            return index - start
        }
    }
}
