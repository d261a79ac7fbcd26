/// How a session is opened and kept.
public struct SessionOptions: Sendable {
    /// A libpq connection string, URI or keywords; nil leaves everything to libpq's environment (`PGHOST`, `PGSERVICE` …).
    public var connectionString: String?
    /// What `pg_stat_activity` calls the session, where the connection string does not say.
    public var applicationName: String
    /// How long opening the session may take.
    public var connectDeadline: Duration = .seconds(15)
    /// How long one statement may take unless the call says otherwise.
    public var statementDeadline: Duration = .seconds(600)
    /// How long the server has to end a statement that was cancelled before the session is given up.
    public var cancelGrace: Duration = .seconds(5)
    /// Run-time parameters set once for the session. Leave empty behind a proxy that pools transactions: they would
    /// stay on a server connection that strangers use next.
    public var parameters: [(name: String, value: String)] = []
    /// Takes the server's notices, on the session's queue.
    public var onNotice: @Sendable (Notice) -> Void = { _ in }

    /// Options with the defaults above.
    public init(connectionString: String? = nil, applicationName: String = "lacuna") {
        self.connectionString = connectionString
        self.applicationName = applicationName
    }

    /// libpq's parameters: what comes first can be overridden by the connection string, what comes last cannot.
    var libpqParameters: [(String, String)] {
        var parameters = [
            ("fallback_application_name", applicationName),
            ("keepalives", "1"), ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "60000"),
        ]
        if let connectionString, !connectionString.isEmpty { parameters.append(("dbname", connectionString)) }
        parameters.append(("client_encoding", "UTF8"))
        return parameters
    }
}
