/// A statement as it is sent: SQL with `$1 …` and the values for them.
package struct BoundStatement: Sendable {
    /// What the statement is called in errors.
    package let name: String
    /// The SQL.
    package let sql: String
    /// The values as text, nil for NULL.
    package let values: [String?]
    /// What a template calls the values; empty if the statement was not made from one.
    package let variables: [String]

    /// A statement from its parts.
    package init(name: String, sql: String, values: [String?] = []) {
        self.init(name: name, sql: sql, values: values, variables: [])
    }

    fileprivate init(name: String, sql: String, values: [String?], variables: [String]) {
        self.name = name
        self.sql = sql
        self.values = values
        self.variables = variables
    }
}

/// SQL that was built from quoted identifiers and literals, never from a user's text.
package struct SQLFragment: Sendable, Hashable, CustomStringConvertible {
    /// The SQL.
    package let description: String

    /// A fragment of SQL that the caller vouches for.
    package init(trusted sql: String) {
        description = sql
    }

    /// A quoted identifier, or several joined by dots.
    ///
    /// This is the one place where identifiers are quoted.
    ///
    /// - Throws: ``PostgresError/invalidValue(_:)`` for an empty identifier or one with a NUL.
    package init(identifier parts: String...) throws {
        description = try parts.map { part in
            guard !part.isEmpty, !part.utf8.contains(0) else {
                throw PostgresError.invalidValue("'\(part)' cannot be a name in PostgreSQL")
            }
            return "\"\(part.doubling(["\""]))\""
        }.joined(separator: ".")
    }

    /// A quoted literal of unknown type, whatever `standard_conforming_strings` says.
    ///
    /// - Throws: ``PostgresError/invalidValue(_:)`` if it holds a NUL.
    package init(literal value: String) throws {
        guard !value.utf8.contains(0) else {
            throw PostgresError.invalidValue("a value with a NUL at byte \(value.utf8.prefix { $0 != 0 }.count)")
        }
        description =
            value.unicodeScalars.contains("\\") ? " E'\(value.doubling(["'", "\\"]))'" : "'\(value.doubling(["'"]))'"
    }
}

/// A statement of a `.sql` file that psql runs as it stands.
///
/// It uses psql's own variables (<https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-INTERPOLATION>):
/// `:"name"` is an identifier, `:'name'` a value, `:name` a fragment of SQL. Bound here, identifiers are quoted, values
/// become parameters, and fragments are ``SQLFragment``s, which may use values themselves.
package struct StatementTemplate: Sendable {
    /// The file's name without its ending.
    package let name: String
    private let parts: [Part]

    /// A part of a template or of a fragment.
    private enum Part: Sendable {
        case text(String)
        /// `:name`, `:"name"` or `:'name'`.
        case variable(String, quote: Unicode.Scalar?)
    }

    /// A template from a file's text.
    package init(name: String, text: String) {
        self.name = name
        parts = StatementTemplate.parts(of: StatementTemplate.withoutComments(text))
    }

    /// The statement with everything in place.
    ///
    /// - Parameters:
    ///   - identifiers: for `:"name"`.
    ///   - fragments: for `:name`.
    ///   - values: for `:'name'`; nil is NULL.
    ///   - userSQL: a user's own SQL for `:name`. It goes in as it stands: what looks like a variable in it is none.
    /// - Throws: ``PostgresError/misuse(_:)`` if a variable has no value.
    package func bound(
        identifiers: [String: String] = [:], fragments: [String: SQLFragment] = [:], values: [String: String?] = [:],
        userSQL: [String: String] = [:]
    ) throws -> BoundStatement {
        var sql = ""
        var order: [String] = []
        func append(_ part: Part) throws {
            switch part {
            case .text(let text): sql += text
            case .variable(let name, "\""):
                guard let identifier = identifiers[name] else {
                    throw PostgresError.misuse("\(self.name): no identifier for :\"\(name)\"")
                }
                sql += try SQLFragment(identifier: identifier).description
            case .variable(let name, .some):
                guard values[name] != nil else { throw PostgresError.misuse("\(self.name): no value for :'\(name)'") }
                if !order.contains(name) { order.append(name) }
                sql += "$\((order.firstIndex(of: name) ?? 0) + 1)"
            case .variable(let name, nil): sql += ":\(name)"
            }
        }
        for part in parts {
            guard case .variable(let name, nil) = part else {
                try append(part)
                continue
            }
            if let userSQL = userSQL[name] {
                sql += userSQL
            } else if let fragment = fragments[name] {
                for inner in StatementTemplate.parts(of: fragment.description) { try append(inner) }
            } else {
                throw PostgresError.misuse("\(self.name): no fragment for :\(name)")
            }
        }
        return BoundStatement(name: name, sql: sql, values: order.map { values[$0] ?? nil }, variables: order)
    }

    /// Finds `:name`, `:"name"` and `:'name'` outside literals and quoted identifiers.
    ///
    /// It goes by Unicode scalars, as the server does: a quote and a combining mark after it are one `Character`.
    private static func parts(of text: String) -> [Part] {
        guard text.utf8.contains(UInt8(ascii: ":")) else { return [.text(text)] }
        var parts: [Part] = []
        var literal = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let character = rest.popFirst() {
            switch character {
            case "'", "\"":
                // A literal or a quoted identifier of the file itself: copied whole.
                literal.append(character)
                while let inner = rest.popFirst() {
                    literal.append(inner)
                    if inner == character { break }
                }
            case ":" where rest.first == ":":
                literal.append(contentsOf: "::".unicodeScalars)
                rest.removeFirst()
            case ":":
                let quote: Unicode.Scalar? = rest.first == "\"" || rest.first == "'" ? rest.first : nil
                let name = rest.dropFirst(quote == nil ? 0 : 1).prefix {
                    $0.properties.isAlphabetic || "0"..."9" ~= $0 || $0 == "_"
                }
                guard !name.isEmpty else {
                    literal.append(character)
                    continue
                }
                parts.append(.text(String(literal)))
                literal = String.UnicodeScalarView()
                parts.append(.variable(String(name), quote: quote))
                rest = rest.dropFirst(name.count + (quote == nil ? 0 : 2))
            default:
                literal.append(character)
            }
        }
        parts.append(.text(String(literal)))
        return parts
    }

    private static func withoutComments(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.drop(while: \.isWhitespace).hasPrefix("--") && !$0.hasPrefix("\\") }
            .joined(separator: "\n")
            .trimmingSuffixSemicolon()
    }
}

extension String {
    /// The text with each of these scalars written twice.
    ///
    /// `replacing` would compare whole `Character`s and miss a quote that a combining mark follows.
    fileprivate func doubling(_ doubled: Set<Unicode.Scalar>) -> String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            result.append(scalar)
            if doubled.contains(scalar) { result.append(scalar) }
        }
        return String(result)
    }

    fileprivate func trimmingSuffixSemicolon() -> String {
        var text = self[...]
        while let last = text.last, last.isWhitespace || last == ";" { text = text.dropLast() }
        return String(text)
    }
}
