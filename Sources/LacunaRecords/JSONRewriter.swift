import LacunaModel

/// Rewrites JSON text that ``JSONScanner`` has accepted.
enum JSONRewriter {
    /// Appends an object without the space between its tokens, every token byte for byte.
    static func appendCompact(_ bytes: UnsafeRawBufferPointer, to buffer: inout RawBuffer) {
        var isInString = false
        var isEscaped = false
        for byte in bytes {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else if byte <= 0x20 {
                continue
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
            }
            buffer.append(byte)
        }
    }

    /// Writes the content of a string without its escapes.
    static func unescape(_ bytes: UnsafeRawBufferPointer, into scratch: inout RawBuffer) {
        scratch.removeAll()
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "\\") else {
                scratch.append(bytes[index])
                index += 1
                continue
            }
            let letter = bytes[index + 1]
            index += 2
            switch letter {
            case UInt8(ascii: "b"): scratch.append(0x08)
            case UInt8(ascii: "f"): scratch.append(0x0C)
            case UInt8(ascii: "n"): scratch.append(0x0A)
            case UInt8(ascii: "r"): scratch.append(0x0D)
            case UInt8(ascii: "t"): scratch.append(0x09)
            case UInt8(ascii: "u"):
                var value = hex(bytes, at: index)
                index += 4
                if value & 0xFC00 == 0xD800 {
                    value = 0x10000 + (value & 0x3FF) << 10 + hex(bytes, at: index + 2) & 0x3FF
                    index += 6
                }
                if let scalar = Unicode.Scalar(value) {
                    for byte in UTF8.encode(scalar) ?? .init() { scratch.append(byte) }
                }
            default: scratch.append(letter)
            }
        }
    }

    /// The value of a hexadecimal digit.
    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte &- 48)
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte &- 87)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte &- 55)
        default: nil
        }
    }

    private static func hex(_ bytes: UnsafeRawBufferPointer, at index: Int) -> UInt32 {
        var value: UInt32 = 0
        for offset in 0..<4 { value = value << 4 | (hexDigit(bytes[index + offset]) ?? 0) }
        return value
    }
}

extension JSONScanner {
    /// The content of a name or a string that a scan has found.
    package static func text(_ bytes: UnsafeRawBufferPointer, hasEscapes: Bool) -> String {
        guard hasEscapes else { return String(decoding: bytes, as: UTF8.self) }
        var scratch = RawBuffer()
        JSONRewriter.unescape(bytes, into: &scratch)
        return String(decoding: scratch.bytes, as: UTF8.self)
    }
}
