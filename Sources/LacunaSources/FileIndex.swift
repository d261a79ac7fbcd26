import Lacuna

/// Which blocks of a file hold which units, learned by reading it once.
///
/// It keeps the smallest and largest unit of every block, of 16 KiB and in large files more, so that a sorted file is read
/// about once in all where batches are not much smaller, and one in any order is read whole for each.
struct FileIndex: Sendable {
    static let pieceSize = 128 << 10
    private static let smallestBlock = 16 << 10
    /// Bounds the memory that the index takes.
    private static let blockLimit = 16_384

    /// Consecutive records.
    struct Block: Sendable {
        var bytes: Range<Int>
        var firstLine: Int
        /// The line ends in it; unknown, and 0, for the last block.
        var lineCount = 0
        var smallest = Int64.max
        var largest = Int64.min
        /// Whether it holds a record whose key cannot be read: every window has to come across it, and complain.
        var hasUnreadable = false
    }

    let identity: String
    /// The header with its line end; empty for NDJSON.
    let header: [UInt8]
    let blocks: [Block]

    /// From the smallest unit in the file to its largest; empty where it has none.
    let hull: Range<Int64>

    /// The parts of the file that may hold a unit of `window`, blocks that follow each other as one.
    func parts(holding window: Range<Int64>) -> [(bytes: Range<Int>, firstLine: Int, lineCount: Int)] {
        var parts: [(bytes: Range<Int>, firstLine: Int, lineCount: Int)] = []
        for block in blocks
        where block.hasUnreadable || (block.smallest < window.upperBound && block.largest >= window.lowerBound) {
            if let last = parts.last, last.bytes.upperBound == block.bytes.lowerBound {
                parts[parts.count - 1].bytes = last.bytes.lowerBound..<block.bytes.upperBound
                parts[parts.count - 1].lineCount += block.lineCount
            } else {
                parts.append((block.bytes, block.firstLine, block.lineCount))
            }
        }
        return parts
    }

    init(_ file: InputFile, identity: String, format: RecordFormat, keyField: String, keyType: KeyType) throws {
        self.identity = identity
        var reader = KeyReader(format: format, keyField: keyField, keyType: keyType)
        var splitter = RowSplitter(format, limit: 16 << 20)
        var blocks: [Block] = []
        var header: [UInt8] = []
        var needsHeader = format == .csv
        var block = Block(bytes: 0..<0, firstLine: 1)
        let blockSize = max(FileIndex.smallestBlock, file.size / FileIndex.blockLimit)

        func take(_ row: RowSplitter.Row) throws {
            if needsHeader {
                needsHeader = false
                header = Array(row.bytes) + [UInt8(ascii: "\n")]
                try reader.readHeader(row.bytes, hasQuotes: row.hasQuotes, path: file.path)
                return
            }
            if row.offset - block.bytes.lowerBound >= blockSize || block.bytes.isEmpty {
                if !block.bytes.isEmpty {
                    block.bytes = block.bytes.lowerBound..<row.offset
                    block.lineCount = row.line - block.firstLine
                    blocks.append(block)
                }
                block = Block(bytes: row.offset..<row.offset + 1, firstLine: row.line)
            }
            guard !row.bytes.isEmpty else { return }
            guard let unit = reader.unit(of: row.bytes, hasQuotes: row.hasQuotes) else {
                block.hasUnreadable = true
                return
            }
            block.smallest = min(block.smallest, unit)
            block.largest = max(block.largest, unit)
        }

        var buffer = [UInt8](repeating: 0, count: FileIndex.pieceSize)
        do {
            try file.read(0..<file.size, buffer: &buffer) { piece in
                splitter.feed(piece)
                while let row = try splitter.next() { try take(row) }
            }
            if let row = try splitter.end() { try take(row) }
        } catch let error as RowSplitter.TooLarge {
            throw SourceError(.permanent, "\(file.path), line \(error.line): a record larger than 16 MiB")
        }
        if !block.bytes.isEmpty {
            block.bytes = block.bytes.lowerBound..<file.size
            blocks.append(block)
        }
        if needsHeader { throw SourceError(.permanent, "\(file.path) has no header") }
        self.header = header
        self.blocks = blocks
        let known = blocks.filter { $0.smallest <= $0.largest }
        let smallest = known.map(\.smallest).min() ?? 0
        let largest = known.map(\.largest).max() ?? -1
        hull = smallest..<max(smallest, min(largest, .max - 1) + 1)
    }
}

/// Reads the key of each record of a file.
private struct KeyReader: ~Copyable {
    private let format: RecordFormat
    private let keyField: String
    private let keyType: KeyType
    private var scanner = CSVScanner()
    private var values: JSONFieldValues
    private var column = 0

    init(format: RecordFormat, keyField: String, keyType: KeyType) {
        self.format = format
        self.keyField = keyField
        self.keyType = keyType
        values = JSONFieldValues(wanted: [keyField])
    }

    mutating func readHeader(_ bytes: UnsafeRawBufferPointer, hasQuotes: Bool, path: String) throws {
        do {
            try scanner.scan(bytes, hasQuotes: hasQuotes)
        } catch {
            throw SourceError(.permanent, "\(path), line 1: the header is not CSV")
        }
        let names = (0..<min(scanner.count, CSVScanner.fieldLimit)).map { scanner.text($0) }
        guard let index = names.firstIndex(of: keyField) else {
            throw SourceError(
                .permanent,
                "\(path) has no column '\(keyField)' for the key; its header names \(names.joined(separator: ", "))")
        }
        column = index
    }

    /// The unit of a record; nil where it has none that can be read.
    mutating func unit(of bytes: UnsafeRawBufferPointer, hasQuotes: Bool) -> Int64? {
        switch format {
        case .csv where !hasQuotes:
            // What is wrong with the other fields is for the window to say that the row belongs to.
            return plainField(bytes).flatMap { unit($0) }
        case .csv:
            guard (try? scanner.scan(bytes, hasQuotes: hasQuotes)) != nil, column < scanner.count else { return nil }
            let field = scanner.field(column)
            return field.hasEscapes ? unit(scanner.text(column)) : unit(field.bytes)
        case .ndjson:
            guard (try? values.read(bytes)) != nil, values[0].isPresent else { return nil }
            return unit(values.text(0, in: bytes))
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
