import Dispatch
import Foundation
import Lacuna

/// Where the program begins.
///
/// `main` is no async function: the runtime of these opens descriptors before the first line is reached.
@main
enum Entry {
    /// Fewer files at once are not enough for the runtime and one connection: it would end by a signal somewhere.
    private static let fewestFiles: UInt64 = 64

    static func main() {
        openStandardStreams()
        let count = OpenFileLimit.raise(toAtLeast: fewestFiles)
        guard count >= fewestFiles else {
            // By the system alone: what else writes a line may need a descriptor itself.
            let line =
                "lacuna: only \(count) files may be open at once, and \(fewestFiles) are needed: raise the limit "
                + "(ulimit -n, or LimitNOFILE in a unit of systemd)\n"
            _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
            exit(ExitStatus.failed.rawValue)
        }
        AddressSpaceLimit.watch()
        Task { @MainActor in await LacunaCommand.main() }
        dispatchMain()
    }

    /// Opens the null device in place of a standard input, output or error that is closed. Otherwise what is opened next takes its number,
    /// and is written into.
    ///
    /// Each is opened for the direction that it is not used in, so that a use fails as that of a closed one does: results
    /// that nobody got are not taken for delivered.
    private static func openStandardStreams() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
            // It takes the lowest number that is free, which is this one: those below have been seen to.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
