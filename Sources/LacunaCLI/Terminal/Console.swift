import Foundation
import Lacuna
import LacunaSources
import Logging
import Synchronization

/// The program's two outputs: results on standard output, everything else on standard error.
///
/// Secrets are masked, and control characters that came from a source or a database never reach the terminal.
final class Console: Sendable {
    static let shared = Console()

    private struct State {
        var mask = SecretMask([])
        var format = LogFormat.text
        var statusLine = ""
        var pending: [UInt8] = []
        /// What takes results; nil: standard output.
        var file: Int32?
        var readerIsGone = false
        var outputFailure: String?
    }

    private let state = Mutex(State())

    /// Whether standard error is a terminal that can redraw a line.
    let errorIsTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    private let outputIsTerminal = isatty(STDOUT_FILENO) == 1
    /// Whether results may be coloured: those for a terminal.
    var outputIsColoured: Bool { standardOutputIsColoured && state.withLock(\.file) == nil }
    private let standardOutputIsColoured =
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    /// Masks these texts from now on.
    func redact(_ secrets: Set<String>) {
        let mask = SecretMask(secrets)
        state.withLock { $0.mask = mask }
    }

    /// Writes standard error like this from now on.
    func use(_ format: LogFormat) {
        state.withLock { $0.format = format }
    }

    /// Prints a line of the result for people. When the reader has gone away, nothing is printed any more, and the run
    /// goes on.
    func output(_ line: String) {
        append(Console.printable(line, keepingLines: true, keepingStyles: outputIsColoured))
    }

    /// Prints a result for programs: as it is, but for what a terminal would obey where there is one.
    func data(_ text: String) {
        let isForTerminal = outputIsTerminal && state.withLock(\.file) == nil
        append(isForTerminal ? Console.printable(text, keepingLines: true) : text)
    }

    /// Sends the results that `body` prints into an open file instead.
    ///
    /// - Returns: why they could not be written; nil: all are.
    func redirected(to file: Int32, _ body: () -> Void) -> String? {
        flush()
        state.withLock { $0.file = file }
        body()
        return state.withLock { state in
            Console.flush(&state)
            defer { (state.file, state.outputFailure, state.readerIsGone) = (nil, nil, false) }
            return state.outputFailure
        }
    }

    private func append(_ text: String) {
        state.withLock { state in
            state.pending += text.utf8
            state.pending.append(UInt8(ascii: "\n"))
            if state.pending.count >= 1 << 16 { Console.flush(&state) }
        }
    }

    /// Why results could not be written, if that is so: a full disk, say. A reader that went away is no failure.
    var outputFailure: String? { state.withLock { $0.outputFailure } }

    /// Sends what was printed.
    func flush() {
        state.withLock { Console.flush(&$0) }
    }

    private static func flush(_ state: inout State) {
        if !state.readerIsGone, !send(state.pending, to: state.file ?? STDOUT_FILENO) {
            if errno != EPIPE { state.outputFailure = String(cString: strerror(errno)) }
            state.readerIsGone = true
        }
        state.pending.removeAll(keepingCapacity: true)
    }

    /// Writes all bytes.
    ///
    /// - Returns: false if they cannot be written; `errno` says why.
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

    /// Says something on standard error.
    func message(_ text: String) {
        entry(.notice, text, text: text)
    }

    /// Prints an error.
    func error(_ text: String) {
        entry(.error, text, text: "lacuna: \(text)")
    }

    /// Writes an entry to standard error: as a line of text, or as a JSON object of its own.
    ///
    /// - Parameters:
    ///   - text: the whole entry as people read it.
    ///   - metadata: masked and printable; only JSON has it.
    func entry(_ level: Logger.Level, _ message: String, text: String, metadata: [String: String] = [:]) {
        guard state.withLock(\.format) == .json else {
            return write(Console.printable(masked(text), keepingLines: true) + "\n")
        }
        // Masked, and rid of what a terminal obeys, before it is encoded: afterwards it would be no JSON any more.
        var object = metadata
        object["level"] = level.rawValue
        object["message"] = Console.printable(masked(message), keepingLines: true)
        object["time"] = Date().ISO8601Format()
        write("\(JSONOutput.line(object.map { ($0, .text($1)) }))\n")
    }

    /// Shows a line that the next one replaces.
    func status(_ line: String) {
        guard errorIsTerminal else { return }
        state.withLock { state in
            guard state.format == .text else { return }
            state.statusLine = Console.printable(state.mask(line))
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
        state.withLock { $0.mask }(text)
    }

    /// Messages on one line each, with secrets masked and nothing in them that a terminal would obey.
    func line(_ text: String) -> String {
        Console.printable(masked(text))
    }

    /// The text without characters that a terminal would obey: control characters, and those that turn the direction of
    /// what follows.
    ///
    /// - Parameters:
    ///   - keepingLines: whether line ends stay.
    ///   - keepingStyles: whether the sequences of ``TextStyle`` stay.
    static func printable(_ text: String, keepingLines: Bool = false, keepingStyles: Bool = false) -> String {
        let scalars = text.unicodeScalars
        guard scalars.contains(where: TerminalText.isObeyed) else { return text }
        var result = String.UnicodeScalarView()
        var rest = scalars[...]
        while let scalar = rest.first {
            if keepingStyles, scalar == "\u{1B}", let style = TextStyle.sequences.first(where: rest.starts(with:)) {
                result.append(contentsOf: style)
                rest = rest.dropFirst(style.count)
                continue
            }
            rest.removeFirst()
            if TerminalText.isObeyed(scalar), !(keepingLines && scalar == "\n") {
                result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }
}

/// What terminals do with characters.
enum TerminalText {
    /// Whether a terminal does something else with a character than to show it.
    static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<32, 127...159: true
        // Marks, embeddings, overrides and isolates of direction, and the separators of lines.
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
