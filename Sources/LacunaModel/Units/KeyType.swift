import Foundation

/// How the values of a key column map to units, the positions of a history.
///
/// Every unit has an `Int64` ordinal: an integer key divided by its step, the number of days since 1970-01-01 for a
/// date, the number of steps since 1970-01-01T00:00 in the stream's zone for a timestamp. Ordinals are consecutive, so
/// gaps are holes in a sequence of integers whatever the key is.
public enum KeyType: Sendable, Hashable {
    /// Whole numbers. A unit holds `step` consecutive ones, the first a multiple of `step`.
    case integer(step: Int64)
    /// Days. Over a column with time zone it is the local day in `timezone`, 23 to 25 hours long.
    case date(timezone: TimeZone)
    /// Steps of `step` seconds, at most a day, counted on the standard time of `timezone`.
    case timestamp(step: Int64, timezone: TimeZone)
    /// Ids: a set without an order, as a query names it. Each has an ordinal of its own.
    case text(TextKeys)

    /// Whether the keys have an order, so that there are a newest one, extents and a tip.
    public var isOrdered: Bool {
        if case .text = self { false } else { true }
    }

    /// The zone that days and clock times are read and shown in. UTC for integers.
    public var timezone: TimeZone {
        switch self {
        case .integer, .text: .utc
        case .date(let timezone), .timestamp(_, let timezone): timezone
        }
    }

    /// The ordinals that a stream of this type can hold. Dates and timestamps span the years 1 to 9999; integers
    /// span `bigint` but for 2^63−1 with step 1, which no half-open range can hold.
    package var limits: Range<Int64> {
        switch self {
        case .integer(step: 1): return Int64.min..<Int64.max
        case .integer(let step):
            return Int64.min.floorDivided(by: step) + 1..<Int64.max.floorDivided(by: step)
        case .text: return 0..<Int64.max
        case .date: return KeyType.firstDay..<KeyType.lastDay + 1
        case .timestamp(let step, _):
            return (KeyType.firstDay * 86_400).floorDivided(by: step)
                + 1..<((KeyType.lastDay + 1) * 86_400).floorDivided(by: step)
        }
    }

    /// Seconds to add to a count since the epoch so that steps fall on the zone's round clock times.
    package var anchorSeconds: Int64 {
        guard case .timestamp(let step, let timezone) = self else { return 0 }
        // Some zones were off their standard time in 1970; none that is in use was in 2000 but for summer time.
        let date = Date(timeIntervalSince1970: 946_684_800)
        let offset = Int64(timezone.secondsFromGMT(for: date)) - Int64(timezone.daylightSavingTimeOffset(for: date))
        return offset.floorModulo(step)
    }

    private static let firstDay: Int64 = -719_162  // 0001-01-01
    private static let lastDay: Int64 = 2_932_896  // 9999-12-31
}

extension KeyType {
    /// The instant at which a unit begins, in seconds since the epoch; nil for integers and ids, which have no clock.
    public func start(of ordinal: Int64) -> Int64? {
        switch self {
        case .integer, .text: nil
        case .date(let timezone): timezone.instant(ofLocalSeconds: ordinal * 86_400)
        case .timestamp(let step, _): ordinal * step - anchorSeconds
        }
    }

    /// The unit that an instant (seconds since the epoch) belongs to; nil for integers and ids.
    public func unit(at instant: Int64) -> Int64? {
        switch self {
        case .integer, .text: nil
        case .date(let timezone): timezone.localSeconds(at: instant).floorDivided(by: 86_400)
        case .timestamp(let step, _): (instant + anchorSeconds).floorDivided(by: step)
        }
    }

    /// The local date and second of the day at which a unit begins; nil for integers and ids.
    package func localStart(of ordinal: Int64) -> (date: CivilDate, secondOfDay: Int64)? {
        guard let instant = start(of: ordinal) else { return nil }
        if case .date = self { return (CivilDate(daysSinceEpoch: ordinal), 0) }
        let local = timezone.localSeconds(at: instant)
        let days = local.floorDivided(by: 86_400)
        return (CivilDate(daysSinceEpoch: days), local - days * 86_400)
    }

