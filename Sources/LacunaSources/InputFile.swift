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
    let size: Int
    /// Changes where the file is replaced, grows or is written.
    let identity: String
    private let descriptor: CInt

    init(_ path: String) throws(SourceError) {
        self.path = path
        // Without waiting for the writer of what turns out to be a pipe.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let kind: SourceError.Kind = errno == EMFILE || errno == ENFILE ? .transient : .permanent
            throw SourceError(kind, "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw SourceError(.permanent, "\(path) is not a file")
        }
        size = Int(status.st_size)
        #if canImport(Darwin)
            let changed = "\(status.st_mtimespec.tv_sec).\(status.st_mtimespec.tv_nsec)"
        #else
            let changed = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        #endif
        identity = "\(status.st_dev)/\(status.st_ino)/\(status.st_size)/\(changed)"
    }

    deinit {
        close(descriptor)
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
