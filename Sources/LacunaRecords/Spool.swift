import LacunaModel

/// Takes bytes and keeps them: in memory up to a limit, beyond it in a temporary file.
final class Spool {
    private static let fileBuffer = 256 << 10

    private let memoryLimit: Int
    private let makeFile: () throws -> SpoolFile
    private var buffer = RawBuffer()
    private var file: SpoolFile?
    private var writtenCount = 0

    /// All bytes that were taken.
    var byteCount: Int { writtenCount + buffer.count }
    /// Whether the bytes are in a file.
    var isSpilled: Bool { file != nil }

    /// A spool.
    ///
    /// - Parameters:
    ///   - memoryLimit: how many bytes memory holds.
    ///   - makeFile: creates the file that takes the rest.
    init(memoryLimit: Int, makeFile: @escaping () throws -> SpoolFile = { try SpoolFile.temporary() }) {
        self.memoryLimit = max(memoryLimit, 0)
        self.makeFile = makeFile
    }

    /// Takes bytes.
    ///
    /// - Throws: ``SpoolError``.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        let limit = file == nil ? memoryLimit : Spool.fileBuffer
        if buffer.count + bytes.count <= limit {
            buffer.append(bytes, limit: limit)
            return
        }
        try flush()
        if bytes.count < Spool.fileBuffer {
            buffer.append(bytes)
        } else if let file {
            try file.write(bytes, at: writtenCount)
            writtenCount += bytes.count
        }
    }

    /// Takes one byte.
    func append(_ byte: UInt8) throws {
        try withUnsafeBytes(of: byte) { try append($0) }
    }

    private func flush() throws {
        let target: SpoolFile
        if let file {
            target = file
        } else {
            target = try makeFile()
            file = target
        }
        try target.write(buffer.bytes, at: writtenCount)
        writtenCount += buffer.count
        let wasLarge = buffer.count > Spool.fileBuffer
        buffer.removeAll()
        if wasLarge { buffer.trim(to: Spool.fileBuffer) }
    }

    /// Hands over what was taken; the spool is empty afterwards.
    func finish() throws -> SpoolContents {
        if file != nil { try flush() }
        buffer.trim()
        let contents = SpoolContents(memory: buffer.moveContents(), file: file, fileByteCount: writtenCount)
        file = nil
        writtenCount = 0
        return contents
    }
}

/// Bytes that do not change any more, in memory or in a file.
///
/// `@unchecked Sendable`: the memory is written before it comes here and never after; the file is read by `pread`.
final class SpoolContents: @unchecked Sendable {
    private let memory: RawBuffer
    private let file: SpoolFile?
    private let fileByteCount: Int

    init(memory: consuming RawBuffer, file: SpoolFile?, fileByteCount: Int) {
        self.memory = memory
        self.file = file
        self.fileByteCount = fileByteCount
    }

    var byteCount: Int { file == nil ? memory.count : fileByteCount }
    var isInFile: Bool { file != nil }

    /// Gives `body` up to `size` bytes from `offset` on.
    ///
    /// - Parameter scratch: memory for what is read from a file.
    func withBytes(
        at offset: Int,
        size: Int,
        scratch: inout RawBuffer,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let count = min(size, byteCount - offset)
        guard let file else {
            return try body(UnsafeRawBufferPointer(rebasing: memory.bytes[offset..<offset + count]))
        }
        try scratch.fill(size: count) { buffer in
            try file.read(into: buffer, at: offset)
            return count
        }
        try body(scratch.bytes)
    }
}
