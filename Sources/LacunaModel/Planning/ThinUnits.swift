/// Units that have rows and are not complete, by how many rows each falls short.
package struct ThinUnits: Sendable, Hashable {
    /// The units that lack so many rows, or of which so many fail.
    private var byShortfall: [Int64: UnitSet] = [:]
    /// All of them.
    package private(set) var units = UnitSet()

    /// No units.
    package init() {}

    /// Units with their shortfalls, each unit once.
    package init(_ shortfalls: [(unit: Int64, shortfall: Int64)]) {
        byShortfall = Dictionary(grouping: shortfalls, by: \.shortfall).mapValues { units in
            UnitSet(units.map { $0.unit..<$0.unit + 1 })
        }
        units = UnitSet(shortfalls.map { $0.unit..<$0.unit + 1 })
    }

    /// Those of them that are in a set.
    package func only(_ wanted: UnitSet) -> ThinUnits {
        var thin = ThinUnits()
        thin.byShortfall = byShortfall.mapValues { $0.intersection(wanted) }.filter { !$0.value.isEmpty }
        thin.units = units.intersection(wanted)
        return thin
    }

    /// Those of the units that fall as far short as they did when they were settled, and need not be asked for yet.
    ///
    /// - Parameter now: seconds since the epoch.
    package func settled(by ranges: [SettledRange], now: Int64) -> UnitSet {
        let current = Dictionary(grouping: ranges.filter { now < $0.until }, by: \.shortfall)
        return current.reduce(UnitSet()) { settled, element in
            guard let units = byShortfall[element.key] else { return settled }
            return settled.union(units.intersection(UnitSet(element.value.map(\.range))))
        }
    }

    /// The units that fall as far short as they do in `other`.
    package func unchanged(since other: ThinUnits) -> UnitSet {
        byShortfall.reduce(UnitSet()) { units, element in
            units.union(element.value.intersection(other.byShortfall[element.key] ?? UnitSet()))
        }
    }

    /// The ranges of some of the units, each with its shortfall.
    package func ranges(of wanted: UnitSet) -> [(range: Range<Int64>, shortfall: Int64)] {
        byShortfall.sorted { $0.key < $1.key }.flatMap { shortfall, units in
            units.intersection(wanted).ranges.map { ($0, shortfall) }
        }
    }
}

/// Thin units whose whole answer, asked again, was as thin: so the source has no more of them.
///
/// They are asked for again at growing distances, and as soon as their rows change.
package struct SettledRange: Sendable, Hashable {
    /// The units.
    package let range: Range<Int64>
    /// How many rows each of them fell short.
    package let shortfall: Int64
    /// When they are asked for again, seconds since the epoch.
    package let until: Int64

    /// Settled units.
    ///
    /// - Parameters:
    ///   - asked: when the source was asked last, seconds since the epoch.
    ///   - answers: how often its answer was as thin, at least once.
    package init(range: Range<Int64>, shortfall: Int64, asked: Int64, answers: Int) {
        self.range = range
        self.shortfall = shortfall
        until = asked.adding(saturating: SettledRange.seconds(after: answers))
    }

    /// How long units stay settled that were answered so often: a day, then a week, then thirty days.
    package static func seconds(after answers: Int) -> Int64 {
        switch answers {
        case ...1: 86_400
        case 2: 7 * 86_400
        default: 30 * 86_400
        }
    }
}
