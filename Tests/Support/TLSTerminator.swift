import Foundation
import Synchronization

/// nghttpx in front of a server on the loopback interface: it speaks TLS, with HTTP/2 or HTTP/1.1, and passes requests on.
///
/// See <https://nghttp2.org/documentation/nghttpx.1.html>.
final class TLSTerminator: Sendable {
    let port: Int
    private let directory: URL
    private let options: [String]
    private let pid = Mutex<pid_t?>(nil)

    init(certificate: String, key: String, clientAuthority: String?) throws {
        port = try FreePort.find()
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("lacuna-tls-\(UUID().uuidString)")
        self.directory = directory
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        func write(_ text: String, _ name: String) throws -> String {
            let file = directory.appendingPathComponent(name)
            try Data(text.utf8).write(to: file)
            return file.path
        }
        var options = ["--workers=1", "--errorlog-file=/dev/null", "--conf=/dev/null"]
        if let clientAuthority {
            options += ["--verify-client", "--verify-client-cacert=\(try write(clientAuthority, "clients.pem"))"]
        }
        self.options = options + [try write(key, "key.pem"), try write(certificate, "certificate.pem")]
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Starts it and waits until it listens.
    func start(inFrontOf backend: Int) async throws {
        let words =
            ["/usr/bin/env", "nghttpx", "--frontend=127.0.0.1,\(port)", "--backend=127.0.0.1,\(backend)"] + options
        // What it inherits it would hold open. --single-process: the end of its process is the end of it.
        let script =
            #"for fd in /dev/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done; "#
            + #"exec "$@" --single-process </dev/null >/dev/null 2>&1"#
        var arguments: [UnsafeMutablePointer<CChar>?] = (["bash", "-c", script, "nghttpx"] + words).map { strdup($0) }
        arguments.append(nil)
        defer { arguments.forEach { free($0) } }
        var child: pid_t = 0
        guard posix_spawnp(&child, "bash", nil, nil, &arguments, environ) == 0 else {
            throw TestEnvironmentError("cannot start nghttpx")
        }
        let started = child
        pid.withLock { $0 = started }
        for _ in 0..<1000 {
            if FreePort.isTaken(port) { return }
            guard waitpid(started, nil, WNOHANG) == 0 else {
                pid.withLock { $0 = nil }
                throw TestEnvironmentError("nghttpx did not start; scripts/setup --tests installs it")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestEnvironmentError("nghttpx does not listen")
    }

    /// Ends it at once.
    func stop() {
        let running = pid.withLock { pid in
            defer { pid = nil }
            return pid
        }
        guard let child = running else { return }
        kill(child, SIGKILL)
        waitpid(child, nil, 0)
    }
}

/// Ports of the loopback interface.
public enum FreePort {
    /// A port on which nobody listened a moment ago.
    public static func find() throws -> Int {
        let descriptor = makeSocket()
        defer { close(descriptor) }
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw TestEnvironmentError("no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Whether somebody listens.
    static func isTaken(_ port: Int) -> Bool {
        let descriptor = makeSocket()
        defer { close(descriptor) }
        var address = address(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func makeSocket() -> Int32 {
        #if os(Linux)
            socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
