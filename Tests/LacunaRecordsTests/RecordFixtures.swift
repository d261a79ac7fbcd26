@testable import LacunaModel
@testable import LacunaRecords

/// What a sink made of some documents.
struct Intake: Equatable {
    var text: String
    var recordCount: Int
    var skippedCount: Int
    var fields: [String]
    var ranges: [Range<Int64>]

    init(_ records: SpooledRecords) throws {
        text = try records.text()
        recordCount = records.recordCount
        skippedCount = records.skippedCount
        fields = records.fields
        ranges = records.units.ranges
    }
}

extension SpooledRecords {
    /// All bytes as text.
    func text() throws -> String {
        var bytes: [UInt8] = []
        try forEachChunk { bytes.append(contentsOf: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A layout for records whose key is the integer field `id`.
func layout(
    _ window: Range<Int64> = 0..<1000,
    partition: [String: String] = [:],
    stray: StrayRecordPolicy = .reject,
    recordByteLimit: Int = 16 << 20,
    spoolMemoryLimit: Int = 4 << 20
) -> RecordLayout {
    RecordLayout(
        keyField: "id",
        keyType: .integer(step: 1),
        window: window,
        partition: partition.sorted { $0.key < $1.key }.map { PartitionField(field: $0.key, value: $0.value) },
        stray: stray,
        recordByteLimit: recordByteLimit,
        spoolMemoryLimit: spoolMemoryLimit
    )
}

/// Feeds documents to a new sink, in chunks that end after the sizes given in turn.
func intake(
    _ format: RecordFormat,
    _ documents: [[UInt8]],
    layout: RecordLayout = layout(),
    chunks: [Int] = [.max],
    lengthIsProven: Bool = false
) throws -> SpooledRecords {
    let sink = RecordSink(layout: layout)
    try sink.begin(format)
    for document in documents {
        var rest = document[...]
        var turn = 0
        while !rest.isEmpty {
            try sink.write(Array(rest.prefix(chunks[turn % chunks.count])))
            rest = rest.dropFirst(chunks[turn % chunks.count])
            turn += 1
        }
        try sink.endOfDocument(lengthIsProven: lengthIsProven)
    }
    return try sink.finish()
}

func intake(_ format: RecordFormat, _ document: String, layout: RecordLayout = layout()) throws -> SpooledRecords {
    try intake(format, [Array(document.utf8)], layout: layout)
}

/// The error that documents are refused with; nil where they are taken.
func refusal(
    _ format: RecordFormat,
    _ documents: [[UInt8]],
    layout: RecordLayout = layout(),
    lengthIsProven: Bool = false
) -> RecordError? {
    do {
        _ = try intake(format, documents, layout: layout, lengthIsProven: lengthIsProven)
        return nil
    } catch {
        return error as? RecordError
    }
}

func refusal(_ format: RecordFormat, _ document: String, layout: RecordLayout = layout()) -> RecordError? {
    refusal(format, [Array(document.utf8)], layout: layout)
}
