import LacunaModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Searches in bytes, a word or a vector at a time.
enum ByteSearch {
    /// The index of the first `byte` at or after `start`; nil if there is none.
    @inline(__always)
    static func first(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress else { return nil }
        guard let hit = memchr(base + start, CInt(byte), bytes.count - start) else { return nil }
        return UnsafeRawPointer(hit) - base
    }

    /// Whether both hold the same bytes.
    @inline(__always)
    static func equal(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        guard left.count > 0, let a = left.baseAddress, let b = right.baseAddress else { return true }
        return memcmp(a, b, left.count) == 0
    }

    /// Eight bytes as a word whose lowest byte is the first.
    @inline(__always)
    static func word(_ base: UnsafeRawPointer, at index: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// The same byte eight times.
    @inline(__always)
    static func repeated(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

    /// The high bit of each byte.
    static var highBits: UInt64 { @inline(__always) get { 0x8080_8080_8080_8080 } }

    /// The high bit of each byte of `word` that equals `byte`, and of no other.
    ///
    /// "Determine if a word has a byte equal to n", Bit Twiddling Hacks, in the form without false positives.
    @inline(__always)
    static func matches(of byte: UInt8, in word: UInt64) -> UInt64 {
        let difference = word ^ repeated(byte)
        let low = repeated(0x7F)
        return ~(((difference & low) &+ low) | difference | low)
    }
}

/// Strict UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
enum UTF8Check {
    /// The index of the first byte of a sequence that is not UTF-8; nil if all is.
    static func firstFault(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var index = 0
        while index < bytes.count {
            while index &+ 8 <= bytes.count, ByteSearch.word(base, at: index) & ByteSearch.highBits == 0 { index &+= 8 }
            while index < bytes.count, bytes[index] < 0x80 { index &+= 1 }
            while index < bytes.count, bytes[index] >= 0x80 {
                let length = sequenceLength(in: bytes, at: index)
                if length == 0 { return index }
                index &+= length
            }
        }
        return nil
    }

    /// Whether the bytes end inside the sequence that starts at `index`, which is no whole one.
    static func isCutSequence(in bytes: UnsafeRawBufferPointer, at index: Int) -> Bool {
        let rest = bytes[index...]
        let length = bytes[index] >= 0xF0 ? 4 : bytes[index] >= 0xE0 ? 3 : bytes[index] >= 0xC2 ? 2 : 0
        return rest.count < length && rest.dropFirst().allSatisfy { $0 & 0xC0 == 0x80 }
    }

    /// The length of the sequence of two to four bytes that starts at `index`; 0 if there is none.
    static func sequenceLength(in bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
        func continues(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            index &+ offset < bytes.count && range.contains(bytes[index &+ offset])
        }
        switch bytes[index] {
        case 0xC2...0xDF: return continues(1) ? 2 : 0
        case 0xE0: return continues(1, 0xA0...0xBF) && continues(2) ? 3 : 0
        case 0xED: return continues(1, 0x80...0x9F) && continues(2) ? 3 : 0
        case 0xE1...0xEF: return continues(1) && continues(2) ? 3 : 0
        case 0xF0: return continues(1, 0x90...0xBF) && continues(2) && continues(3) ? 4 : 0
        case 0xF1...0xF3: return continues(1) && continues(2) && continues(3) ? 4 : 0
        case 0xF4: return continues(1, 0x80...0x8F) && continues(2) && continues(3) ? 4 : 0
        default: return 0
        }
    }
}
