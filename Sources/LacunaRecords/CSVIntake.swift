import LacunaModel

/// Takes CSV documents with a header each, checks their rows and spools those that are wanted.
struct CSVIntake: ~Copyable {
    /// The header's columns, once it came.
    private(set) var header: [String]?

    private var splitter: RowSplitter
    private var scanner = CSVScanner()
    private var scratch = RawBuffer()
    private var awaitsHeader = true
    private var keyColumn = 0
    /// For each partition field its column, and the value it must have.
    private var partitionColumns: [(column: Int?, value: [UInt8])] = []

    init(limit: Int) {
        splitter = RowSplitter(.csv, limit: limit)
    }

    /// Whether bytes of a document came that has not been ended.
    var isInDocument: Bool { splitter.hasStarted }

    mutating func take(_ chunk: UnsafeRawBufferPointer, check: inout RecordCheck, spool: Spool) throws {
        splitter.feed(chunk)
        // Rows that follow each other in the chunk and need no change go to the spool together.
        var run = UnsafeRawBufferPointer(start: nil, count: 0)
        while let row = try nextRow(&check) {
            guard try accepts(row, check: &check) else { continue }
            guard row.ending == .lineFeed, let start = row.bytes.baseAddress,
                start >= chunk.baseAddress ?? start, chunk.count > 0,
                chunk.baseAddress.map({ start < $0 + chunk.count }) ?? false,
                !CSVIntake.isEndOfCopy(row.bytes)
            else {
                try spool.append(run)
                run = UnsafeRawBufferPointer(start: nil, count: 0)
                try CSVIntake.emit(row.bytes, to: spool)
                continue
            }
            if let runStart = run.baseAddress, runStart + run.count == start {
                run = UnsafeRawBufferPointer(start: runStart, count: run.count &+ row.bytes.count &+ 1)
            } else {
                try spool.append(run)
                run = UnsafeRawBufferPointer(start: start, count: row.bytes.count &+ 1)
            }
        }
        try spool.append(run)
    }

    mutating func endDocument(lengthIsProven: Bool, check: inout RecordCheck, spool: Spool) throws {
        let rest: RowSplitter.Row?
        do { rest = try splitter.end() } catch { throw CSVIntake.tooLarge(error, check) }
        if let row = rest, !row.bytes.isEmpty {
            guard lengthIsProven, row.ending != .insideQuotes else { throw truncated(row, &check) }
            if try accepts(row, check: &check) { try CSVIntake.emit(row.bytes, to: spool) }
        }
        if awaitsHeader {
            throw RecordError(
                .emptyHeader, at: RecordPlace(line: 1, document: check.place.document),
                "expected CSV with a header, found nothing")
        }
        awaitsHeader = true
    }

    /// Whether COPY before PostgreSQL 18 would take the row for the end of its data and drop all that follows
    /// (<https://www.postgresql.org/docs/17/sql-copy.html#SQL-COPY-FILE-FORMATS>).
    @inline(__always)
    static func isEndOfCopy(_ row: UnsafeRawBufferPointer) -> Bool {
        row.count == 2 && row[0] == UInt8(ascii: "\\") && row[1] == UInt8(ascii: ".")
    }

    static func emit(_ row: UnsafeRawBufferPointer, to spool: Spool) throws {
        if isEndOfCopy(row) {
            try spool.append(UInt8(ascii: "\""))
            try spool.append(row)
            try spool.append(UInt8(ascii: "\""))
        } else {
            try spool.append(row)
        }
        try spool.append(UInt8(ascii: "\n"))
    }

    @inline(__always)
    private mutating func nextRow(_ check: inout RecordCheck) throws -> RowSplitter.Row? {
        do { return try splitter.next() } catch { throw CSVIntake.tooLarge(error, check) }
    }

    /// Whether the row is one that is wanted. Headers and blank lines are not.
    @inline(__always)
    private mutating func accepts(_ row: RowSplitter.Row, check: inout RecordCheck) throws -> Bool {
        if awaitsHeader {
            try takeHeader(row, check: check)
            return false
        }
        let columnCount = header?.count ?? 0
        if row.bytes.isEmpty, columnCount > 1 { return false }
        check.begin(line: row.line)
        do {
            try scanner.scan(row.bytes, hasQuotes: row.hasQuotes)
        } catch {
            if isOfAnotherWindow(row, check) { return check.finish(nil) }
            throw malformed(error, check)
        }
        guard scanner.count == columnCount else {
            if isOfAnotherWindow(row, check) { return check.finish(nil) }
            throw check.error(.malformedCSV, "number of fields is \(scanner.count), that of the header \(columnCount)")
        }
        var reading = try admitsKey(&check)
        for index in partitionColumns.indices where reading != nil {
            if try !matches(index, check: &check) { reading = nil }
        }
        return check.finish(reading)
    }

    private func isOfAnotherWindow(_ row: RowSplitter.Row, _ check: RecordCheck) -> Bool {
        check.isOfAnotherWindow(
            DamagedRecord.key(ofCSV: row.bytes, column: keyColumn, of: header?.count ?? 0))
    }

    @inline(__always)
    private mutating func admitsKey(_ check: inout RecordCheck) throws -> KeyReading? {
        let key = scanner.field(keyColumn)
        if key.isNull { throw check.missingKey("is NULL") }
        guard key.hasEscapes else { return try check.admits(key: key.bytes) }
        CSVScanner.unescape(key.bytes, into: &scratch)
        return try check.admits(key: scratch.bytes)
    }

