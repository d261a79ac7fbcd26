import LacunaModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The spool of a window's records could not be written or read.
package struct SpoolError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried.
    package enum Operation: String, Sendable, Hashable {
        /// Creating the temporary file.
        case create = "created"
        /// Writing to it.
        case write = "written"
        /// Reading from it.
        case read = "read"
    }

    /// What was tried.
    package let operation: Operation
    /// The system's error number.
    package let code: Int32
    /// The directory of the file.
    package let directory: String

    /// Whether there is no room left: `ENOSPC` or `EDQUOT`.
    package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }

    /// What happened, where, and what to do.
    package var description: String {
        let cause = code == 0 ? "it is shorter than what was written" : String(cString: strerror(code))
        let advice = operation == .read ? "" : "; TMPDIR names the directory to use"
        return "the spool file in \(directory) could not be \(operation.rawValue): \(cause)\(advice)"
    }
}

/// A temporary file without a name, so that nothing stays behind however the process ends.
final class SpoolFile: Sendable {
    private let descriptor: CInt
    private let directory: String

    /// Takes over an open descriptor.
    init(descriptor: CInt, directory: String) {
        self.descriptor = descriptor
        self.directory = directory
    }

    deinit { _ = close(descriptor) }

    /// Creates a file in `$TMPDIR`, or in /tmp.
    static func temporary() throws -> SpoolFile {
        var directory = "/tmp"
        if let value = getenv("TMPDIR"), value.pointee != 0 { directory = String(cString: value) }
        return try temporary(in: directory)
    }

    /// Creates a file in `directory`.
    static func temporary(in directory: String) throws -> SpoolFile {
        while true {
            let path = "\(directory)/lacuna-\(String(UInt64.random(in: .min ... .max), radix: 36))"
            let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            if descriptor >= 0 {
                unlink(path)
                return SpoolFile(descriptor: descriptor, directory: directory)
            }
            guard errno == EEXIST || errno == EINTR else {
                throw SpoolError(operation: .create, code: errno, directory: directory)
            }
        }
    }

    /// Writes all bytes at `offset`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        guard let base = bytes.baseAddress else { return }
        var written = 0
        while written < bytes.count {
            let result = pwrite(descriptor, base + written, bytes.count - written, off_t(offset + written))
            if result > 0 {
                written += result
            } else if result == 0 || errno != EINTR {
                throw SpoolError(operation: .write, code: result == 0 ? ENOSPC : errno, directory: directory)
            }
        }
    }

    /// Fills `buffer` from `offset` on, without moving a shared file offset.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
        guard let base = buffer.baseAddress else { return }
        var filled = 0
        while filled < buffer.count {
            let result = pread(descriptor, base + filled, buffer.count - filled, off_t(offset + filled))
            if result > 0 {
                filled += result
            } else if result == 0 || errno != EINTR {
                throw SpoolError(operation: .read, code: result == 0 ? 0 : errno, directory: directory)
            }
        }
    }
}
