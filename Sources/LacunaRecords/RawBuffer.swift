import LacunaModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Growable memory that is reused from record to record and freed with its owner.
package struct RawBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    package private(set) var count = 0

    deinit { free(base) }

    package init() {}

    /// Valid until the buffer is changed.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Adds bytes. The memory doubles as it grows, but not beyond `limit` where that suffices.
    package mutating func append(_ bytes: UnsafeRawBufferPointer, limit: Int = .max) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        let needed = count + bytes.count
        if needed > capacity { resize(to: max(needed, min(limit, max(capacity * 2, 256)))) }
        base?.advanced(by: count).copyMemory(from: source, byteCount: bytes.count)
        count = needed
    }

    package mutating func append(_ byte: UInt8) {
        if count == capacity { resize(to: max(capacity * 2, 256)) }
        base?.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Forgets the bytes and keeps the memory.
    package mutating func removeAll() {
        count = 0
    }

    /// Gives back the memory that holds no bytes.
    package mutating func trim(to newCapacity: Int = 0) {
        resize(to: max(count, newCapacity))
    }

    /// Hands the bytes to another owner and leaves this one empty.
    package mutating func moveContents() -> RawBuffer {
        let contents = consume self
        self = RawBuffer()
        return contents
    }

    /// Lets `body` fill the buffer, which has `size` bytes.
    ///
    /// - Parameter body: gets the memory and returns how many bytes of it hold something now.
    package mutating func fill(size: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Int) rethrows {
        if capacity < size { resize(to: size) }
        count = try body(UnsafeMutableRawBufferPointer(start: base, count: size))
    }

    private mutating func resize(to newCapacity: Int) {
        if newCapacity == 0 {
            free(base)
            base = nil
        } else {
            guard let grown = realloc(base, newCapacity) else { fatalError("out of memory") }
            base = grown
        }
        capacity = newCapacity
    }
}
