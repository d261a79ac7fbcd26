/// A five-character condition code of PostgreSQL.
///
/// See <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
public struct SQLState: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The code, as in `23505`.
    public let rawValue: String

    /// A code.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The class, the first two characters: `23` for integrity constraint violations.
    public var conditionClass: String { String(rawValue.prefix(2)) }

    /// The code.
    public var description: String { rawValue }

    /// The server does not do that here.
    public static let featureNotSupported = SQLState(rawValue: "0A000")
    /// A row was proposed twice for one `ON CONFLICT DO UPDATE`.
    public static let cardinalityViolation = SQLState(rawValue: "21000")
    /// A unique constraint was violated.
    public static let uniqueViolation = SQLState(rawValue: "23505")
    /// The transaction is read-only, as on a standby.
    public static let readOnlyTransaction = SQLState(rawValue: "25006")
    /// The transaction is aborted and takes no statements.
    public static let inFailedTransaction = SQLState(rawValue: "25P02")
    /// No right to do that.
    public static let insufficientPrivilege = SQLState(rawValue: "42501")
    /// No such table.
    public static let undefinedTable = SQLState(rawValue: "42P01")
    /// No such schema.
    public static let invalidSchemaName = SQLState(rawValue: "3F000")
    /// No such function.
    public static let undefinedFunction = SQLState(rawValue: "42883")
    /// A concurrent update forbids serialisation.
    public static let serializationFailure = SQLState(rawValue: "40001")
    /// Two transactions waited for each other.
    public static let deadlockDetected = SQLState(rawValue: "40P01")
    /// A lock was not to be had in time.
    public static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// The statement was cancelled, by a request or by `statement_timeout`.
    public static let queryCanceled = SQLState(rawValue: "57014")
    /// The server takes no more connections.
    public static let tooManyConnections = SQLState(rawValue: "53300")
    /// The disk is full.
    public static let diskFull = SQLState(rawValue: "53100")

    /// Whether the same transaction may succeed in a moment: lost connections, shutdowns, exhausted connections,
    /// deadlocks, serialisation failures and lock timeouts.
    public var isTransient: Bool {
        switch self {
        case .serializationFailure, .deadlockDetected, .lockNotAvailable, .tooManyConnections: true
        default:
            conditionClass == "08" || ["57P01", "57P02", "57P03", "25P03", "57P05"].contains(rawValue)
        }
    }
}
