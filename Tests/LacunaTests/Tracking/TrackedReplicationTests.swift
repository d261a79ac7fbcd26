import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("Changes that arrive by logical replication")
struct TrackedReplicationTests {
    @Test("are noticed, though they fire no trigger of statements")
    func subscribed() async throws {
        try await PrivateServer.with(settings: ["wal_level=logical"]) { (server: PrivateServer) async throws -> Void in
            func connect(_ database: String) async throws -> Session {
                try await Session.connect(
                    SessionOptions(
                        connectionString: server.connectionString(database: database), applicationName: "test"))
            }
            let subscriber = try await connect("postgres")
            _ = try await subscriber.script("CREATE DATABASE origin", name: "test")
            let origin = try await connect("origin")
            let table = "CREATE TABLE t (k bigint PRIMARY KEY, v text); INSERT INTO t SELECT generate_series(0, 99)"
            for session in [origin, subscriber] { _ = try await session.script(table, name: "test") }
            _ = try await origin.script("CREATE PUBLICATION p FOR TABLE t", name: "test")
            _ = try await origin.script("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", name: "test")

            _ = try await SchemaInstaller.install(on: subscriber)
            var definition = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: .integer(step: 1))
            definition.tracksChanges = true
            definition.expect.from = .unit(0)
            let stream = try await ResolvedStream.resolve(definition, on: subscriber)
            #expect(try await ChangeTracking.install(stream, on: subscriber) == .installed)
            #expect(try await Surveyor(keepsFrom: 1).survey(stream, on: subscriber).missingCount == 0)
            _ = try await subscriber.script(
                """
                CREATE SUBSCRIPTION s CONNECTION '\(server.connectionString(database: "origin"))' PUBLICATION p
                WITH (create_slot = false, copy_data = false)
                """, name: "test")
            _ = try await origin.script(
                "DELETE FROM t WHERE k IN (5, 6); UPDATE t SET k = 110 WHERE k = 9; UPDATE t SET v = 'w' WHERE k = 20",
                name: "test")
            try await LongestWait.until("the changes have arrived") {
                let arrived = try await subscriber.query(
                    BoundStatement(name: "test", sql: "SELECT count(*) AS n FROM t WHERE v = 'w' OR k = 110"))
                return try arrived.only().get("n", as: Int.self) == 2
            }
            let survey = try await Surveyor(keepsFrom: 1000).survey(stream, on: subscriber)
            #expect(survey.partitions.first?.gaps == UnitSet([5..<7, 9..<10, 100..<110]))
            #expect(survey.scan.changes?.isAgain(4...4) == true)
            _ = try await subscriber.script("ALTER SUBSCRIPTION s DISABLE", name: "test")
            _ = try await subscriber.script("ALTER SUBSCRIPTION s SET (slot_name = NONE)", name: "test")
            _ = try await subscriber.script("DROP SUBSCRIPTION s", name: "test")
            await origin.close()
            await subscriber.close()
        }
    }
}