    private mutating func matches(_ index: Int, check: inout RecordCheck) throws -> Bool {
        guard let column = partitionColumns[index].column else { return true }
        let field = scanner.field(column)
        var text = field.bytes
        if field.hasEscapes {
            CSVScanner.unescape(text, into: &scratch)
            text = scratch.bytes
        }
        if !field.isNull, partitionColumns[index].value.withUnsafeBytes({ ByteSearch.equal($0, text) }) { return true }
        try check.rejectPartition(index, value: field.isNull ? nil : text)
        return false
    }

    private mutating func takeHeader(_ row: RowSplitter.Row, check: RecordCheck) throws {
        let place = RecordPlace(line: row.line, document: check.place.document)
        do {
            try scanner.scan(row.bytes, hasQuotes: row.hasQuotes)
        } catch {
            throw RecordError(CSVIntake.kind(error), at: place, "the header has \(CSVIntake.text(error))")
        }
        guard scanner.count <= FieldNames.limit else {
            throw RecordError(.tooManyFields, at: place, "the header has more than \(FieldNames.limit) columns")
        }
        let names = (0..<scanner.count).map { scanner.text($0) }
        awaitsHeader = false
        if let header {
            guard names == header else { throw changed(names, from: header, at: place) }
            return
        }
        if let empty = names.firstIndex(of: "") {
            throw RecordError(.emptyHeader, at: place, "column \(empty + 1) of the header has no name")
        }
        var known: Set<String> = []
        if let twice = names.first(where: { !known.insert($0).inserted }) {
            throw RecordError(
                .duplicateColumn, at: place, field: twice,
                "the header has column '\(RecordError.printable(twice))' twice")
        }
        guard let key = names.firstIndex(of: check.layout.keyField) else {
            throw RecordError(
                .missingKeyColumn, at: place, field: check.layout.keyField,
                "the header has no key column '\(RecordError.printable(check.layout.keyField))': found "
                    + "'\(RecordError.printable(names.prefix(40).joined(separator: ",")))'")
        }
        header = names
        keyColumn = key
        partitionColumns = check.layout.partition.map { (names.firstIndex(of: $0.field), Array($0.value.utf8)) }
    }

    private func changed(_ names: [String], from header: [String], at place: RecordPlace) -> RecordError {
        guard names.count == header.count, let index = names.indices.first(where: { names[$0] != header[$0] }) else {
            return RecordError(
                .headerChanged, at: place,
                "the header has \(names.count) columns where the first one had \(header.count)")
        }
        return RecordError(
            .headerChanged, at: place, field: names[index],
            "column \(index + 1) of the header is '\(RecordError.printable(names[index]))' where the first one had "
                + "'\(RecordError.printable(header[index]))'")
    }

    private func malformed(_ fault: CSVScanner.Fault, _ check: RecordCheck) -> RecordError {
        let field = header.flatMap { fault.field < $0.count ? $0[fault.field] : nil }
        let place = field.map { "field '\(RecordError.printable($0))'" } ?? "field \(fault.field + 1)"
        return check.error(CSVIntake.kind(fault), field: field, "\(place) has \(CSVIntake.text(fault))")
    }

    private mutating func truncated(_ row: RowSplitter.Row, _ check: inout RecordCheck) -> RecordError {
        if awaitsHeader {
            check.place = RecordPlace(line: row.line, document: check.place.document)
            return check.error(.truncated, "the document ends inside the header: a header ends with a line end")
        }
        check.begin(line: row.line)
        if row.ending == .insideQuotes {
            // A stray quote makes all that follows look like one field.
            do {
                try scanner.scan(row.bytes, hasQuotes: row.hasQuotes)
            } catch {
                if error.reason != .openQuote { return malformed(error, check) }
            }
        }
        return check.error(
            .truncated,
            row.ending == .insideQuotes
                ? "the document ends inside a quoted field"
                : "the document ends inside this row: the last row too must end with a line end")
    }

    private static func tooLarge(_ error: RowSplitter.TooLarge, _ check: RecordCheck) -> RecordError {
        let hint = error.isInsideQuotes ? "; a quoted field is still open, its quote may be a stray one" : ""
        let place = RecordPlace(record: check.seen + 1, line: error.line, document: check.place.document)
        return RecordError(
            .recordTooLarge, at: place, "is larger than the limit of \(check.layout.recordByteLimit) bytes\(hint)")
    }

    private static func kind(_ fault: CSVScanner.Fault) -> RecordError.Kind {
        switch fault.reason {
        case .nulByte: .nulByte
        case .invalidUTF8: .invalidUTF8
        default: .malformedCSV
        }
    }

    private static func text(_ fault: CSVScanner.Fault) -> String {
        switch fault.reason {
        case .quoteInsideField: "a quote inside a field that does not start with one"
        case .textAfterQuote: "text after its closing quote"
        case .openQuote: "no closing quote"
        case .bareCarriageReturn: "a carriage return outside quotes that no line feed follows"
        case .nulByte: "a NUL byte, which PostgreSQL cannot hold"
        case .invalidUTF8: "bytes that are not UTF-8"
        }
    }
}
