import CLibPQ

/// How a session reaches its server.
package struct ServerRoute {
    /// As the connection string names it: a name, an address, or the directory of a socket.
    let host: String
    let isEncrypted: Bool
    /// `sslmode` of libpq.
    let mode: String

    /// What is wrong with it, for a person; nil if the server is on this machine, or proved that it is the one that was
    /// meant (<https://www.postgresql.org/docs/current/libpq-ssl.html>).
    var warning: String? {
        guard !ServerRoute.isOnThisMachine(host) else { return nil }
        guard isEncrypted else {
            return "the connection to PostgreSQL on \(host) is not encrypted: set sslmode=verify-full"
        }
        switch mode {
        case "verify-full": return nil
        case "verify-ca":
            return
                "the certificate of PostgreSQL on \(host) was not checked to be for that host: set sslmode=verify-full"
        default:
            return
                "the certificate of PostgreSQL on \(host) was not checked, so that it may be anybody (sslmode=\(mode)): "
                + "set sslmode=verify-full, and sslrootcert where the authority is your own"
        }
    }

    /// Whether what is said to a host stays on this machine. An address is without brackets.
    package static func isOnThisMachine(_ host: String) -> Bool {
        host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") || host == "localhost" || host == "::1"
            || host.split(separator: ".", omittingEmptySubsequences: false).count == 4 && host.hasPrefix("127.")
    }
}

extension ServerRoute {
    /// The way of a connection that stands; nil if Kerberos protects it.
    init?(_ connection: OpaquePointer) {
        guard PQgssEncInUse(connection) == 0 else { return nil }
        host = PQhost(connection).map { String(cString: $0) } ?? ""
        isEncrypted = PQsslInUse(connection) == 1
        var mode = ""
        if let first = PQconninfo(connection) {
            defer { PQconninfoFree(first) }
            var option = first
            while let keyword = option.pointee.keyword {
                if String(cString: keyword) == "sslmode" { mode = option.pointee.val.map { String(cString: $0) } ?? "" }
                option += 1
            }
        }
        self.mode = mode
    }
}
