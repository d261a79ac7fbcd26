import Foundation

/// A file that results go into: written beside itself and renamed, so that a reader finds the old one or the new one, each
/// whole. Until it is complete the old one stays as it was.
struct OutputFile: ~Copyable {
    /// Why a file could not be written.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// What is open for writing.
    let descriptor: Int32
    private let path: String
    private let temporaryPath: String
    private var isDone = false

    /// Opens a file beside the one of this path.
    ///
    /// - Parameter path: a file, one to be, or a symbolic link to either.
    /// - Throws: ``Failure``.
    init(_ path: String) throws(Failure) {
        func failure(_ reason: String) -> Failure { Failure(description: "--output \(path): \(reason)") }
        // A link stays one: what it leads to is replaced.
        let target = OutputFile.target(of: path)
        var status = stat()
        let exists = stat(target, &status) == 0
        guard exists || errno == ENOENT else { throw failure(String(cString: strerror(errno))) }
        guard !exists || status.st_mode & S_IFMT == S_IFREG else { throw failure("it is no file that can be replaced") }
        let slash = target.utf8.lastIndex(of: UInt8(ascii: "/"))
        let directory = slash.map { String(target[...$0]) } ?? ""
        // A name that no pattern of a reader takes for a result.
        let temporaryPath = "\(directory).lacuna-\(String(UInt64.random(in: 0 ... .max), radix: 16)).tmp"
        // As any new file, by the umask; or as the one that it replaces.
        let descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure(String(cString: strerror(errno))) }
        if exists, fchmod(descriptor, status.st_mode & 0o7777) != 0 {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            unlink(temporaryPath)
            throw failure(reason)
        }
        (self.path, self.temporaryPath, self.descriptor) = (target, temporaryPath, descriptor)
    }

    /// Puts the file in its place, complete and on the disk.
    ///
    /// - Throws: ``Failure``; then the old file is as it was.
    consuming func commit() throws(Failure) {
        let isWritten = fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS
        guard isWritten, rename(temporaryPath, path) == 0 else {
            throw Failure(description: "--output \(path): \(String(cString: strerror(errno)))")
        }
        isDone = true
    }

    deinit {
        close(descriptor)
        if !isDone { unlink(temporaryPath) }
    }

    /// What a path leads to, if its last component is a link, also if the link leads to no file yet.
    private static func target(of path: String) -> String {
        var path = path
        // As many as Linux follows.
        for _ in 0..<40 {
            guard let link = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { return path }
            if link.utf8.first == UInt8(ascii: "/") {
                path = link
            } else {
                let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
                path = (slash.map { String(path[...$0]) } ?? "") + link
            }
        }
        return path
    }
}
