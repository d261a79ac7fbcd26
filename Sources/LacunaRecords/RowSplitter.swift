import LacunaModel

/// Cuts a document that comes in chunks into the texts of its records.
///
/// A record ends at a line feed; in CSV at one outside quotes, which is one that an even number of quotes precedes.
/// Only a record that a chunk leaves unfinished is copied. What a record means is left to the scanners.
///
/// ```swift
/// splitter.feed(chunk)
/// while let row = try splitter.next() { … row.offset, row.bytes … }
/// ```
package struct RowSplitter: ~Copyable {
    /// The text of one record.
    package struct Row {
        /// The text without line end and byte order mark. Valid until the splitter is used again.
        package let bytes: UnsafeRawBufferPointer
        /// Where the text starts in the document, in bytes.
        package let offset: Int
        /// The line at which it starts, counted from 1.
        package let line: Int
        /// How the row ends.
        package let ending: Ending
        /// Whether it holds a quote. Always false for NDJSON.
        package let hasQuotes: Bool
    }

    /// How a row ends.
    package enum Ending {
        /// With a line feed.
        case lineFeed
        /// With a carriage return and a line feed.
        case carriageReturnLineFeed
        /// The document ends without a line end.
        case none
        /// The document ends inside a quoted field.
        case insideQuotes
    }

    /// A record is larger than the limit.
    package struct TooLarge: Error {
        /// The line at which it starts.
        package let line: Int
        /// Whether a quoted field is still open: the quote may be a stray one.
        package let isInsideQuotes: Bool
    }

    private let isCSV: Bool
    private let limit: Int
    private var carry = RawBuffer()
    private var carryIsHandedOut = false

    private var chunk = UnsafeRawBufferPointer(start: nil, count: 0)
    private var position = 0
    private var nextQuote = 0

    private var consumed: Int
    private var rowOffset: Int
    private var line: Int
    private var lineFeedsInRow = 0
    private var isInsideQuotes = false
    private var hasQuotes = false

    /// A splitter at the start of a document, or of a record in it.
    ///
    /// - Parameters:
    ///   - limit: the largest record, in bytes.
    ///   - offset: how many bytes of the document come before.
    ///   - line: the line at which the first record starts.
    package init(_ format: RecordFormat, limit: Int, offset: Int = 0, line: Int = 1) {
        isCSV = format == .csv
        self.limit = limit
        consumed = offset
        rowOffset = offset
        self.line = line
    }

    /// Where the record after the last whole one starts, in bytes.
    package var nextOffset: Int { rowOffset }
    /// The line at which it starts.
    package var nextLine: Int { line }

    /// Whether the document has bytes that no row has been made of.
    package var hasRest: Bool { !carryIsHandedOut && carry.count > 0 }
    /// Whether any byte of the document came.
    package var hasStarted: Bool { consumed + position > 0 }

    /// Takes the next chunk of the document, which must stay valid until ``next()`` has returned nil.
    package mutating func feed(_ chunk: UnsafeRawBufferPointer) {
        consumed += self.position
        self.chunk = chunk
        position = 0
        nextQuote = isCSV ? ByteSearch.first(0x22, in: chunk, from: 0) ?? chunk.count : chunk.count
    }

    /// The next whole row; nil if the chunk has no further one.
    package mutating func next() throws(TooLarge) -> Row? {
        if carryIsHandedOut {
            carry.removeAll()
            carryIsHandedOut = false
        }
        let start = position
        var search = position
        while let lineFeed = ByteSearch.first(0x0A, in: chunk, from: search) {
            if nextQuote < lineFeed { passQuotes(before: lineFeed) }
            search = lineFeed &+ 1
            if isInsideQuotes {
                lineFeedsInRow &+= 1
                continue
            }
            position = search
            return try row(start: start, end: lineFeed)
        }
        if nextQuote < chunk.count { passQuotes(before: chunk.count) }
        position = chunk.count
        let rest = UnsafeRawBufferPointer(rebasing: chunk[start...])
        guard carry.count &+ rest.count <= limit &+ 5 else {
            throw TooLarge(line: line, isInsideQuotes: isInsideQuotes)
        }
        carry.append(rest, limit: limit &+ 5)
        return nil
    }

    /// Ends the document.
    ///
    /// - Returns: the bytes after the last line end, if there are any. The next chunk starts another document.
    package mutating func end() throws(TooLarge) -> Row? {
        let rest: Row?
        if hasRest {
            rest = try makeRow(carry.bytes, ending: isInsideQuotes ? .insideQuotes : .none)
            carryIsHandedOut = true
        } else {
            rest = nil
        }
        chunk = UnsafeRawBufferPointer(start: nil, count: 0)
        (position, nextQuote, consumed, rowOffset, line, lineFeedsInRow) = (0, 0, 0, 0, 1, 0)
        (isInsideQuotes, hasQuotes) = (false, false)
        return rest
    }

    private mutating func passQuotes(before end: Int) {
        hasQuotes = true
        while nextQuote < end {
            isInsideQuotes.toggle()
            nextQuote = ByteSearch.first(0x22, in: chunk, from: nextQuote &+ 1) ?? chunk.count
        }
    }

    private mutating func row(start: Int, end: Int) throws(TooLarge) -> Row {
        var text = UnsafeRawBufferPointer(rebasing: chunk[start..<end])
        if carry.count > 0 {
            guard carry.count &+ text.count <= limit &+ 5 else { throw TooLarge(line: line, isInsideQuotes: false) }
            carry.append(text, limit: limit &+ 5)
            carryIsHandedOut = true
            text = carry.bytes
        }
        var ending = Ending.lineFeed
        if let last = text.last, last == 0x0D {
            text = UnsafeRawBufferPointer(rebasing: text.dropLast())
            ending = .carriageReturnLineFeed
        }
        let row = try makeRow(text, ending: ending)
        line &+= lineFeedsInRow &+ 1
        lineFeedsInRow = 0
        hasQuotes = false
        rowOffset = consumed &+ position
        return row
    }

    private func makeRow(_ text: UnsafeRawBufferPointer, ending: Ending) throws(TooLarge) -> Row {
        var text = text
        var offset = rowOffset
        if offset == 0, text.count >= 3, text[0] == 0xEF, text[1] == 0xBB, text[2] == 0xBF {
            text = UnsafeRawBufferPointer(rebasing: text.dropFirst(3))
            offset = 3
        }
        guard text.count <= limit else { throw TooLarge(line: line, isInsideQuotes: ending == .insideQuotes) }
        return Row(bytes: text, offset: offset, line: line, ending: ending, hasQuotes: hasQuotes)
    }
}
