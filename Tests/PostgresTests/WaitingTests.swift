import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Waiting for the server")
struct WaitingTests {
    @Test("A deadline ends the statement and leaves the session usable")
    func deadline() async throws {
        try await withSession { session, database in
            let clock = ContinuousClock()
            let start = clock.now
            let error = await #expect(throws: PostgresError.self) {
                try await session.query(sql("SELECT pg_sleep(60)"), deadline: .milliseconds(200))
            }
            #expect(clock.now - start < .seconds(10))
            guard case .deadlineExceeded = try #require(error) else {
                Issue.record("another error: \(String(describing: error))")
                return
            }
            try await expectUsable(session)
            #expect(
                try await database.number(
                    "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'SELECT pg_sleep[(]60' AND state = 'active' AND datname = current_database()"
                ) == 0)
        }
    }

    @Test("A session whose grace is shorter than a second is cancelled and kept all the same")
    func shortGrace() async throws {
        try await TestDatabase.with { database in
            var options = SessionOptions(connectionString: database.connectionString)
            options.cancelGrace = .milliseconds(900)
            let session = try await Session.connect(options)
            await #expect(throws: PostgresError.self) {
                try await session.query(sql("SELECT pg_sleep(60)"), deadline: .milliseconds(50))
            }
            try await expectUsable(session)
            await session.close()
        }
    }

    @Test("A cancelled task ends its statement within a second and leaves the session usable")
    func cancellation() async throws {
        try await withSession { session, _ in
            let clock = ContinuousClock()
            // Taken on the session's thread, which other tests do not keep busy.
            let ended = Mutex<ContinuousClock.Instant?>(nil)
            let task = Task {
                try await session.withTransaction { session in
                    defer { ended.withLock { $0 = clock.now } }
                    try await session.query(sql("SELECT pg_sleep(60)"))
                }
            }
            try await Task.sleep(for: .milliseconds(200))
            let cancelled = clock.now
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let end = try #require(ended.withLock { $0 })
            #expect(end - cancelled < .seconds(1))
            try await expectUsable(session)
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
                        _ = try await waiting.query(sql("SELECT pg_advisory_lock_shared(1)"), deadline: .seconds(60))
                        await waiting.close()
                    }
                }
                // The lock is given up once all of them wait for it: with fewer threads than sessions that never comes.
                let waiting = sql(
                    "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                var count = 0
                for _ in 0..<300 where count < 16 {
                    try await Task.sleep(for: .milliseconds(50))
                    count = try await session.query(waiting).only().get("n")
                }
                #expect(count == 16)
                _ = try await session.query(sql("SELECT pg_advisory_unlock(1)"))
                try await group.waitForAll()
            }
        }
    }
}
