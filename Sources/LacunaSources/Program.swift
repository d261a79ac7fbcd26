import Foundation
import LacunaModel
import LacunaRecords
import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// A program and what it runs in: an argument vector, never a shell, in a process group of its own.
struct Program: Sendable {
    /// The first is the program, looked up in PATH or relative to ``directory``.
    let arguments: [String]
    let directory: String
    /// Variables added to the environment that it inherits.
    let added: [String: String]
    /// Variables that it does not inherit.
    let withheld: Set<String>
    /// What must not be shown of what it says.
    let secrets: Set<String>
    let timeout: Duration

    /// Runs it to its end. Where it runs too long, or `body` throws, its process group is ended.
    ///
    /// - Parameters:
    ///   - input: its standard input.
    ///   - body: takes what it prints, chunk by chunk.
    /// - Throws: ``SourceError`` if it cannot be started, runs too long or fails; `CancellationError`; what `body` throws.
    func run(
        input: some InputProtocol & Sendable, _ body: (SubprocessOutputSequence.Buffer) throws -> Void
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
            name.contains("/") ? .path(FilePath(directory).pushing(FilePath(name))) : .name(name)
        let configuration = Configuration(
            executable: executable, arguments: Arguments(Array(arguments.dropFirst())), environment: environment,
            workingDirectory: FilePath(directory), platformOptions: options)
        let clock = ContinuousClock()
        let deadline = clock.now + timeout
        let complaint = LastBytes(limit: 1 << 16, mask: SecretMask(secrets))
        let number = try RunningPrograms.announce()
        defer { RunningPrograms.forget(number) }
        do {
            let result = try await Subprocess.run(
                configuration, input: input, output: .sequence, error: .sequence
            ) { execution in
                RunningPrograms.started(number, leader: execution.processIdentifier.value)
                defer { RunningPrograms.forget(number) }
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
                try await Program.endGroup(of: execution.processIdentifier.value)
            }
            try Task.checkCancellation()
            guard clock.now < deadline else {
                throw SourceError(.unknown, "`\(name)` ran for more than \(timeout) and was ended")
            }
            guard result.terminationStatus.isSuccess else {
                throw SourceError(.unknown, "`\(name)` \(result.terminationStatus.sentence)\(await complaint.sentence)")
            }
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            throw SourceError(.permanent, "`\(name)` could not be run in \(directory): \(error.description)")
        }
    }

    /// Waits for the end of the program, and ends what it left running.
    private static func endGroup(of leader: pid_t) async throws {
        var end = siginfo_t()
        // It stays a zombie (WNOWAIT), so that its number cannot be another group's before the group is ended.
        while waitid(P_PID, id_t(leader), &end, WEXITED | WNOHANG | WNOWAIT) == 0 {
            if end.si_signo != 0 {
                kill(-leader, SIGKILL)
                return
            }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    private var environment: Environment {
        var changes: [Environment.Key: String?] = [:]
        for name in withheld { changes[Environment.Key(stringLiteral: name)] = .some(nil) }
        for (name, value) in added { changes[Environment.Key(stringLiteral: name)] = value }
        return .inherit.updating(changes)
    }
}

/// Keeps the end of what a program says on its standard error.
private actor LastBytes {
    private let limit: Int
    private let mask: SecretMask
    private var bytes: [UInt8] = []
    private var isCut = false

    init(limit: Int, mask: SecretMask) {
        self.limit = limit
        self.mask = mask
    }

    func collect(_ output: SubprocessOutputSequence) async throws {
        for try await buffer in output {
            buffer.withUnsafeBytes { bytes.append(contentsOf: $0) }
            if bytes.count > limit {
                bytes.removeFirst(bytes.count - limit)
                isCut = true
            }
        }
    }

    /// What was kept as the end of a sentence, on one line. Masked before it is cut to length, and without a line whose
    /// beginning was lost: half a secret would not be recognised.
    var sentence: String {
        let text = mask(String(decoding: bytes, as: UTF8.self))
        let lines = text.split(whereSeparator: \.isNewline).dropFirst(isCut ? 1 : 0)
        let said = lines.suffix(3).joined(separator: " / ")
        return said.isEmpty ? ", saying nothing on standard error" : ", saying: \(said.suffix(2000))"
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
