import Dispatch
import LacunaModel
import LacunaRecords
import Synchronization

/// Which blocks of a file hold which units, learned by reading it once.
///
/// It keeps the smallest and largest unit of every block, of 16 KiB and in large files more, so that a sorted file is read
/// about once in all if batches are not much smaller, and one in any order is read whole for each.
struct FileIndex: Sendable {
    static let chunkSize = 128 << 10
    private static let smallestBlock = 16 << 10
    /// Bounds the memory that the index takes.
    private static let blockLimit = 16_384
    /// From this size on a file is read by two threads.
    private static let sizeWorthHalving = 8 << 20
    /// The largest record.
    fileprivate static let recordLimit = 16 << 20

    /// Consecutive records.
    struct Block: Sendable {
        var bytes: Range<Int>
        var firstLine: Int
        /// The line ends in it; unknown, and 0, for the last block.
        var lineCount = 0
        var smallest = Int64.max
        var largest = Int64.min
        /// Whether the keys of its records do not fall.
        var isAscending = true
        /// The first record whose key cannot be read: every window has to come across it, and complain.
        var unreadable: Unreadable?
    }

    /// A record whose key cannot be read.
    struct Unreadable: Sendable {
        /// Why it cannot.
        enum Reason: Sendable {
            case noRecord, tooManyFields, noKey, otherKey
        }

        let reason: Reason
        /// Where it starts.
        var line: Int
    }

    let identity: String
    /// The header with its line end; empty for NDJSON.
    let header: [UInt8]
    let blocks: [Block]

    /// From the smallest unit in the file to its largest; empty if it has none.
    let hull: Range<Int64>
    /// Whether the keys do not fall: then nothing between two of them comes later.
    let isAscending: Bool

    /// The parts of the file that may hold a unit of `window`, blocks that follow each other as one.
    func parts(holding window: Range<Int64>) -> [(bytes: Range<Int>, firstLine: Int, lineCount: Int)] {
        var parts: [(bytes: Range<Int>, firstLine: Int, lineCount: Int)] = []
        for block in blocks
        where block.unreadable != nil || (block.smallest < window.upperBound && block.largest >= window.lowerBound) {
            if let last = parts.last, last.bytes.upperBound == block.bytes.lowerBound {
                parts[parts.count - 1].bytes = last.bytes.lowerBound..<block.bytes.upperBound
                parts[parts.count - 1].lineCount += block.lineCount
            } else {
                parts.append((block.bytes, block.firstLine, block.lineCount))
            }
        }
        return parts
    }

    /// Reads a file; a large one from its start and from its middle at once.
    ///
    /// - Throws: ``SourceError``.
    init(_ file: InputFile, identity: String, format: RecordFormat, keyField: String, keyType: KeyType) throws {
        self.identity = identity
        var start = 0
        var line = 1
        var column = 0
        var columnCount = 0
        if format == .csv {
            let row = try HeaderRow(file)
            (header, start, line) = (row.bytes, row.end, row.nextLine)
            column = try row.column(named: keyField, path: file.path)
            columnCount = row.columnCount
        } else {
            header = []
        }
        let key = RecordKeyReader.Field(
            format: format, name: keyField, column: column, columnCount: columnCount, type: keyType)
        let blockSize = max(FileIndex.smallestBlock, file.size / FileIndex.blockLimit)

        let middle =
            file.size < FileIndex.sizeWorthHalving ? file.size : try file.lineStart(after: max(start, file.size / 2))
        let halves = [start..<middle, middle..<file.size]
        let firstLine = line
        let read = Mutex<[Result<IndexPass, any Error>?]>([nil, nil])
        DispatchQueue.concurrentPerform(iterations: middle < file.size ? 2 : 1) { half in
            let pass = Result {
                try IndexPass(
                    file, halves[half], line: half == 0 ? firstLine : 1, key: key, blockSize: blockSize,
                    isSure: half == 0)
            }
            read.withLock { $0[half] = pass }
        }
        let (first, second) = try read.withLock { (try $0[0]?.get(), $0[1]) }
        var blocks = first?.blocks ?? []
        if let first, middle < file.size {
            if first.end == middle, case .success(let rest)? = second {
                blocks += rest.blocks.map { $0.shifted(byLines: first.nextLine - 1) }
            } else {
                // The line end in the middle lies within quotes and ends no record; or something is wrong, and has a line.
                blocks += try IndexPass(
                    file, first.end..<file.size, line: first.nextLine, key: key, blockSize: blockSize, isSure: true
                ).blocks
            }
        }
        self.blocks = blocks
        let known = blocks.filter { $0.smallest <= $0.largest }
        let smallest = known.map(\.smallest).min() ?? 0
        let largest = known.map(\.largest).max() ?? -1
        hull = smallest..<max(smallest, min(largest, .max - 1) + 1)
        isAscending =
            known.allSatisfy(\.isAscending) && zip(known, known.dropFirst()).allSatisfy { $0.largest <= $1.smallest }
    }
}

