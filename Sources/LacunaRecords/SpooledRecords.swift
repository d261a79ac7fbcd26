import LacunaModel

/// A window's records as they were fetched and checked, ready for `COPY … FROM STDIN`.
///
/// They can be read any number of times, also by several tasks at once: a transaction that is tried again reads them
/// again. The memory or temporary file is given back with the last reference.
package final class SpooledRecords: Sendable {
    /// How the bytes are written. CSV comes without a header, each row ended by a line feed; NDJSON as one object a line
    /// without any raw control character in it.
    package let format: RecordFormat
    /// The number of records, without those passed over.
    package let recordCount: Int
    /// The records passed over because they lie in another window or partition.
    package let skippedCount: Int
    /// The fields: of CSV the header in its order, of NDJSON all top-level names in the order first seen.
    package let fields: [String]
    /// The units of the records. Where ``keysAreExact`` is false some of them may be a unit off in the database.
    package let units: UnitSet
    /// Whether PostgreSQL reads every key as the unit that is in ``units``, whatever its settings.
    package let keysAreExact: Bool
    /// The partition fields that no record carries; all others are carried by every record.
    package let lacksPartitionFields: [String]
    /// The fields that some records have and others have not; skipped records count too.
    package let unevenFields: [String]
    /// The records of the outermost units, and their order.
    package let edges: EdgeCounts
    private let contents: SpoolContents

    init(
        format: RecordFormat,
        recordCount: Int,
        skippedCount: Int,
        fields: [String],
        unevenFields: [String],
        units: UnitSet,
        keysAreExact: Bool,
        lacksPartitionFields: [String],
        edges: EdgeCounts,
        contents: SpoolContents
    ) {
        self.format = format
        self.recordCount = recordCount
        self.skippedCount = skippedCount
        self.fields = fields
        self.unevenFields = unevenFields
        self.units = units
        self.keysAreExact = keysAreExact
        self.lacksPartitionFields = lacksPartitionFields
        self.edges = edges
        self.contents = contents
    }

    /// The size of the records in bytes.
    package var byteCount: Int { contents.byteCount }

    /// Whether the records are in a temporary file.
    var isInFile: Bool { contents.isInFile }

    /// Gives `body` all bytes in chunks of 64 KiB, the last one shorter. Chunks end anywhere, also inside a record.
    ///
    /// - Throws: what `body` throws, and ``SpoolError``.
    package func forEachChunk(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var reader = makeReader()
        while try reader.next(body) {}
    }

    /// A reader that stands at the first byte. Readers of the same records do not disturb each other.
    package func makeReader() -> Reader {
        Reader(contents)
    }

    /// Reads records chunk by chunk, at the pace of the reader.
    package struct Reader: ~Copyable {
        private static let chunkSize = 64 << 10

        private let contents: SpoolContents
        private var offset = 0
        private var scratch = RawBuffer()

        fileprivate init(_ contents: SpoolContents) {
            self.contents = contents
        }

        /// Gives `body` the next chunk, 64 KiB or what is left.
        ///
        /// - Parameter body: gets bytes that are valid until it returns.
        /// - Returns: false if no chunk was left and `body` was not called.
        /// - Throws: what `body` throws, after which the next call gives the chunk that follows; ``SpoolError``.
        package mutating func next(_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
            let start = offset
            guard start < contents.byteCount else { return false }
            offset = min(start + Reader.chunkSize, contents.byteCount)
            try contents.withBytes(at: start, size: Reader.chunkSize, scratch: &scratch, body)
            return true
        }
    }
}
