/// A five-character condition code of PostgreSQL.
///
/// See <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
package struct SQLState: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The code, as in `23505`.
    package let rawValue: String

    /// A code.
    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The class, the first two characters: `23` for integrity constraint violations.
    package var conditionClass: String { String(rawValue.prefix(2)) }

    /// The code.
    package var description: String { rawValue }

    /// The server does not do that here.
    package static let featureNotSupported = SQLState(rawValue: "0A000")
    /// A row was proposed twice for one `ON CONFLICT DO UPDATE`.
    package static let cardinalityViolation = SQLState(rawValue: "21000")
    /// A unique constraint was violated.
    package static let uniqueViolation = SQLState(rawValue: "23505")
    /// The transaction is read-only, as on a standby.
    package static let readOnlyTransaction = SQLState(rawValue: "25006")
    /// The transaction is aborted and takes no statements.
    package static let inFailedTransaction = SQLState(rawValue: "25P02")
    /// No right to do that.
    package static let insufficientPrivilege = SQLState(rawValue: "42501")
    /// No such table.
    package static let undefinedTable = SQLState(rawValue: "42P01")
    /// 42703: there is no such column.
    package static let undefinedColumn = SQLState(rawValue: "42703")
    /// No such schema.
    package static let invalidSchemaName = SQLState(rawValue: "3F000")
    /// No such function.
    package static let undefinedFunction = SQLState(rawValue: "42883")
    /// A concurrent update forbids serialisation.
    package static let serializationFailure = SQLState(rawValue: "40001")
    /// Two transactions waited for each other.
    package static let deadlockDetected = SQLState(rawValue: "40P01")
    /// A lock was not to be had in time.
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// The statement was cancelled, by a request or by `statement_timeout`.
    package static let queryCanceled = SQLState(rawValue: "57014")
    /// The server takes no more connections.
    package static let tooManyConnections = SQLState(rawValue: "53300")
    /// The disk is full.
    package static let diskFull = SQLState(rawValue: "53100")

    /// Whether the same transaction may succeed in a moment: lost connections, shutdowns, exhausted connections,
    /// deadlocks, serialisation failures and lock timeouts.
    package var isTransient: Bool {
        switch self {
        case .serializationFailure, .deadlockDetected, .lockNotAvailable, .tooManyConnections: true
        default:
            conditionClass == "08" || ["57P01", "57P02", "57P03", "25P03", "57P05"].contains(rawValue)
        }
    }
}
