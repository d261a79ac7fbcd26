import CLibPQ

/// How a session is opened and kept.
package struct SessionOptions: Sendable {
    /// A libpq connection string, URI or keywords; nil leaves everything to libpq's environment (`PGHOST`, `PGSERVICE` …).
    package var connectionString: String?
    /// What `pg_stat_activity` calls the session, if the connection string does not say.
    package var applicationName: String
    /// How long opening the session may take.
    package var connectDeadline: Duration = .seconds(15)
    /// How long one statement may take unless the call says otherwise.
    package var statementDeadline: Duration = .seconds(600)
    /// How long the server has to end a statement that was cancelled before the session is given up.
    package var cancelGrace: Duration = .seconds(5)
    /// Run-time parameters set once for the session. Leave empty behind a proxy that pools transactions: they would
    /// stay on a server connection that strangers use next.
    package var parameters: [(name: String, value: String)] = []
    /// What names in statements resolve with, instead of what the role, its database or the connection string sets; nil:
    /// as they set it.
    package var searchPath: String?
    /// Whether a proxy may give the server connection to strangers after each transaction. ``searchPath`` is not left
    /// behind then: it is set in every transaction, and a query outside of one becomes a transaction.
    package var isPooled = false
    /// Takes the server's notices, on the session's queue.
    package var onNotice: @Sendable (Notice) -> Void = { _ in }

    /// Options with the defaults above.
    package init(connectionString: String? = nil, applicationName: String = "lacuna") {
        self.connectionString = connectionString
        self.applicationName = applicationName
    }

    /// Rejects a connection string that libpq cannot read, without repeating any of it: a password that is not quoted as
    /// it should be ends up in libpq's message.
    func check() throws {
        guard let connectionString, !connectionString.isEmpty else { return }
        let advice =
            "the database connection string cannot be read: in a URI, characters like @ : / ? # % of user and password are "
            + "percent-encoded; in keyword=value form, values with spaces or quotes stand in single quotes"
        guard let options = SessionOptions.parse(connectionString) else {
            throw PostgresError.connectionFailed(advice)
        }
        let ports = (options["port"] ?? "0").split(separator: ",")
        guard ports.allSatisfy({ UInt16($0) != nil }) else { throw PostgresError.connectionFailed(advice) }
    }

    /// What libpq reads in a connection string, by keyword; nil if it cannot read it.
    static func parse(_ connectionString: String) -> [String: String]? {
        guard let first = PQconninfoParse(connectionString, nil) else { return nil }
        defer { PQconninfoFree(first) }
        var options: [String: String] = [:]
        var option = first
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return options
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
