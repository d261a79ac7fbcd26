/// One partition of a stream: a value for each partition column. A stream that is not parted has only ``whole``.
public struct Partition: Sendable, Hashable, Comparable {
    /// The values, each with a NUL after it: a short string takes no memory beside itself, and there may be many partitions.
    private let text: String

    /// A partition with these values. None holds a NUL, as no text of PostgreSQL does.
    public init(_ values: [String]) {
        text = values.map { $0 + "\0" }.joined()
    }

    /// The values, in the order of the stream's partition columns, as PostgreSQL writes them as text.
    public var values: [String] {
        text.utf8.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { String(Substring($0)) }
    }

    /// The only partition of a stream that is not parted.
    public static let whole = Partition([])

    /// Whether both have the same bytes in every value.
    ///
    /// Swift holds `é` and `e` with a combining accent for one string; to PostgreSQL they are two values.
    public static func == (lhs: Partition, rhs: Partition) -> Bool {
        lhs.text.utf8.elementsEqual(rhs.text.utf8)
    }

    /// Hashes the bytes of every value.
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Ordered by value, column by column, byte by byte.
    public static func < (lhs: Partition, rhs: Partition) -> Bool {
        lhs.text.utf8.lexicographicallyPrecedes(rhs.text.utf8)
    }

    /// `region=gb, type=agenda`, or the empty string for ``whole``.
    ///
    /// - Parameter columns: the stream's partition columns.
    public func label(columns: [String]) -> String {
        zip(columns, values).map { "\($0)=\($1)" }.joined(separator: ", ")
    }
}

/// Where a stream's partitions come from.
public enum PartitionSet: Sendable, Hashable {
    /// None: the stream has only ``Partition/whole``.
    case whole
    /// The product of the values of each column, in this order.
    case product([PartitionColumn])
    /// The rows of a query whose columns are named like the partition columns.
    case query(String, columns: [String])

    /// The partition columns.
    public var columns: [String] {
        switch self {
        case .whole: []
        case .product(let columns): columns.map(\.name)
        case .query(_, let columns): columns
        }
    }

    /// The partitions that are known without asking the database; nil for a query.
    package var declared: [Partition]? {
        switch self {
        case .whole: return [.whole]
        case .query: return nil
        case .product(let columns):
            var partitions: [[String]] = [[]]
            for column in columns {
                partitions = partitions.flatMap { values in column.values.map { values + [$0] } }
            }
            return partitions.map(Partition.init)
        }
    }
}

/// A partition column and its declared values.
public struct PartitionColumn: Sendable, Hashable {
    /// The column's name in the table.
    public let name: String
    /// Its values, without repetition.
    public let values: [String]

    /// A partition column with its values.
    public init(name: String, values: [String]) {
        self.name = name
        self.values = values
    }
}