    /// The first unit that begins on or after local midnight of `date`; nil for integers and ids.
    package func firstUnit(on date: CivilDate) -> Int64? {
        switch self {
        case .integer, .text: return nil
        case .date: return date.daysSinceEpoch
        case .timestamp(let step, let timezone):
            let midnight = timezone.instant(ofLocalSeconds: date.daysSinceEpoch * 86_400)
            return (midnight + anchorSeconds + step - 1).floorDivided(by: step)
        }
    }

    /// The unit that lies `length` before `ordinal`, held inside ``limits``.
    ///
    /// A time shorter than a unit rounds up to one unit, so that `delay: 1h` on days is not no delay at all.
    package func ordinal(_ ordinal: Int64, minus length: HistoryLength) -> Int64 {
        moved(ordinal, by: length, sign: -1)
    }

    /// The unit that lies `length` after `ordinal`, held inside ``limits``.
    package func ordinal(_ ordinal: Int64, plus length: HistoryLength) -> Int64 {
        moved(ordinal, by: length, sign: 1)
    }

    private func moved(_ ordinal: Int64, by length: HistoryLength, sign: Int64) -> Int64 {
        let units: Int64
        switch (self, length) {
        case (_, .units(let count)): units = count
        case (.integer, .days(let count)), (.integer, .seconds(let count)), (.text, .days(let count)),
            (.text, .seconds(let count)):
            units = count
        case (.integer, .months(let count)), (.text, .months(let count)): units = Int64(count)
        case (.date, .days(let count)): units = count
        case (.date, .seconds(let count)): units = (count.adding(saturating: 86_399)) / 86_400
        case (.timestamp(let step, _), .seconds(let count)): units = count.adding(saturating: step - 1) / step
        case (.timestamp(let step, _), .days(let count)):
            units = (count.multiplied(by: 86_400) ?? .max).adding(saturating: step - 1) / step
        case (.date, .months(let count)), (.timestamp, .months(let count)):
            guard let local = localStart(of: clamp(ordinal)) else { return ordinal }
            let date = local.date.adding(months: Int(sign) * count)
            guard let unit = firstUnit(on: date) else { return ordinal }
            if case .timestamp(let step, _) = self { return clamp(unit + local.secondOfDay / step) }
            return clamp(unit)
        }
        return clamp(ordinal.adding(saturating: sign * units))
    }

    private func clamp(_ ordinal: Int64) -> Int64 {
        min(max(ordinal, limits.lowerBound), limits.upperBound)
    }
}

extension TimeZone {
    /// Coordinated universal time.
    public static var utc: TimeZone { TimeZone(secondsFromGMT: 0) ?? .gmt }

    /// What a clock in this zone shows at `instant`, in seconds since 1970-01-01T00:00 of that clock.
    func localSeconds(at instant: Int64) -> Int64 {
        instant + Int64(secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant))))
    }

    /// The instant at which a clock in this zone shows `localSeconds`.
    ///
    /// A time that a change to summer time skips maps to the instant of the change; a time that comes twice maps to
    /// the first of the two.
    func instant(ofLocalSeconds local: Int64) -> Int64 {
        let before = local - Int64(secondsFromGMT(for: Date(timeIntervalSince1970: Double(local - 86_400))))
        let after = local - Int64(secondsFromGMT(for: Date(timeIntervalSince1970: Double(local + 86_400))))
        let candidates = [min(before, after), max(before, after)]
        for candidate in candidates where localSeconds(at: candidate) == local { return candidate }
        // Skipped: the change lies between the two candidates; bisect to its instant.
        var low = candidates[0]
        var high = candidates[1]
        while low < high {
            let middle = low + (high - low) / 2
            if localSeconds(at: middle) >= local { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
