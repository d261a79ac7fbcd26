import Foundation
import LacunaModel

/// A table that nobody has declared as a stream, and how it is read: for looking, not for loading.
public struct AnyTable: Sendable, Hashable {
    /// The table, as in SQL.
    public var name: String
    /// The key column: a whole number, a date or a time.
    public var column: String
    /// The columns that part it into partitions; their values are found in the table.
    public var partitionColumns: [String]
    /// The step of the key; nil: 1, or a day for times.
    public var step: HistoryLength?
    /// The zone that days are counted in.
    public var timezone: TimeZone
    /// The only rows that count, by a condition in SQL; nil: all.
    public var condition: String?
    /// How many rows each unit has at least; nil: one is enough.
    public var leastRows: Int64?

    /// A table.
    public init(
        _ name: String, column: String, partitionColumns: [String] = [], step: HistoryLength? = nil,
        timezone: TimeZone = .utc
    ) {
        self.name = name
        self.column = column
        self.partitionColumns = partitionColumns
        self.step = step
        self.timezone = timezone
    }
}
