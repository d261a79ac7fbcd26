import Postgres
import TestSupport
import Testing

@Suite("A transaction")
struct TransactionTests {
    struct Broken: Error {}

    @Test("commits what it wrote")
    func commits() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            try await session.withTransaction { try await $0.query(sql("INSERT INTO t VALUES ($1)", "7")) }
            #expect(try await database.value("SELECT n FROM t") == "7")
        }
    }

    @Test("is seen by its own task, and by no task that was begun before")
    func scope() async throws {
        try await withSession { session, _ in
            #expect(!TransactionScope.isOpen)
            let (begun, begin) = AsyncStream.makeStream(of: Void.self)
            async let earlier: Bool = {
                for await _ in begun { break }
                return TransactionScope.isOpen
            }()
            let inside = try await session.withTransaction { _ in
                begin.yield()
                return TransactionScope.isOpen
            }
            #expect(inside)
            #expect(await earlier == false)
            #expect(!TransactionScope.isOpen)
        }
    }

    @Test("rolls back where its body throws, and passes the error on")
    func rollsBack() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            await #expect(throws: Broken.self) {
                try await session.withTransaction { session in
                    try await session.query(sql("INSERT INTO t VALUES (1)"))
                    throw Broken()
                }
            }
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("rolls back where its task is cancelled, though the body did not notice")
    func cancelled() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            let task = Task {
                try await session.withTransaction { session in
                    try await session.query(sql("INSERT INTO t VALUES (1)"))
                    withUnsafeCurrentTask { $0?.cancel() }
                }
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("leaves nothing open, whenever its task is cancelled")
    func cancelledAnyTime() async throws {
        try await withSession { session, _ in
            for attempt in 0..<rounds(400) {
                let task = Task { try await session.withTransaction { try await $0.query(sql("SELECT 1")) } }
                if attempt % 4 > 0 { try await Task.sleep(for: .microseconds(attempt % 400)) }
                task.cancel()
                _ = await task.result
                #expect(!session.isTransactionOpen)
            }
            try await expectUsable(session)
        }
    }

    @Test("is refused while another one is open on the session")
    func nested() async throws {
        try await withSession { session, _ in
            try await session.withTransaction { session in
                try await session.query(sql("SELECT 1"))
                let error = await #expect(throws: PostgresError.self) {
                    try await session.withTransaction { _ in }
                }
                guard case .misuse = try #require(error) else {
                    Issue.record("another error: \(String(describing: error))")
                    return
                }
                let isOpen = session.isTransactionOpen
                #expect(isOpen)
            }
            try await expectUsable(session)
        }
    }

    @Test("A failed statement that the body swallows makes the commit an error")
    func swallowed() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            let error = await #expect(throws: PostgresError.self) {
                try await session.withTransaction { session in
                    try await session.query(sql("INSERT INTO t VALUES (1)"))
                    _ = try? await session.query(sql("SELECT 1 / 0"))
                }
            }
            guard case .rolledBack = try #require(error) else {
                Issue.record("another error: \(String(describing: error))")
                return
            }
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("A deferred constraint that fails at COMMIT is the server's error, and nothing is written")
    func deferred() async throws {
        try await withSession { session, database in
            _ = try await session.script(
                "CREATE TABLE t (n int, CONSTRAINT once UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)", name: "test")
            let error = await #expect(throws: PostgresError.self) {
                try await session.withTransaction { try await $0.query(sql("INSERT INTO t VALUES (1), (1)")) }
            }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.serverError?.constraint == "once")
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("A snapshot does not see what others commit, and writes nothing")
    func snapshot() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            try await session.withTransaction(.snapshot) { session in
                #expect(try await session.query(sql("SELECT count(*) AS n FROM t")).only().get("n", as: Int.self) == 0)
                try await database.execute("INSERT INTO t VALUES (1)")
                #expect(try await session.query(sql("SELECT count(*) AS n FROM t")).only().get("n", as: Int.self) == 0)
            }
            let error = await #expect(throws: PostgresError.self) {
                try await session.withTransaction(.snapshot) { try await $0.query(sql("INSERT INTO t VALUES (2)")) }
            }
            #expect(error?.sqlState == .readOnlyTransaction)
        }
    }

    @Test("A server process that is ended in mid-transaction is a transient fault")
    func terminated() async throws {
        try await withSession { session, database in
            let process = session.backendProcessID
            async let ending: Void = {
                let observer = try await database.connect()
                try await waitUntil("state = 'active' AND query ~ 'pg_sleep'", of: session, as: observer)
                _ = try await observer.query(sql("SELECT pg_terminate_backend($1::integer)", String(process)))
                await observer.close()
            }()
            let error = await #expect(throws: PostgresError.self) {
                try await session.withTransaction { try await $0.query(sql("SELECT pg_sleep(60)")) }
            }
            try await ending
            #expect(error?.isTransient == true)
            #expect(error?.sqlState.map { $0.rawValue == "57P01" } ?? true)
            #expect(!session.isUsable)
        }
    }
}