/// The first row of a CSV file.
private struct HeaderRow {
    /// With its line end.
    let bytes: [UInt8]
    private let names: [String]
    /// Where the next row starts, in bytes and as a line.
    let end: Int
    let nextLine: Int

    init(_ file: InputFile) throws {
        var splitter = RowSplitter(.csv, limit: FileIndex.recordLimit)
        var buffer = [UInt8](repeating: 0, count: FileIndex.chunkSize)
        var names: [String]?
        var bytes: [UInt8] = []
        func take(_ row: RowSplitter.Row) throws {
            var scanner = CSVScanner()
            do {
                try scanner.scan(row.bytes, hasQuotes: row.hasQuotes)
            } catch {
                throw SourceError(.permanent, "\(file.path), line 1: the header is not CSV")
            }
            names = (0..<min(scanner.count, CSVScanner.fieldLimit)).map { scanner.text($0) }
            bytes = Array(row.bytes) + [UInt8(ascii: "\n")]
        }
        var offset = 0
        do {
            while names == nil, offset < file.size {
                let chunk = offset..<min(offset + FileIndex.chunkSize, file.size)
                try file.read(chunk, buffer: &buffer) { chunk in
                    guard names == nil else { return }
                    splitter.feed(chunk)
                    if let row = try splitter.next() { try take(row) }
                }
                offset = chunk.upperBound
            }
            end = names == nil ? file.size : splitter.nextOffset
            nextLine = splitter.nextLine
            if names == nil, let row = try splitter.end() { try take(row) }
        } catch let error as RowSplitter.TooLarge {
            throw file.tooLarge(error)
        }
        guard let names else { throw SourceError(.permanent, "\(file.path) has no header") }
        self.names = names
        self.bytes = bytes
    }

    var columnCount: Int { names.count }

    func column(named name: String, path: String) throws(SourceError) -> Int {
        guard let index = names.firstIndex(of: name) else {
            throw SourceError(
                .permanent,
                "\(path) has no column '\(name)' for the key; its header names \(Quoted.list(names))")
        }
        return index
    }
}

/// What reading a part of a file, from the start of a record on, told of it.
private struct IndexPass: Sendable {
    private(set) var blocks: [FileIndex.Block] = []
    /// Where the first record starts that is not whole, in bytes and as a line.
    let end: Int
    let nextLine: Int

    /// The part may not start with a record.
    private struct Doubt: Error {}

    /// - Parameters:
    ///   - line: the line at which the part starts.
    ///   - isSure: whether the part starts with a record; otherwise the first key that cannot be read ends the pass.
    init(
        _ file: InputFile, _ part: Range<Int>, line: Int, key: RecordKeyReader.Field, blockSize: Int, isSure: Bool
    ) throws {
        var reader = RecordKeyReader(key)
        var splitter = RowSplitter(key.format, limit: FileIndex.recordLimit, offset: part.lowerBound, line: line)
        var blocks: [FileIndex.Block] = []
        var block: FileIndex.Block?

        func endBlock(at offset: Int, line: Int?) {
            guard var ended = block else { return }
            ended.bytes = ended.bytes.lowerBound..<offset
            if let line { ended.lineCount = line - ended.firstLine }
            blocks.append(ended)
        }

        func take(_ row: RowSplitter.Row) throws {
            var current: FileIndex.Block
            if let block, row.offset - block.bytes.lowerBound < blockSize {
                current = block
            } else {
                endBlock(at: row.offset, line: row.line)
                current = FileIndex.Block(bytes: row.offset..<row.offset + 1, firstLine: row.line)
            }
            if !row.bytes.isEmpty {
                // A record that is not valid costs its own unit, if that can be told.
                let unit =
                    reader.unit(of: row.bytes, hasQuotes: row.hasQuotes)
                    ?? (isSure ? reader.unit(ofDamaged: row.bytes) : nil)
                if let unit {
                    if unit < current.largest { current.isAscending = false }
                    current.smallest = min(current.smallest, unit)
                    current.largest = max(current.largest, unit)
                } else {
                    guard isSure else { throw Doubt() }
                    if current.unreadable == nil {
                        current.unreadable = FileIndex.Unreadable(reason: reader.reason, line: row.line)
                    }
                }
            }
            block = current
        }

        var buffer = [UInt8](repeating: 0, count: FileIndex.chunkSize)
        do {
            try file.read(part, buffer: &buffer) { chunk in
                splitter.feed(chunk)
                while let row = try splitter.next() { try take(row) }
            }
            let isLast = part.upperBound == file.size
            nextLine = splitter.nextLine
            end = isLast ? part.upperBound : splitter.nextOffset
            if isLast, let row = try splitter.end() { try take(row) }
            endBlock(at: end, line: isLast ? nil : nextLine)
        } catch let error as RowSplitter.TooLarge {
            throw file.tooLarge(error)
        }
        self.blocks = blocks
    }
}

