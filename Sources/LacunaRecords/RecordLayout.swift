import LacunaModel

/// What a sink needs to know of the window it takes records for.
package struct RecordLayout: Sendable {
    /// The record's field that holds the key.
    package var keyField: String
    /// How the key maps to units.
    package var keyType: KeyType
    /// The units that the records must lie in.
    package var window: Range<Int64>
    /// The values that the records of this partition carry.
    package var partition: [PartitionField]
    /// What becomes of a record of another window or another partition.
    package var stray: StrayRecordPolicy
    /// The largest record that is taken, in bytes.
    package var recordByteLimit: Int
    /// How many bytes of records are held in memory; beyond it they go to a temporary file.
    package var spoolMemoryLimit: Int

    /// A layout; by default one record has at most 16 MiB and 4 MiB are held in memory.
    package init(
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
package struct PartitionField: Sendable, Hashable {
    /// The record's field.
    package var field: String
    /// The content of a string, or the text of a number or boolean.
    package var value: String

    /// A field with its value.
    package init(field: String, value: String) {
        self.field = field
        self.value = value
    }
}
