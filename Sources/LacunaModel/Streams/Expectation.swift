/// Which units of a stream should be there.
public struct Expectation: Sendable, Hashable {
    /// The first expected unit. Nil: the oldest unit that the table or the extents know.
    public var from: Bound?
    /// The last expected unit.
    public var to: Bound
    /// Units that ended less than this ago are not due: nothing asks for them. Nil: a unit is due once it has begun. On
    /// integer keys it counts from the newest unit known.
    public var delay: HistoryLength?
    /// Which days are expected.
    public var calendar: ExpectedCalendar
    /// A query whose rows, a column named like the key and the partition columns, are the only expected units.
    public var query: String?

    /// An expectation; without arguments, everything up to the tip.
    public init(
        from: Bound? = nil,
        to: Bound = .tip,
        delay: HistoryLength? = nil,
        calendar: ExpectedCalendar = .everyDay,
        query: String? = nil
    ) {
        self.from = from
        self.to = to
        self.delay = delay
        self.calendar = calendar
        self.query = query
    }

    /// An end of the expected range.
    public enum Bound: Sendable, Hashable {
        /// A unit, by its ordinal.
        case unit(Int64)
        /// The newest unit that the source has.
        case tip
        /// The current local day, moved. On timestamp keys the first unit of that day.
        case today(Offset)
        /// The unit of the current instant, moved.
        case now(Offset)
    }

    /// A move away from the current time.
    public struct Offset: Sendable, Hashable {
        /// How far.
        public var length: HistoryLength
        /// Whether it lies in the past.
        public var isPast: Bool

        /// An offset; `Offset()` is none.
        public init(_ length: HistoryLength = .units(0), isPast: Bool = true) {
            self.length = length
            self.isPast = isPast
        }
    }
}

/// The days on which units are expected.
public enum ExpectedCalendar: Sendable, Hashable {
    /// All of them.
    case everyDay
    /// Only these days of the week.
    case weekdays(Set<Weekday>)
    /// Only the days inside a season of the year.
    case seasons(Seasons)
}

/// Seasons of the year, for all partitions or by partition value.
public struct Seasons: Sendable, Hashable {
    /// Seasons for partitions with this value; a partition that has no entry is expected all year, unless ``common``
    /// says otherwise.
    public var byPartitionValue: [String: [Season]]
    /// Seasons for every partition without an entry of its own; empty: all year.
    public var common: [Season]

    /// Seasons.
    public init(common: [Season] = [], byPartitionValue: [String: [Season]] = [:]) {
        self.common = common
        self.byPartitionValue = byPartitionValue
    }

    /// The seasons that hold for a partition; empty means all year.
    package func seasons(of partition: Partition) -> [Season] {
        for value in partition.values {
            if let own = byPartitionValue[value] { return own }
        }
        return common
    }
}

/// A part of every year, both ends included. One whose last day lies before its first runs over New Year.
public struct Season: Sendable, Hashable {
    /// A day of any year.
    public struct Day: Sendable, Hashable, Comparable {
        /// 1 to 12.
        public let month: Int
        /// 1 to 31.
        public let day: Int

        /// A day; nil if no year has it. The 29th of February is one.
        public init?(month: Int, day: Int) {
            guard (1...12).contains(month), day >= 1, day <= CivilDate.length(ofMonth: month, year: 2000) else {
                return nil
            }
            self.month = month
            self.day = day
        }

        /// Whether `lhs` is earlier in the year.
        public static func < (lhs: Day, rhs: Day) -> Bool {
            (lhs.month, lhs.day) < (rhs.month, rhs.day)
        }
    }

    /// The first day.
    public let first: Day
    /// The last day.
    public let last: Day

    /// A season from `first` to `last`, both included.
    public init(first: Day, last: Day) {
        self.first = first
        self.last = last
    }

    /// Reads `10-01..06-30`; nil if it is anything else.
    public init?(_ text: String) {
        let ends = text.split(separator: "..", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Season.day(ends[0]), let last = Season.day(ends[1]) else { return nil }
        self.init(first: first, last: last)
    }

    private static func day(_ text: Substring) -> Day? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }), let month = Int(parts[0]), let day = Int(parts[1])
        else { return nil }
        return Day(month: month, day: day)
    }
}
