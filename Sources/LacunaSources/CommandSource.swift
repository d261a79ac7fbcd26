import LacunaModel
import LacunaRecords
import Subprocess

/// Runs a program for each window and reads the records from its standard output.
///
/// The program is an argument vector, never a shell. It runs in a process group of its own, which is ended with the batch.
/// Its exit status decides: whatever it printed, a status other than 0 rejects the whole batch.
public struct CommandSource: Source {
    private let settings: CommandSettings

    /// A source from its settings.
    public init(_ settings: CommandSettings) {
        self.settings = settings
    }

    /// Runs the program for a window.
    ///
    /// - Throws: ``SourceError`` if it cannot be started, runs too long or fails; what `sink` throws.
    public func fetch(_ request: FetchRequest, into sink: RecordSink) async throws -> FetchSummary {
        let arguments = try arguments(settings.command, Subject(request))
        try sink.begin(settings.format)
        try await run(arguments) { buffer in try buffer.withUnsafeBytes { try sink.write($0) } }
        // The exit status says that the output is whole, so that a last row without a line end is no cut.
        try sink.endOfDocument(lengthIsProven: true)
        return FetchSummary()
    }

    /// Runs the program that prints the tip.
    ///
    /// - Returns: the key; nil if the program prints nothing.
    /// - Throws: ``SourceError``.
    public func tip(_ request: TipRequest) async throws -> String? {
        guard !settings.tip.isEmpty else {
            throw SourceError(.unavailable, "the source has no `tip` command, \(TipRequest.need)")
        }
        let arguments = try arguments(settings.tip, Subject(request))
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

    /// The argument vector. Which program is run is chosen by the config: a partition's value is a part of its name at most.
    private func arguments(_ templates: [Template], _ subject: Subject) throws(SourceError) -> [String] {
        do {
            var arguments: [String] = []
            for (index, template) in templates.enumerated() {
                if template.usesKeys { try subject.requireSeparableKeys() }
                if index == 0 {
                    arguments.append(try template.renderPath(subject))
                } else {
                    arguments.append(try template.render(subject) { _, value throws(TemplateError) in value })
                }
            }
            return arguments
        } catch { throw SourceError(.permanent, "\(error)") }
    }

    private func run(
        _ arguments: [String], _ body: (SubprocessOutputSequence.Buffer) throws -> Void
    ) async throws {
        let program = Program(
            arguments: arguments, directory: settings.directory, added: settings.environment,
            withheld: settings.withheld, secrets: settings.secrets, timeout: settings.timeout)
        try await program.run(input: .none, body)
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
