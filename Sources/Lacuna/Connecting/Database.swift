import Foundation
import LacunaModel
import LacunaRecords
import Postgres

/// The database that holds the tables and the `lacuna` schema, and how sessions on it are opened.
public struct Database: Sendable {
    /// A libpq connection string; nil leaves everything to libpq's environment.
    public let connectionString: String?
    /// How long one statement may take; opening a session takes no longer either, and 15 s at most.
    public var statementDeadline: Duration = .seconds(600)
    /// Takes the server's notices.
    package var onNotice: @Sendable (Notice) -> Void = { _ in }
    /// Takes what is wrong with the way to the server, for each session that is opened.
    public var onWarning: @Sendable (String) -> Void = { _ in }

    /// Opens a session.
    package var open: @Sendable (SessionOptions) async throws -> Session = { try await Session.connect($0) }

    let host: String
    let processID: Int32

    /// A database by its connection string.
    public init(connectionString: String?) {
        self.connectionString = connectionString
        host = ProcessInfo.processInfo.hostName
        processID = ProcessInfo.processInfo.processIdentifier
    }

    /// Opens a session.
    ///
    /// - Parameters:
    ///   - activity: what `pg_stat_activity` shows.
    ///   - stream: the stream that it works for. Where its leases are off, nothing is set on the session, because a proxy
    ///     may give its server connection to strangers.
    /// - Throws: ``PostgresError/connectionFailed(_:)``.
    package func connect(_ activity: String, stream: StreamDefinition? = nil) async throws -> Session {
        var options = SessionOptions(connectionString: connectionString, applicationName: "lacuna \(activity)")
        options.statementDeadline = statementDeadline
        options.connectDeadline = min(options.connectDeadline, statementDeadline)
        options.onNotice = onNotice
        options.searchPath = lacunaSearchPath
        options.isPooled = !(stream?.leases ?? true)
        if !options.isPooled {
            // The server ends what this side cannot: a client that vanished inside a transaction or behind a dead network.
            options.parameters = [
                ("idle_in_transaction_session_timeout", "120s"), ("tcp_keepalives_idle", "60"),
                ("tcp_keepalives_interval", "10"), ("tcp_keepalives_count", "6"),
            ]
        }
        let session = try await open(options)
        if let warning = session.transportWarning { onWarning(warning) }
        return session
    }
}
