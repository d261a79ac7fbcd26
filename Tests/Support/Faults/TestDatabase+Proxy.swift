import Foundation

extension TestDatabase {
    /// Runs `body` beside a proxy to the server.
    ///
    /// - Parameter body: takes the proxy and a connection string that leads through it to this database.
    public func withProxy<Value>(
        _ body: (_ proxy: FaultProxy, _ connectionString: String) async throws -> Value
    ) async throws -> Value {
        let environment = ProcessInfo.processInfo.environment
        guard let host = environment["PGHOST"], !host.isEmpty else {
            throw TestEnvironmentError(
                "PGHOST does not say where the server listens: run the tests by scripts/test, without DATABASE_URL, or set "
                    + "PGHOST, PGPORT and PGUSER beside it")
        }
        let port = environment["PGPORT"].flatMap(Int.init) ?? 5432
        let server: FaultProxy.Server = host.hasPrefix("/") ? .unix("\(host)/.s.PGSQL.\(port)") : .tcp(host, port)
        return try await FaultProxy.with(to: server) { proxy in
            try await body(
                proxy, proxy.connectionString(user: environment["PGUSER"] ?? "postgres", database: name))
        }
    }
}
