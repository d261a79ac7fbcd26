import Foundation
import Lacuna
import Synchronization

/// The program's two outputs: results on standard output, everything else on standard error.
///
/// Secrets are masked, and control characters that came from a source or a database never reach the terminal.
final class Console: Sendable {
    static let shared = Console()

    private struct State {
        var secrets: [String] = []
        var statusLine = ""
        var pending: [UInt8] = []
        var readerIsGone = false
    }

    private let state = Mutex(State())

    /// Whether standard error is a terminal that can redraw a line.
    let errorIsTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    /// Whether standard output may be coloured.
    let outputIsColoured =
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    /// Masks these texts from now on.
    func redact(_ secrets: Set<String>) {
        state.withLock { $0.secrets = secrets.filter { $0.count >= 4 }.sorted { $0.count > $1.count } }
    }

    /// Prints a line of the result. When the reader has gone away, nothing is printed any more, and the run goes on.
    func output(_ line: String) {
        state.withLock { state in
            state.pending += line.utf8
            state.pending.append(UInt8(ascii: "\n"))
            if state.pending.count >= 1 << 16 { Console.flush(&state) }
        }
    }

    /// Sends what was printed.
    func flush() {
        state.withLock { Console.flush(&$0) }
    }

    private static func flush(_ state: inout State) {
        if !state.readerIsGone { state.readerIsGone = !send(state.pending, to: STDOUT_FILENO) }
        state.pending.removeAll(keepingCapacity: true)
    }

    /// Writes all bytes.
    ///
    /// - Returns: false where they cannot be written.
    @discardableResult
    private static func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Prints a line for a person on standard error.
    func message(_ text: String) {
        write(masked(Console.printable(text)) + "\n")
    }

    /// Prints an error.
    func error(_ text: String) {
        message("lacuna: \(text)")
    }

    /// Shows a line that the next one replaces.
    func status(_ line: String) {
        guard errorIsTerminal else { return }
        state.withLock { state in
            state.statusLine = mask(Console.printable(line), state.secrets)
            Console.send(Array("\r\u{1B}[K\(state.statusLine)".utf8), to: STDERR_FILENO)
        }
    }

    private func write(_ text: String) {
        state.withLock { state in
            let erase = state.statusLine.isEmpty ? "" : "\r\u{1B}[K"
            state.statusLine = ""
            Console.send(Array((erase + text).utf8), to: STDERR_FILENO)
        }
    }

    /// The text with secrets masked. Results are data and stay as they are; messages in them pass through here.
    func masked(_ text: String) -> String {
        mask(text, state.withLock { $0.secrets })
    }

    private func mask(_ text: String, _ secrets: [String]) -> String {
        secrets.reduce(text) { $0.replacing($1, with: "***") }
    }

    /// The text without characters that a terminal would obey; line ends stay.
    static func printable(_ text: String) -> String {
        func isControl(_ scalar: Unicode.Scalar) -> Bool {
            scalar.value < 32 && scalar != "\n" || (127...159).contains(scalar.value)
        }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isControl(scalar) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
