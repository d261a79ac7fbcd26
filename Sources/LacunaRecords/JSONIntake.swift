import LacunaModel

/// Takes JSON objects, checks them and spools those that are wanted, one a line.
struct JSONIntake: ~Copyable {
    private var splitter: RowSplitter
    private var values: JSONFieldValues
    private var compact = RawBuffer()
    /// For each partition field its number among the values, and the value it must have. The key has number 0.
    private let partitionFields: [(number: Int, value: [UInt8])]

    init(layout: RecordLayout) {
        splitter = RowSplitter(.ndjson, limit: layout.recordByteLimit)
        var wanted = [layout.keyField]
        partitionFields = layout.partition.map { field in
            if !wanted.contains(field.field) { wanted.append(field.field) }
            return (wanted.firstIndex(of: field.field) ?? 0, Array(field.value.utf8))
        }
        values = JSONFieldValues(wanted: wanted)
    }

    /// All top-level fields that came.
    var fields: [String] { values.names.names }
    /// The fields that some records have and others have not.
    var unevenFields: [String] { values.names.uneven }
    /// Whether bytes of a document came that has not been ended.
    var isInDocument: Bool { splitter.hasStarted }

    mutating func take(_ chunk: UnsafeRawBufferPointer, check: inout RecordCheck, spool: Spool) throws {
        splitter.feed(chunk)
        while let row = try nextRow(check) {
            if JSONIntake.isBlank(row.bytes) { continue }
            try take(record: row.bytes, line: row.line, isLast: false, check: &check, spool: spool)
        }
    }

    /// Takes one object that did not come as a line.
    mutating func take(object: UnsafeRawBufferPointer, check: inout RecordCheck, spool: Spool) throws {
        if splitter.hasRest {
            check.begin(line: nil)
            throw check.error(.truncated, "follows a line that has not been ended")
        }
        guard object.count <= check.layout.recordByteLimit else {
            throw JSONIntake.tooLarge(line: nil, check)
        }
        try take(record: object, line: nil, isLast: true, check: &check, spool: spool)
    }

    mutating func endDocument(check: inout RecordCheck, spool: Spool) throws {
        let rest: RowSplitter.Row?
        do { rest = try splitter.end() } catch { throw JSONIntake.tooLarge(line: error.line, check) }
        guard let row = rest, !JSONIntake.isBlank(row.bytes) else { return }
        try take(record: row.bytes, line: row.line, isLast: true, check: &check, spool: spool)
    }

    private mutating func nextRow(_ check: RecordCheck) throws -> RowSplitter.Row? {
        do { return try splitter.next() } catch { throw JSONIntake.tooLarge(line: error.line, check) }
    }

    @inline(__always)
    private static func isBlank(_ line: UnsafeRawBufferPointer) -> Bool {
        line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }

    private mutating func take(
        record: UnsafeRawBufferPointer,
        line: Int?,
        isLast: Bool,
        check: inout RecordCheck,
        spool: Spool
    ) throws {
        check.begin(line: line)
        guard let extent = try scan(record, isLast: isLast, check: check) else {
            _ = check.finish(nil)
            return
        }
        var reading = try admitsKey(record, check: &check)
        for index in partitionFields.indices {
            let isPresent = values[partitionFields[index].number].isPresent
            try check.note(partitionField: index, isCarried: isPresent)
            if isPresent, reading != nil, try !matches(index, record, check: &check) { reading = nil }
        }
        guard check.finish(reading) else { return }
        let object = UnsafeRawBufferPointer(rebasing: record[extent.range])
        if extent.hasControlSpace {
            compact.removeAll()
            JSONRewriter.appendCompact(object, to: &compact)
            try spool.append(compact.bytes)
        } else {
            try spool.append(object)
        }
        try spool.append(UInt8(ascii: "\n"))
    }

    /// Reads a record; nil if it is not valid and another window's.
    private mutating func scan(
        _ record: UnsafeRawBufferPointer,
        isLast: Bool,
        check: RecordCheck
    ) throws -> JSONScanner.Extent? {
        do {
            if let extent = try values.read(record) { return extent }
        } catch {
            if isOfAnotherWindow(record, check) { return nil }
            throw malformed(error, record, isLast: isLast, check)
        }
        if isOfAnotherWindow(record, check) { return nil }
        throw check.error(.tooManyFields, "the records have more than \(FieldNames.limit) different fields")
    }

    private func isOfAnotherWindow(_ record: UnsafeRawBufferPointer, _ check: RecordCheck) -> Bool {
        check.isOfAnotherWindow(DamagedRecord.key(ofJSON: record, field: check.layout.keyField))
    }

    private mutating func admitsKey(
        _ record: UnsafeRawBufferPointer,
        check: inout RecordCheck
    ) throws -> KeyReading? {
        let key = values[0]
        guard key.isPresent else { throw check.missingKey("is absent") }
        switch key.kind {
        case .null: throw check.missingKey("is null")
        case .boolean, .object, .array:
            throw check.error(
                .unreadableKey, field: check.layout.keyField,
                "key field '\(RecordError.printable(check.layout.keyField))' is of type \(key.kind), "
                    + "expected \(check.layout.keyType.example)")
        case .string, .number: break
        }
        return try check.admits(key: values.text(0, in: record))
    }

    private mutating func matches(
        _ index: Int,
        _ record: UnsafeRawBufferPointer,
        check: inout RecordCheck
    ) throws -> Bool {
        let number = partitionFields[index].number
        let kind = values[number].kind
        let value = values.text(number, in: record)
        switch kind {
        case .string, .number, .boolean:
            if partitionFields[index].value.withUnsafeBytes({ ByteSearch.equal($0, value) }) { return true }
        case .null, .object, .array: break
        }
        try check.rejectPartition(index, value: kind == .null ? nil : value)
        return false
    }

    private func malformed(
        _ fault: JSONScanner.Fault,
        _ record: UnsafeRawBufferPointer,
        isLast: Bool,
        _ check: RecordCheck
    ) -> RecordError {
        let field = fault.field.map { String(decoding: record[$0], as: UTF8.self) }
        let place = field.map { " at or after field '\(RecordError.printable($0))'" } ?? ""
        let position = "at byte \(fault.offset + 1) of the record\(place)"
        switch fault.reason {
        case .end where isLast:
            return check.error(.truncated, field: field, "the document ends inside this record\(place)")
        case .end:
            return check.error(
                .malformedJSON, field: field, "the line ends inside the object\(place): expected one object a line")
        case .malformed(let expected):
            return check.error(
                .malformedJSON, field: field, "is not a JSON object: expected \(expected.rawValue) \(position)")
        case .nul:
            return check.error(.nulByte, field: field, "has a NUL character, which PostgreSQL cannot hold, \(position)")
        case .utf8:
            return check.error(.invalidUTF8, field: field, "has bytes that are not UTF-8 \(position)")
        case .surrogate:
            return check.error(.malformedJSON, field: field, "has half of a surrogate pair \(position)")
        case .depth:
            return check.error(
                .malformedJSON, field: field,
                "has more than \(JSONScanner.depthLimit) arrays and objects in each other \(position)")
        }
    }

    private static func tooLarge(line: Int?, _ check: RecordCheck) -> RecordError {
        RecordError(
            .recordTooLarge,
            at: RecordPlace(record: check.seen + 1, line: line, document: check.place.document),
            "is larger than the limit of \(check.layout.recordByteLimit) bytes")
    }
}
