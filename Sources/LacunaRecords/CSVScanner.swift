import LacunaModel

/// Reads the fields of a CSV row the way `COPY … (FORMAT csv)` does, and rejects what COPY would read in a way that the
/// writer did not mean.
///
/// See <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS>. One scanner is used for many rows
/// and allocates nothing for them.
package struct CSVScanner: ~Copyable {
    /// One field of the row that was scanned last.
    package struct Field {
        /// The content as it stands in the row, without the quotes around it.
        package let bytes: UnsafeRawBufferPointer
        /// Whether it stands in quotes. An empty field without quotes is NULL.
        package let isQuoted: Bool
        /// Whether it holds quotes written twice.
        package let hasEscapes: Bool

        /// Whether it is NULL.
        package var isNull: Bool { bytes.isEmpty && !isQuoted }
    }

    /// What is wrong with a row.
    package struct Fault: Error {
        /// What is wrong.
        package enum Reason {
            case quoteInsideField
            case textAfterQuote
            case openQuote
            case bareCarriageReturn
            case nulByte
            case invalidUTF8
        }

        /// What is wrong.
        package let reason: Reason
        /// The index of the field.
        package let field: Int
    }

    private struct Slot {
        var start: Int
        var end: Int
        var isQuoted: Bool
        var hasEscapes: Bool
    }

    /// More fields than any table has columns; those beyond are counted and not kept.
    package static let fieldLimit = 16_384

    private let slots = UnsafeMutablePointer<Slot>.allocate(capacity: CSVScanner.fieldLimit)
    private var row = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The number of fields of the row that was scanned last.
    package private(set) var count = 0

    deinit { slots.deallocate() }

    /// A scanner.
    package init() {}

    /// The field at `index`, which is below ``count`` and ``fieldLimit``. Valid as long as the row's bytes are.
    @inline(__always)
    package func field(_ index: Int) -> Field {
        let slot = slots[index]
        return Field(
            bytes: UnsafeRawBufferPointer(rebasing: row[slot.start..<slot.end]),
            isQuoted: slot.isQuoted,
            hasEscapes: slot.hasEscapes
        )
    }

    /// The content of the field at `index`, quotes written once.
    package func text(_ index: Int) -> String {
        let field = field(index)
        let text = String(decoding: field.bytes, as: UTF8.self)
        return field.hasEscapes ? CSVScanner.unescaped(text) : text
    }

    /// Reads a row.
    ///
    /// - Parameters:
    ///   - bytes: the row without its line end.
    ///   - hasQuotes: whether it holds any quote.
    package mutating func scan(_ bytes: UnsafeRawBufferPointer, hasQuotes: Bool) throws(Fault) {
        row = bytes
        count = 0
        if hasQuotes {
            try scanQuoted()
        } else {
            try scanPlain()
        }
    }

    /// Writes the content of an escaped field with its quotes once.
    static func unescape(_ bytes: UnsafeRawBufferPointer, into scratch: inout RawBuffer) {
        scratch.removeAll()
        var isSecond = false
        for byte in bytes {
            isSecond = byte == 0x22 && !isSecond
            if !isSecond { scratch.append(byte) }
        }
    }

    private static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var isSecond = false
        for byte in text.utf8 {
            isSecond = byte == 0x22 && !isSecond
            if !isSecond { bytes.append(byte) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @inline(__always)
    private mutating func emit(_ slot: Slot) {
        if count < CSVScanner.fieldLimit { slots[count] = slot }
        count &+= 1
    }

    private mutating func scanPlain() throws(Fault) {
        guard let base = row.baseAddress else {
            return emit(Slot(start: 0, end: 0, isQuoted: false, hasEscapes: false))
        }
        let size = row.count
        var start = 0
        var index = 0
        var flagged: UInt64 = 0
        while index &+ 8 <= size {
            let word = ByteSearch.word(base, at: index)
            flagged |= word & ByteSearch.highBits
            flagged |= ByteSearch.matches(of: 0, in: word) | ByteSearch.matches(of: 0x0D, in: word)
            var commas = ByteSearch.matches(of: 0x2C, in: word)
            while commas != 0 {
                let comma = index &+ commas.trailingZeroBitCount &>> 3
                emit(Slot(start: start, end: comma, isQuoted: false, hasEscapes: false))
                start = comma &+ 1
                commas &= commas &- 1
            }
            index &+= 8
        }
        while index < size {
            let byte = row[index]
            if byte == 0x2C {
                emit(Slot(start: start, end: index, isQuoted: false, hasEscapes: false))
                start = index &+ 1
            } else if byte >= 0x80 || byte == 0 || byte == 0x0D {
                flagged = 1
            }
            index &+= 1
        }
        emit(Slot(start: start, end: size, isQuoted: false, hasEscapes: false))
        if flagged != 0 { try checkBytes(allowingReturns: false) }
    }

    private mutating func scanQuoted() throws(Fault) {
        var index = 0
        let size = row.count
        while true {
            guard index < size, row[index] == 0x22 else {
                let start = index
                while index < size, row[index] != 0x2C {
                    if row[index] == 0x22 { throw Fault(reason: .quoteInsideField, field: count) }
                    if row[index] == 0x0D { throw Fault(reason: .bareCarriageReturn, field: count) }
                    index &+= 1
                }
                emit(Slot(start: start, end: index, isQuoted: false, hasEscapes: false))
                if index == size { break }
                index &+= 1
                continue
            }
            index &+= 1
            let start = index
            var hasEscapes = false
            while true {
                guard let quote = ByteSearch.first(0x22, in: row, from: index) else {
                    throw Fault(reason: .openQuote, field: count)
                }
                index = quote &+ 1
                guard index < size, row[index] == 0x22 else { break }
                hasEscapes = true
                index &+= 1
            }
            emit(Slot(start: start, end: index &- 1, isQuoted: true, hasEscapes: hasEscapes))
            if index == size { break }
            if row[index] == 0x0D { throw Fault(reason: .bareCarriageReturn, field: count &- 1) }
            guard row[index] == 0x2C else { throw Fault(reason: .textAfterQuote, field: count &- 1) }
            index &+= 1
        }
        try checkBytes(allowingReturns: true)
    }

    private func checkBytes(allowingReturns: Bool) throws(Fault) {
        var faults: [(at: Int, reason: Fault.Reason)] = []
        if let nul = ByteSearch.first(0, in: row, from: 0) { faults.append((nul, .nulByte)) }
        if let bad = UTF8Check.firstFault(in: row) { faults.append((bad, .invalidUTF8)) }
        if !allowingReturns, let cr = ByteSearch.first(0x0D, in: row, from: 0) {
            faults.append((cr, .bareCarriageReturn))
        }
        guard let first = faults.min(by: { $0.at < $1.at }) else { return }
        let kept = min(count, CSVScanner.fieldLimit)
        let field = (0..<kept).first { slots[$0].end >= first.at } ?? max(kept - 1, 0)
        throw Fault(reason: first.reason, field: field)
    }
}
