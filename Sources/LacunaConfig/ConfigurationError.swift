/// What is wrong with a config, with the place of every problem that was found.
///
/// Nothing in it is a secret: values that came from the environment or a file are shown as `***`.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One thing that is wrong.
    public struct Problem: Sendable, Hashable {
        /// The line, from 1; nil if the whole file is meant.
        public let line: Int?
        /// The column, from 1, counted in Unicode scalars; nil if the whole file is meant.
        public let column: Int?
        /// What is wrong, and what to do where that is not plain.
        public let message: String
        /// The valid name that was probably meant.
        public let suggestion: String?
    }

    /// The config's path, as it was given.
    public let path: String
    /// What was found, in the order of the file; at least one.
    public let problems: [Problem]

    /// The line of the first problem.
    public var line: Int? { problems.first?.line }
    /// The column of the first problem.
    public var column: Int? { problems.first?.column }
    /// The message of the first problem.
    public var message: String { problems.first?.message ?? "" }
    /// The suggestion of the first problem.
    public var suggestion: String? { problems.first?.suggestion }

    /// One line a problem: `lacuna.yaml:12:5: unknown setting 'tabel' in stream 'blocks'; did you mean 'table'?`
    public var description: String {
        problems.map { problem in
            var place = path
            if let line = problem.line { place += ":\(line)" }
            if let column = problem.column { place += ":\(column)" }
            let question = problem.suggestion.map { "; did you mean '\($0)'?" } ?? ""
            return "\(place): \(problem.message)\(question)"
        }
        .joined(separator: "\n")
    }
}
