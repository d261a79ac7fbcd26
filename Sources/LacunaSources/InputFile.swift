import LacunaModel
import LacunaRecords

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A file that is read by position. Owns its descriptor.
final class InputFile: Sendable {
    let path: String
    /// How many bytes of it are read.
    let size: Int
    /// Whether it was written to so short a while ago that more may follow.
    let isFresh: Bool
    /// Whether a last line without its end was left out, because the rest of it may still be written.
    let leavesLastLine: Bool
    /// Changes where the file is replaced, grows or is written.
    let identity: String
    private let descriptor: CInt

    /// Opens a file.
    ///
    /// - Parameters:
    ///   - path: as messages name it.
    ///   - place: where it was found to be, if that was looked for.
    ///   - settledBefore: seconds since the epoch; one that was written to later may still be written.
    init(_ path: String, at place: String? = nil, settledBefore: Int64 = .max) throws(SourceError) {
        self.path = path
        // Without waiting for the writer of what turns out to be a pipe.
        descriptor = open(place ?? path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let kind: SourceError.Kind = errno == EMFILE || errno == ENFILE ? .transient : .permanent
            throw SourceError(kind, "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw SourceError(.permanent, "\(path) is not a file")
        }
        #if canImport(Darwin)
            let modified = status.st_mtimespec
        #else
            let modified = status.st_mtim
        #endif
        let changed = "\(modified.tv_sec).\(modified.tv_nsec)"
        let size = Int(status.st_size)
        isFresh = Int64(modified.tv_sec) >= settledBefore
        self.size = isFresh ? InputFile.endOfLastLine(descriptor, size) : size
        leavesLastLine = self.size < size
        identity = "\(status.st_dev)/\(status.st_ino)/\(status.st_size)/\(changed)"
    }

    deinit {
        close(descriptor)
    }

    /// Whether the file at the path is still the same, unchanged.
    func isUnchanged() -> Bool {
        (try? InputFile(path).identity) == identity
    }

    /// Where the last line ends that has an end; the size if something keeps from finding it.
    private static func endOfLastLine(_ descriptor: CInt, _ size: Int) -> Int {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var end = size
        while end > 0 {
            let start = max(end - buffer.count, 0)
            let count = buffer.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress, end - start, off_t(start))
            }
            guard count == end - start else { return size }
            if let last = buffer[..<count].lastIndex(of: UInt8(ascii: "\n")) { return start + last + 1 }
            end = start
        }
        return 0
    }

    /// Reads a range of bytes chunk by chunk.
    ///
    /// - Parameters:
    ///   - range: the bytes.
    ///   - buffer: how much is read at once.
    ///   - body: takes each chunk.
    /// - Throws: ``SourceError`` if the file is shorter than it was; what `body` throws.
    func read(_ range: Range<Int>, buffer: inout [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let wanted = min(buffer.count, range.upperBound - offset)
            let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, wanted, off_t(offset)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let cause = count < 0 ? String(cString: strerror(errno)) : "it became shorter while it was read"
                throw SourceError(.transient, "\(path) cannot be read: \(cause)")
            }
            try buffer.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += count
        }
    }
}
