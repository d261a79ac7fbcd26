import Foundation
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
            let task = Task { try await session.query(sql("SELECT pg_sleep(60)")) }
            try await Task.sleep(for: .milliseconds(200))
            let clock = ContinuousClock()
            let start = clock.now
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(clock.now - start < .seconds(1))
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

    @Test("Sessions that wait keep nobody else from running")
    func ownThreads() async throws {
        try await TestDatabase.with { database in
            let sessions = try await withThrowingTaskGroup(of: Session.self) { group in
                for _ in 0..<16 { group.addTask { try await database.connect() } }
                return try await group.reduce(into: [Session]()) { $0.append($1) }
            }
            let ticks = Mutex(0)
            let ticker = Task {
                while !Task.isCancelled {
                    try await Task.sleep(for: .milliseconds(10))
                    ticks.withLock { $0 += 1 }
                }
            }
            let clock = ContinuousClock()
            let start = clock.now
            try await withThrowingTaskGroup { group in
                for session in sessions { group.addTask { _ = try await session.query(sql("SELECT pg_sleep(0.5)")) } }
                try await group.waitForAll()
            }
            let taken = clock.now - start
            ticker.cancel()
            // One after the other they would take 8 s, four at a time 2 s.
            #expect(taken < .milliseconds(1500))
            #expect(ticks.withLock { $0 } >= 10)
            for session in sessions { await session.close() }
        }
    }
}
