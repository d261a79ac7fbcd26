/// What is wrong with a config, with the place of every problem that was found.
///
/// Nothing in it is a secret: values that came from the environment or a file are shown as `***`.
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One thing that is wrong.
    package struct Problem: Sendable, Hashable {
        /// The line, from 1; nil if the whole file is meant.
        package let line: Int?
        /// The column, from 1, counted in Unicode scalars; nil if the whole file is meant.
        package let column: Int?
        /// What is wrong, and what to do where that is not plain.
        package let message: String
        /// The valid name that was probably meant.
        package let suggestion: String?
    }

    /// The config's path, as it was given.
    package let path: String
    /// What was found, in the order of the file; at least one.
    package let problems: [Problem]

    /// The line of the first problem.
    package var line: Int? { problems.first?.line }
    /// The column of the first problem.
    package var column: Int? { problems.first?.column }
    /// The message of the first problem.
    package var message: String { problems.first?.message ?? "" }
    /// The suggestion of the first problem.
    package var suggestion: String? { problems.first?.suggestion }

    /// One line a problem: `lacuna.yaml:12:5: unknown setting 'tabel' in stream 'blocks'; did you mean 'table'?`
    package var description: String {
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
