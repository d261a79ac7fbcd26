import LacunaModel

extension JSONScanner {
    /// Reads `true`, `false` or `null`.
    mutating func scanLiteral(_ literal: StaticString) throws(Fault) {
        for offset in 0..<literal.utf8CodeUnitCount {
            guard index < size else { throw fault(.end) }
            guard bytes[index] == literal.utf8Start[offset] else { throw fault(.malformed(expected: .literal)) }
            index &+= 1
        }
    }

    mutating func scanNumber() throws(Fault) {
        if bytes[index] == UInt8(ascii: "-") { index &+= 1 }
        if index < size, bytes[index] == UInt8(ascii: "0") {
            index &+= 1
        } else {
            try scanDigits()
        }
        if index < size, bytes[index] == UInt8(ascii: ".") {
            index &+= 1
            try scanDigits()
        }
        if index < size, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index &+= 1
            if index < size, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index &+= 1 }
            try scanDigits()
        }
    }

    @inline(__always)
    private mutating func scanDigits() throws(Fault) {
        guard index < size else { throw fault(.end) }
        guard bytes[index] &- 48 < 10 else { throw fault(.malformed(expected: .digit)) }
        while index < size, bytes[index] &- 48 < 10 { index &+= 1 }
    }

    /// Reads a string from its opening to past its closing quote; true if it holds escapes.
    mutating func scanString() throws(Fault) -> Bool {
        index &+= 1
        var hasEscapes = false
        while true {
            while index &+ 8 <= size {
                let word = ByteSearch.word(base, at: index)
                let below = (word &- ByteSearch.repeated(0x20)) & ~word & ByteSearch.highBits
                let ends =
                    ByteSearch.matches(of: 0x22, in: word) | ByteSearch.matches(of: 0x5C, in: word)
                    | (word & ByteSearch.highBits) | below
                if ends != 0 {
                    index &+= ends.trailingZeroBitCount &>> 3
                    break
                }
                index &+= 8
            }
            guard index < size else { throw fault(.end) }
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""):
                index &+= 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try scanEscape()
            case 0: throw fault(.nul)
            case 1..<0x20: throw fault(.malformed(expected: .printable))
            case 0x20..<0x80: index &+= 1
            default:
                let length = UTF8Check.sequenceLength(in: bytes, at: index)
                guard length > 0 else {
                    throw fault(UTF8Check.isCutSequence(in: bytes, at: index) ? .end : .utf8)
                }
                index &+= length
            }
        }
    }

    private mutating func scanEscape() throws(Fault) {
        index &+= 1
        guard index < size else { throw fault(.end) }
        switch bytes[index] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index &+= 1
        case UInt8(ascii: "u"):
            let start = index &- 1
            index &+= 1
            let unit = try scanHex()
            if unit == 0 || unit & 0xFC00 == 0xDC00 {
                index = start
                throw fault(unit == 0 ? .nul : .surrogate)
            }
            guard unit & 0xFC00 == 0xD800 else { return }
            guard index &+ 1 < size else { throw fault(.end) }
            guard bytes[index] == UInt8(ascii: "\\"), bytes[index &+ 1] == UInt8(ascii: "u") else {
                throw fault(.surrogate)
            }
            index &+= 2
            guard try scanHex() & 0xFC00 == 0xDC00 else { throw fault(.surrogate) }
        default: throw fault(.malformed(expected: .escape))
        }
    }

    private mutating func scanHex() throws(Fault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard index < size else { throw fault(.end) }
            guard let digit = JSONRewriter.hexDigit(bytes[index]) else { throw fault(.malformed(expected: .escape)) }
            value = value &<< 4 | digit
            index &+= 1
        }
        return value
    }
}
