import Testing

@testable import Postgres

@Suite("An error of another node of a cluster")
struct LostNodeTests {
    private func isTransient(_ code: String, _ message: String, context: String? = nil) -> Bool {
        PostgresError.server(
            ServerError(sqlState: SQLState(rawValue: code), message: message, context: context)
        ).isTransient
    }

    @Test(
        "may pass if the node went away",
        arguments: [
            ("XX000", "server closed the connection unexpectedly"),
            ("58030", "could not receive data from server: Connection reset by peer"),
            ("58000", "terminating connection due to administrator command"),
            ("XX000", "connection to the remote node postgres@localhost:9702 failed with the following error"),
            ("XX000", "could not find valid entry for shard 102008"),
            ("08006", "connection to the remote node postgres@localhost:9702 failed"),
            ("57P01", "terminating connection due to administrator command"), ("40001", "could not serialize access"),
        ])
    func lost(code: String, message: String) {
        #expect(isTransient(code, message))
    }

    @Test(
        "is not seen in what says something else",
        arguments: [
            ("XX000", "cache lookup failed for relation 16384"),
            ("58030", "could not write to file: No space left on device"),
            ("22P02", "server closed the connection unexpectedly"), ("XX001", "could not read block 0"),
            ("23505", "connection to the remote node"),
        ])
    func others(code: String, message: String) {
        #expect(!isTransient(code, message))
    }

    @Test("may pass if a shard is not where it was, and not if a table of the user's is gone")
    func shard() {
        #expect(
            isTransient(
                "42P01", "relation \"public.t_102008\" does not exist",
                context: "while executing command on localhost:9701"))
        #expect(!isTransient("42P01", "relation \"public.t\" does not exist"))
    }
}
