import LacunaModel

/// What a sink needs to know of the window it takes records for.
public struct RecordLayout: Sendable {
    /// The record's field that holds the key.
    public var keyField: String
    /// How the key maps to units.
    public var keyType: KeyType
    /// The units that the records must lie in.
    public var window: Range<Int64>
    /// The values that the records of this partition carry.
    public var partition: [PartitionField]
    /// What becomes of a record of another window or another partition.
    public var stray: StrayRecordPolicy
    /// The largest record that is taken, in bytes.
    public var recordByteLimit: Int
    /// How many bytes of records are held in memory; beyond it they go to a temporary file.
    public var spoolMemoryLimit: Int

    /// A layout; by default one record has at most 16 MiB and 4 MiB are held in memory.
    public init(
        keyField: String,
        keyType: KeyType,
        window: Range<Int64>,
        partition: [PartitionField] = [],
        stray: StrayRecordPolicy = .reject,
        recordByteLimit: Int = 16 << 20,
        spoolMemoryLimit: Int = 4 << 20
    ) {
        self.keyField = keyField
        self.keyType = keyType
        self.window = window
        self.partition = partition
        self.stray = stray
        self.recordByteLimit = recordByteLimit
        self.spoolMemoryLimit = spoolMemoryLimit
    }
}

/// A field of the records and the value it has in one partition.
public struct PartitionField: Sendable, Hashable {
    /// The record's field.
    public var field: String
    /// The content of a string, or the text of a number or boolean.
    public var value: String

    /// A field with its value.
    public init(field: String, value: String) {
        self.field = field
        self.value = value
    }
}
