import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Waiting for the server")
struct WaitingTests {
    @Test("A deadline ends the statement and leaves the session usable")
    func deadline() async throws {
        try await withSession { session, database in
            let error = await #expect(throws: PostgresError.self) {
                try await session.query(sql("SELECT pg_sleep(3600)"), deadline: .milliseconds(200))
            }
            guard case .deadlineExceeded = try #require(error) else {
                Issue.record("another error: \(String(describing: error))")
                return
            }
            try await expectUsable(session)
            #expect(
                try await database.number(
                    "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'SELECT pg_sleep[(]3600' AND state = 'active' AND datname = current_database()"
                ) == 0)
        }
    }

    @Test("A session whose grace is shorter than a second is cancelled and kept all the same")
    func shortGrace() async throws {
        try await TestDatabase.with { database in
            var options = SessionOptions(connectionString: database.connectionString)
            options.cancelGrace = .milliseconds(900)
            let cut = options
            // A server that has no time for its cancelled statement costs a session, which is right. Not every time.
            try await LongestWait.until("a session is kept") {
                let session = try await Session.connect(cut)
                await #expect(throws: PostgresError.self) {
                    try await session.query(sql("SELECT pg_sleep(3600)"), deadline: .milliseconds(50))
                }
                let isKept = session.isUsable
                if isKept { try await expectUsable(session) }
                await session.close()
                return isKept
            }
        }
    }

    @Test("A cancelled task ends its statement and leaves the session usable")
    func cancellation() async throws {
        try await withSession { session, database in
            let observer = try await database.connect()
            for _ in 0..<rounds(3) {
                let task = Task {
                    try await session.withTransaction { try await $0.query(sql("SELECT pg_sleep(3600)")) }
                }
                try await waitUntil("wait_event = 'PgSleep'", of: session, as: observer)
                task.cancel()
                // Not after an hour, and the session is not the worse for it.
                await #expect(throws: CancellationError.self) { try await task.value }
                try await expectUsable(session)
            }
            await observer.close()
        }
    }

    @Test("A task that is cancelled before it asks sends nothing")
    func cancelledBefore() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await session.query(sql("INSERT INTO t VALUES (1)"))
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("Any number of sessions wait at once, and async code goes on meanwhile")
    func ownThreads() async throws {
        try await withSession { session, database in
            _ = try await session.query(sql("SELECT pg_advisory_lock(1)"))
            try await withThrowingTaskGroup { group in
                for _ in 0..<16 {
                    group.addTask {
                        let waiting = try await database.connect()
                        _ = try await waiting.query(
                            sql("SELECT pg_advisory_lock_shared(1)"), deadline: LongestWait.duration)
                        await waiting.close()
                    }
                }
                // The lock is given up once all of them wait for it: with fewer threads than sessions that never comes.
                let waiting = sql(
                    "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                try await LongestWait.until("all sessions wait") {
                    try await session.query(waiting).only().get("n", as: Int.self) == 16
                }
                _ = try await session.query(sql("SELECT pg_advisory_unlock(1)"))
                try await group.waitForAll()
            }
        }
    }
}
