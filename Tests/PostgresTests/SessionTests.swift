import Postgres
import TestSupport
import Testing

@Suite("A session")
struct SessionTests {
    @Test("commits what its transaction wrote")
    func commits() async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            try await session.withTransaction { session in
                try await session.query(BoundStatement(name: "insert", sql: "INSERT INTO t VALUES ($1)", values: ["7"]))
            }
            await session.close()
            #expect(try await database.value("SELECT n FROM t") == "7")
        }
    }
}
