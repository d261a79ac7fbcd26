/// What went wrong between this program and a PostgreSQL server.
package enum PostgresError: Error, Sendable {
    /// No session could be opened; the message is libpq's, without the password.
    case connectionFailed(String)
    /// The session ended before the statement was answered. Outside a COMMIT nothing was committed.
    case connectionLost(statement: String, message: String)
    /// The server rejected the statement.
    case server(ServerError)
    /// No answer came within the deadline. The statement was cancelled or the session was given up.
    case deadlineExceeded(statement: String, deadline: Duration)
    /// The connection died between COMMIT and its answer: the transaction may or may not have been committed.
    case outcomeUnknown(message: String)
    /// COMMIT was answered ROLLBACK: nothing was committed.
    case rolledBack
    /// A value has a form that was not asked for.
    case unexpectedResult(statement: String, message: String)
    /// A value that PostgreSQL cannot take, such as a text with a NUL.
    case invalidValue(String)
    /// The session is closed, or in a state that does not allow the call.
    case misuse(String)

    /// The server's own error, if there is one.
    package var serverError: ServerError? {
        if case .server(let error) = self { error } else { nil }
    }

    /// The condition code, if the server gave one.
    package var sqlState: SQLState? { serverError?.sqlState }

    /// Whether the same transaction may succeed in a moment, on a new session if need be.
    package var isTransient: Bool {
        switch self {
        case .connectionFailed, .connectionLost: true
        case .server(let error): error.isTransient
        default: false
        }
    }
}

extension PostgresError: CustomStringConvertible {
    /// A sentence for a person. Bound values are not in it.
    package var description: String {
        switch self {
        case .connectionFailed(let message): "cannot connect to PostgreSQL: \(message)"
        case .connectionLost(let statement, let message):
            "the connection to PostgreSQL was lost (\(statement)): \(message)"
        case .server(let error): error.description
        case .deadlineExceeded(let statement, let deadline):
            "PostgreSQL did not answer within \(deadline) (\(statement))"
        case .outcomeUnknown(let message):
            "the connection was lost while committing, so it is unknown whether the transaction took effect: \(message)"
        case .rolledBack: "the transaction was rolled back by the server at COMMIT"
        case .unexpectedResult(let statement, let message): "unexpected result of \(statement): \(message)"
        case .invalidValue(let message), .misuse(let message): message
        }
    }
}

/// An error that the server reported.
package struct ServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// `ERROR`, `FATAL` or `PANIC`, in English whatever the server's language.
    package let severity: String
    /// The condition code.
    package let sqlState: SQLState
    /// The primary message.
    package let message: String
    /// More on the cause, if given. It may quote a row's values.
    package let detail: String?
    /// What might help, if given.
    package let hint: String?
    /// Where it happened, as in `COPY batch, line 3, column doc`, if given.
    package let context: String?
    /// The table concerned, if given.
    package let table: String?
    /// The column concerned, if given.
    package let column: String?
    /// The constraint concerned, if given.
    package let constraint: String?
    /// The name of the statement that failed.
    package let statement: String

    /// An error from its parts.
    package init(
        severity: String = "ERROR", sqlState: SQLState, message: String, detail: String? = nil, hint: String? = nil,
        context: String? = nil, table: String? = nil, column: String? = nil, constraint: String? = nil,
        statement: String = ""
    ) {
        self.severity = severity
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
        self.context = context
        self.table = table
        self.column = column
        self.constraint = constraint
        self.statement = statement
    }

    /// The message with its code, detail, hint and the first line of its context.
    package var description: String {
        var text = "\(message) (\(sqlState)"
        text += statement.isEmpty ? ")" : ", in \(statement))"
        if let detail { text += "; \(detail)" }
        if let context, let line = context.split(separator: "\n").first { text += "; \(line)" }
        if let hint {
            text += "; hint: \(hint)"
        } else if sqlState == .insufficientPrivilege {
            text += "; grant it to the role that connects, unless a policy or a trigger refuses the row"
        }
        return text
    }
}

/// A message that the server sent beside its results: a NOTICE, a WARNING, or what a function raised.
package struct Notice: Sendable, Hashable {
    /// `NOTICE`, `WARNING`, `INFO`, `LOG` or `DEBUG`.
    package let severity: String
    /// The primary message.
    package let message: String
}
