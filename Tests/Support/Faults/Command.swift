import Foundation

/// Programs that may leave others running, such as servers.
///
/// Not by Foundation's `Process`, for which a program runs as long as anything that it has started.
public enum Command {
    /// Runs a program to its end.
    ///
    /// - Parameter words: the program and its arguments; it is looked for in `PATH`.
    /// - Returns: its exit status, and what it and those that it started have said by then.
    /// - Throws: where it cannot be started.
    public static func run(_ words: [String]) async throws -> (status: Int32, output: String) {
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("command-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: log) }
        // A server that held what another `Process` waits for would keep that one running: every descriptor is closed.
        let script =
            #"cd /; for fd in /dev/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done; "#
            + #"exec "$@" </dev/null >"$0" 2>&1"#
        let all = ["/usr/bin/env", "LC_ALL=C", "bash", "-c", script, log] + words
        var arguments: [UnsafeMutablePointer<CChar>?] = all.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, "/usr/bin/env", nil, nil, &arguments, environ) == 0 else {
            throw TestEnvironmentError("cannot start \(words.joined(separator: " "))")
        }
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 { try await Task.sleep(for: .milliseconds(3)) }
        let output = String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
        return (status & 0x7f == 0 ? status >> 8 : -(status & 0x7f), output)
    }

    /// Runs a line of shell to its end and returns its status.
    public static func shell(_ line: String) async throws -> Int32 {
        try await run(["sh", "-c", line]).status
    }
}
