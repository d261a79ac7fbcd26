import Lacuna
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Runs a program for each window and reads the records from its standard output.
///
/// The program is an argument vector, never a shell. It runs in a process group of its own, which is ended with the batch.
/// Its exit status decides: whatever it printed, a status other than 0 refuses the whole batch.
public struct CommandSource: Source {
    private let settings: CommandSettings

    /// A source from its settings.
    public init(_ settings: CommandSettings) {
        self.settings = settings
    }

    /// Runs the program for a window.
    ///
    /// - Throws: ``SourceError`` where it cannot be started, runs too long or fails; what `sink` throws.
    public func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let arguments = try settings.command.map { template throws(SourceError) in
            do {
                if template.usesKeys { try Subject(request).requireSeparableKeys() }
                return try template.render(request)
            } catch { throw SourceError(.permanent, "\(error)") }
        }
        try sink.begin(settings.format)
        try await run(arguments) { buffer in try buffer.withUnsafeBytes { try sink.write($0) } }
        // The exit status says that the output is whole, so that a last row without a line end is no cut.
        try sink.endOfDocument(lengthIsProven: true)
        return FetchSummary()
    }

    /// Runs the program that prints the tip.
    ///
    /// - Returns: the key; nil where the program prints nothing.
    /// - Throws: ``SourceError``.
    public func tip(_ request: TipRequest) async throws -> String? {
        guard !settings.tip.isEmpty else {
            throw SourceError(.unavailable, "the source has no `tip` command, and something needs its newest key")
        }
        let arguments = try settings.tip.map { template throws(SourceError) in
            do { return try template.render(request) } catch { throw SourceError(.permanent, "\(error)") }
        }
        var bytes: [UInt8] = []
        try await run(arguments) { buffer in
            buffer.withUnsafeBytes { bytes.append(contentsOf: $0) }
            guard bytes.count <= 4096 else {
                throw SourceError(.permanent, "`\(arguments[0])` printed more than a key for the tip")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SourceError(.permanent, "`\(arguments[0])` printed a tip that is not UTF-8")
        }
        let trimmed = text.trimmingWhitespace
        return trimmed.isEmpty ? nil : trimmed
    }

    private func run(
        _ arguments: [String], _ body: (SubprocessOutputSequence.Buffer) throws -> Void
    ) async throws {
        let teardown: [TeardownStep] = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .seconds(2)),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(1)),
        ]
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = teardown
        let name = arguments[0]
        let executable: Executable =
            name.contains("/") ? .path(FilePath(settings.directory).pushing(FilePath(name))) : .name(name)
        let configuration = Configuration(
            executable: executable, arguments: Arguments(Array(arguments.dropFirst())), environment: environment,
            workingDirectory: FilePath(settings.directory), platformOptions: options)
        let clock = ContinuousClock()
        let deadline = clock.now + settings.timeout
        let complaint = LastBytes(limit: 2048)
        do {
            let result = try await Subprocess.run(
                configuration, input: .none, output: .sequence, error: .sequence
            ) { execution in
                RunningPrograms.insert(execution.processIdentifier.value)
                defer { RunningPrograms.remove(execution.processIdentifier.value) }
                let watchdog = Task {
                    try await Task.sleep(until: deadline, clock: clock)
                    await execution.teardown(using: teardown)
                }
                defer { watchdog.cancel() }
                async let errors: Void = complaint.collect(execution.standardError)
                do {
                    for try await buffer in execution.standardOutput { try body(buffer) }
                } catch {
                    await execution.teardown(using: teardown)
                    throw error
                }
                try await errors
            }
            try Task.checkCancellation()
            guard clock.now < deadline else {
                throw SourceError(.unknown, "`\(name)` ran for more than \(settings.timeout) and was ended")
            }
            guard result.terminationStatus.isSuccess else {
                throw SourceError(.unknown, "`\(name)` \(result.terminationStatus.sentence)\(await complaint.sentence)")
            }
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            throw SourceError(
                .permanent, "`\(name)` could not be run in \(settings.directory): \(error.description)")
        }
    }

    private var environment: Environment {
        var changes: [Environment.Key: String?] = [:]
        for name in settings.withheld { changes[Environment.Key(stringLiteral: name)] = .some(nil) }
        for (name, value) in settings.environment { changes[Environment.Key(stringLiteral: name)] = value }
        return .inherit.updating(changes)
    }
}

/// Keeps the end of what a program says on its standard error.
private actor LastBytes {
    private let limit: Int
    private var bytes: [UInt8] = []

    init(limit: Int) {
        self.limit = limit
    }

    func collect(_ output: SubprocessOutputSequence) async throws {
        for try await buffer in output {
            buffer.withUnsafeBytes { bytes.append(contentsOf: $0) }
            if bytes.count > limit { bytes.removeFirst(bytes.count - limit) }
        }
    }

    /// What was kept as the end of a sentence, on one line.
    var sentence: String {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.isEmpty
            ? ", saying nothing on standard error" : ", saying: \(lines.suffix(3).joined(separator: " / "))"
    }
}

extension TerminationStatus {
    /// The status as a part of a sentence.
    fileprivate var sentence: String {
        switch self {
        case .exited(let code): "ended with status \(code)"
        case .signaled(let signal): "was ended by signal \(signal)"
        }
    }
}

extension String {
    var trimmingWhitespace: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}
