import Foundation
import Subprocess
import Synchronization

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// A small process beside this one that ends the programs of sources when this one is gone, however it went: a signal that
/// cannot be caught leaves no time to end them.
///
/// It reads from a pipe which process groups come and go. This process holds the only end to write to, so that the pipe ends
/// with it. The kernel has nothing for this that does: `PR_SET_PDEATHSIG` goes by the thread that started a program, ends that
/// program alone, and is not on macOS.
enum OrphanWatch {
    /// It stays when a terminal or a supervisor ends this process gently, and what it is told may have no end of line.
    private static let script = """
        trap '' HUP INT QUIT TERM
        groups=' '
        while read -r sign group; do
            case $sign in
            +) groups="$groups$group " ;;
            -) case $groups in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
            esac
        done
        for group in $groups; do kill -s KILL -- "-$group"; done
        """

    /// The end of the pipe to write to; negative: there is none. Nil: nothing was begun yet.
    private static let pipeEnd = Mutex<CInt?>(nil)

    /// Starts the process, once. Where it cannot be started, programs are ended as before: when this process can.
    static func begin() {
        pipeEnd.withLock { end in
            guard end == nil else { return }
            var ends: [CInt] = [-1, -1]
            guard pipe(&ends) == 0 else {
                end = -1
                return
            }
            for descriptor in ends { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
            // What is not read must not hold up a run.
            _ = fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) | O_NONBLOCK)
            end = ends[1]
            // The end to read from stays open here too: no write is answered by a signal if the process is gone.
            let input = FileDescriptor(rawValue: ends[0])
            Task.detached {
                var options = PlatformOptions()
                options.processGroupID = 0
                let configuration = Configuration(
                    executable: .path("/bin/sh"),
                    arguments: ["-c", script, "lacuna-watch", String(getpid())], environment: .custom([:]),
                    workingDirectory: "/", platformOptions: options)
                _ = try? await Subprocess.run(
                    configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: false), output: .discarded,
                    error: .discarded)
            }
        }
    }

    /// Says that a process group is there.
    static func add(_ group: pid_t) { send("+ \(group)\n") }

    /// Says that a process group is about to be gone, and its number another's.
    static func remove(_ group: pid_t) { send("- \(group)\n") }

    private static func send(_ line: String) {
        pipeEnd.withLock { end in
            guard let end, end >= 0 else { return }
            // A line is shorter than what a pipe takes whole or not at all (PIPE_BUF).
            _ = line.withCString { write(end, $0, strlen($0)) }
        }
    }
}
