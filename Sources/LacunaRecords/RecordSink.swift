import LacunaModel

/// Takes a window's records from a source, checks each of them against the window and the partition, and spools them.
///
/// A source writes one or more documents (pages, files, outputs of commands) and ends each with ``endOfDocument(lengthIsProven:)``.
/// After a throw the fetch is lost: every further call throws the same error.
///
/// Memory holds at most the spool's limit, one record and the chunk that is being written. A sink belongs to one task.
public final class RecordSink {
    private let layout: RecordLayout
    private let spool: Spool
    private var check: RecordCheck
    private var csv: CSVIntake
    private var json: JSONIntake
    private var format: RecordFormat?
    private var hasRecords = false
    private var failure: (any Error)?

    /// A sink for the records of one window.
    package convenience init(layout: RecordLayout) {
        self.init(layout: layout, spool: Spool(memoryLimit: layout.spoolMemoryLimit))
    }

    init(layout: RecordLayout, spool: Spool) {
        self.layout = layout
        self.spool = spool
        check = RecordCheck(layout: layout)
        csv = CSVIntake(limit: layout.recordByteLimit)
        json = JSONIntake(layout: layout)
    }

    /// The records that have come so far, those that were passed over included. A CSV row counts when it ends.
    package var receivedCount: Int { check.seen }

    /// The records that were passed over so far.
    package var skippedCount: Int { check.skipped }

    /// Those of them that lie in the window and belong to another partition.
    package var otherPartitionCount: Int { check.otherPartition }

    /// Says how the records are written. Without it they are NDJSON.
    ///
    /// - Throws: ``RecordError`` if something came in another format already.
    public func begin(_ format: RecordFormat) throws {
        try guarded {
            if hasRecords, let current = self.format, current != format { throw changed(to: format) }
            self.format = format
        }
    }

    /// Takes a chunk of text in the format that was begun; it may end anywhere, also inside a character.
    ///
    /// - Throws: ``RecordError``, ``SpoolError``.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard !bytes.isEmpty else { return }
        try guarded {
            hasRecords = true
            switch format ?? .ndjson {
            case .csv:
                format = .csv
                try csv.take(bytes, check: &check, spool: spool)
            case .ndjson:
                format = .ndjson
                try json.take(bytes, check: &check, spool: spool)
            }
        }
    }

    /// Takes a chunk of text in the format that was begun.
    ///
    /// - Throws: ``RecordError``, ``SpoolError``.
    public func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    /// Takes one whole JSON object, over any number of lines.
    ///
    /// - Throws: ``RecordError``, ``SpoolError``.
    public func append(json bytes: UnsafeRawBufferPointer) throws {
        try guarded {
            if format == .csv { throw changed(to: .ndjson) }
            format = .ndjson
            hasRecords = true
            try json.take(object: bytes, check: &check, spool: spool)
        }
    }

    /// Takes one whole JSON object, over any number of lines.
    ///
    /// - Throws: ``RecordError``, ``SpoolError``.
    public func append(json text: String) throws {
        var text = text
        try text.withUTF8 { try append(json: UnsafeRawBufferPointer($0)) }
    }

    /// Ends a page, a file or the output of a command. What is written afterwards starts another document; of CSV with
    /// the same header again.
    ///
    /// A CSV document that was cut off inside its last value looks like one that ends without a line end, so that is
    /// rejected unless the source knows better. An empty CSV document is rejected too: it has no header.
    ///
    /// - Parameter lengthIsProven: whether the document is known to be whole, for instance because it has the length
    ///   that was announced. Then its last row need not end with a line end.
    /// - Throws: ``RecordError`` if a record is unfinished; ``SpoolError``.
    public func endOfDocument(lengthIsProven: Bool = false) throws {
        try guarded {
            switch format ?? .ndjson {
            case .csv: try csv.endDocument(lengthIsProven: lengthIsProven, check: &check, spool: spool)
            case .ndjson: try json.endDocument(check: &check, spool: spool)
            }
            check.place = RecordPlace(document: check.place.document + 1)
        }
    }

    /// Ends the last document, if it has not been ended, and hands over the records. The sink takes nothing afterwards.
    ///
    /// - Returns: the records; none if nothing was written at all.
    /// - Throws: ``RecordError`` if a record is unfinished; ``SpoolError``.
    package func finish() throws -> SpooledRecords {
        if csv.isInDocument || json.isInDocument { try endOfDocument() }
        return try guarded {
            let contents = try spool.finish()
            failure = FinishedError()
            return SpooledRecords(
                format: format ?? .ndjson,
                recordCount: check.seen - check.skipped,
                skippedCount: check.skipped,
                fields: format == .csv ? csv.header ?? [] : json.fields,
                unevenFields: format == .csv ? [] : json.unevenFields,
                units: check.takeUnits(),
                keysAreExact: check.keysAreExact,
                lacksPartitionFields: missingPartitionFields,
                edges: check.edges,
                contents: contents
            )
        }
    }

    private var missingPartitionFields: [String] {
        if format == .csv {
            let header = csv.header ?? []
            return layout.partition.map(\.field).filter { !header.contains($0) }
        }
        return zip(layout.partition, check.isCarried).filter { $1 != true }.map(\.0.field)
    }

    private func changed(to format: RecordFormat) -> RecordError {
        RecordError(
            .formatChanged, at: RecordPlace(document: check.place.document),
            "records came as \(self.format?.rawValue ?? "ndjson") and cannot go on as \(format.rawValue)")
    }

    private func guarded<Value>(_ body: () throws -> Value) throws -> Value {
        if let failure { throw failure }
        do {
            return try body()
        } catch {
            failure = error
            throw error
        }
    }
}

/// A sink was used after its end: a defect of the source.
private struct FinishedError: Error, CustomStringConvertible {
    var description: String { "records were written to a sink that was finished" }
}
