import Foundation

/// One reading of a config: what it may consult and what it has found so far.
///
/// A class, because every reader adds to the same list of problems; it never leaves the thread that reads.
final class Reading {
    let path: String
    /// Absolute.
    let directory: String
    let environment: [String: String]
    /// Whether `${env:…}` and `${file:…}` are replaced; if not, they stay as they are written.
    let expandsValues: Bool
    /// Values that must not be shown.
    private(set) var secrets: Set<String> = []
    /// The settings that were asked for, as `group.name`, so that a test can hold them against the table.
    var consulted: Set<String> = []
    private var problems: [ConfigurationError.Problem] = []

    /// More would only bury the first ones.
    private static let problemLimit = 50

    init(path: String, directory: String, environment: [String: String], expandsValues: Bool = true) {
        self.path = path
        self.directory = URL(fileURLWithPath: directory, isDirectory: true).standardizedFileURL.path
        self.environment = environment
        self.expandsValues = expandsValues
    }

    var hasProblems: Bool { !problems.isEmpty }

    /// Adds a problem, once: a default that is wrong for each of ten streams is one mistake.
    func report(_ message: String, at position: Position?, suggestion: @autoclosure () -> String? = nil) {
        guard problems.count < Reading.problemLimit else { return }
        let problem = ConfigurationError.Problem(
            line: position?.line,
            column: position?.column,
            message: redacted(message, shortest: 6),
            suggestion: suggestion().flatMap { redacted($0, shortest: 1) == $0 ? Shown.text($0) : nil }
        )
        if !problems.contains(problem) { problems.append(problem) }
    }

    /// Adds a problem in words that cannot tell secrets from other text, as another module's.
    func report(foreign message: String, at position: Position?, suggestion: @autoclosure () -> String? = nil) {
        // Cut only after masking: half a secret would not be recognised.
        report(Shown.text(redacted(message, shortest: 1), limit: 500), at: position, suggestion: suggestion())
    }

    func addSecret(_ value: String) {
        if !value.isEmpty { secrets.insert(value) }
    }

    /// `text` with every secret of at least `shortest` characters masked, the longest first.
    func redacted(_ text: String, shortest: Int) -> String {
        var result = text
        for secret in secrets.sorted(by: { ($0.count, $0) > ($1.count, $1) }) where secret.count >= shortest {
            // Twice: a template's text has the braces of its secrets doubled.
            result = result.replacing(secret, with: Secret.mask)
            let doubled = secret.replacing("{", with: "{{").replacing("}", with: "}}")
            if doubled != secret { result = result.replacing(doubled, with: Secret.mask) }
        }
        return result
    }

    /// - Throws: ``ConfigurationError`` with everything that was reported, in the order of the file.
    func throwProblems() throws(ConfigurationError) {
        guard hasProblems else { return }
        let ordered = problems.enumerated().sorted {
            ($0.element.line ?? 0, $0.element.column ?? 0, $0.offset)
                < ($1.element.line ?? 0, $1.element.column ?? 0, $1.offset)
        }
        throw ConfigurationError(path: path, problems: ordered.map(\.element))
    }
}
