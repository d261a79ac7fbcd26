import Foundation

/// A small volume in memory that a server's files lie on, to run full.
public struct TestVolume: Sendable {
    /// Where it is mounted; the server's user owns it.
    public let path: String

    /// Runs `body` with a fresh volume, and takes it away afterwards.
    ///
    /// - Parameter kibibytes: its size.
    /// - Returns: false, without having run `body`, where no volume can be mounted: that takes root and Linux.
    public static func with(kibibytes: Int, _ body: (TestVolume) async throws -> Void) async throws -> Bool {
        let path = "/tmp/lacuna-disk-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        let mount = "mkdir -p \(path) && mount -t tmpfs -o size=\(kibibytes)k,mode=700 lacuna \(path)"
        guard try await Command.shell("\(mount) && chown postgres \(path)") == 0 else {
            _ = try? await Command.shell("umount -l \(path); rmdir \(path)")
            return false
        }
        do {
            try await body(TestVolume(path: path))
        } catch {
            _ = try? await Command.shell("umount -l \(path); rmdir \(path)")
            throw error
        }
        _ = try? await Command.shell("umount -l \(path); rmdir \(path)")
        return true
    }

    /// Gives it another size, files in use or not.
    public func resize(kibibytes: Int) async throws {
        guard try await Command.shell("mount -o remount,size=\(kibibytes)k \(path)") == 0 else {
            throw TestEnvironmentError("\(path) cannot be made \(kibibytes) KiB large")
        }
    }

    /// Leaves room for so much more and nothing else.
    public func leave(kibibytes: Int) async throws {
        let used = try await Command.run(["du", "-sk", path]).output.prefix { $0.isNumber }
        guard let used = Int(used) else { throw TestEnvironmentError("du says nothing of \(path)") }
        try await resize(kibibytes: used + kibibytes)
    }
}