extension FileIndex.Block {
    fileprivate func shifted(byLines count: Int) -> FileIndex.Block {
        var block = self
        block.firstLine += count
        block.unreadable?.line += count
        return block
    }
}

extension InputFile {
    /// Where the line after the one at `offset` starts; the file's size where there is none.
    ///
    /// - Throws: ``SourceError``.
    fileprivate func lineStart(after offset: Int) throws -> Int {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var start: Int?
        var position = offset
        while start == nil, position < size {
            let chunk = position..<min(position + buffer.count, size)
            try read(chunk, buffer: &buffer) { bytes in
                if start == nil, let lineFeed = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                    start = position + lineFeed + 1
                }
                position += bytes.count
            }
        }
        return start ?? size
    }

    fileprivate func tooLarge(_ error: RowSplitter.TooLarge) -> SourceError {
        SourceError(.permanent, "\(path), line \(error.line): a record larger than \(FileIndex.recordLimit >> 20) MiB")
    }
}

/// Reads the key of each record of a file.
private struct RecordKeyReader: ~Copyable {
    /// Where the key stands and what it is.
    struct Field: Sendable {
        let format: RecordFormat
        let name: String
        /// The number of the field in a row of CSV.
        let column: Int
        /// How many fields a row of CSV has.
        let columnCount: Int
        let type: KeyType
    }

    private let field: Field
    private let format: RecordFormat
    private let keyType: KeyType
    private let column: Int
    private var scanner = CSVScanner()
    private var values: JSONFieldValues
    /// Why the last record without a unit has none.
    private(set) var reason = FileIndex.Unreadable.Reason.otherKey

    init(_ field: Field) {
        self.field = field
        format = field.format
        keyType = field.type
        column = field.column
        values = JSONFieldValues(wanted: [field.name])
    }

    /// The unit of a record; nil if it has none that can be read.
    mutating func unit(of bytes: UnsafeRawBufferPointer, hasQuotes: Bool) -> Int64? {
        switch format {
        case .csv where !hasQuotes:
            // What is wrong with the other fields is for the window to say that the row belongs to.
            guard let field = plainField(bytes) else { return without(.noKey) }
            if let unit = unit(field) { return unit }
        case .csv:
            do { try scanner.scan(bytes, hasQuotes: hasQuotes) } catch { return without(.noRecord) }
            guard column < scanner.count else { return without(.noKey) }
            let field = scanner.field(column)
            if let unit = field.hasEscapes ? unit(scanner.text(column)) : unit(field.bytes) { return unit }
        case .ndjson:
            do {
                guard try values.read(bytes) != nil else { return without(.tooManyFields) }
            } catch { return without(.noRecord) }
            guard values[0].isPresent else { return without(.noKey) }
            if let unit = unit(values.text(0, in: bytes)) { return unit }
        }
        return without(.otherKey)
    }

    private mutating func without(_ reason: FileIndex.Unreadable.Reason) -> Int64? {
        self.reason = reason
        return nil
    }

    /// The unit of a record that is not valid; nil if that cannot be told.
    func unit(ofDamaged bytes: UnsafeRawBufferPointer) -> Int64? {
        switch format {
        case .csv: DamagedRecord.key(ofCSV: bytes, column: column, of: field.columnCount).flatMap { unit($0) }
        case .ndjson: DamagedRecord.key(ofJSON: bytes, field: field.name).flatMap { unit($0) }
        }
    }

    /// The key's field of a row without quotes.
    private func plainField(_ row: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var rest = row[...]
        for _ in 0..<column {
            guard let comma = rest.firstIndex(of: UInt8(ascii: ",")) else { return nil }
            rest = rest[(comma + 1)...]
        }
        return UnsafeRawBufferPointer(rebasing: rest.prefix { $0 != UInt8(ascii: ",") })
    }

    private func unit(_ text: String) -> Int64? {
        try? keyType.ordinal(of: text)
    }

    private func unit(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        switch keyType.read(bytes.bindMemory(to: UInt8.self)) {
        case .exact(let unit), .approximate(let unit): unit
        case .unreadable: unit(String(decoding: bytes, as: UTF8.self))
        }
    }
}
