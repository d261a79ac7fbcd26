import Postgres
import TestSupport
import Testing

@Suite("Statements that are sent together")
struct PipelineTests {
    private static let table = "CREATE TABLE t (n int PRIMARY KEY)"

    @Test("are run in order, and each has its rows")
    func order() async throws {
        try await withSession { session, _ in
            _ = try await session.script(Self.table, name: "test")
            let rows = try await session.query([
                sql("INSERT INTO t VALUES ($1)", "7"), sql("SELECT n FROM t"),
                sql("DELETE FROM t RETURNING n + 1 AS n"), sql("SELECT n FROM t"),
            ])
            #expect(rows.map(\.count) == [0, 1, 1, 0])
            #expect(try rows[1].only().get("n", as: Int.self) == 7)
            #expect(try rows[2].only().get("n", as: Int.self) == 8)
            #expect(rows[0].commandTag == "INSERT 0 1")
        }
    }

    @Test("Where one fails its error is thrown, those after it are not run; outside a transaction all is taken back")
    func failure() async throws {
        try await withSession { session, database in
            _ = try await session.script(Self.table, name: "test")
            let error = await #expect(throws: PostgresError.self) {
                _ = try await session.query([
                    sql("INSERT INTO t VALUES (1)"), BoundStatement(name: "the second", sql: "SELECT 1 / 0"),
                    sql("SELECT nextval('none')"),
                ])
            }
            #expect(error?.sqlState?.rawValue == "22012")
            #expect(error?.serverError?.statement == "the second")
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("A value with a NUL is refused before anything is sent")
    func nul() async throws {
        try await withSession { session, database in
            _ = try await session.script(Self.table, name: "test")
            await #expect(throws: PostgresError.self) {
                _ = try await session.query([sql("INSERT INTO t VALUES (1)"), sql("SELECT $1", "a\u{0}b")])
            }
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("A deadline and a cancelled task end them, and leave the session usable")
    func ended() async throws {
        try await withSession { session, _ in
            let statements = [sql("SELECT 1"), sql("SELECT pg_sleep(60)"), sql("SELECT 2")]
            let error = await #expect(throws: PostgresError.self) {
                _ = try await session.query(statements, deadline: .milliseconds(200))
            }
            guard case .deadlineExceeded = try #require(error) else {
                Issue.record("another error: \(String(describing: error))")
                return
            }
            try await expectUsable(session)
            for attempt in 0..<100 {
                let task = Task {
                    try await session.query([sql("SELECT 1"), sql("SELECT pg_sleep(0.001)"), sql("SELECT 2")])
                }
                if attempt % 4 > 0 { try await Task.sleep(for: .microseconds(attempt * 20)) }
                task.cancel()
                _ = await task.result
                try await expectUsable(session)
            }
        }
    }

    @Test("A server process that is ended meanwhile is a transient fault")
    func terminated() async throws {
        try await withSession { session, database in
            let process = await session.backendProcessID
            async let ending: Void = {
                try await Task.sleep(for: .milliseconds(200))
                _ = try await database.value("SELECT pg_terminate_backend(\(process))")
            }()
            let error = await #expect(throws: PostgresError.self) {
                _ = try await session.query([sql("SELECT 1"), sql("SELECT pg_sleep(60)"), sql("SELECT 2")])
            }
            try await ending
            #expect(error?.isTransient == true)
            #expect(await !session.isUsable)
        }
    }

    @Test("What waits goes ahead of the next statement, script, COPY or COMMIT", arguments: 0..<5)
    func waits(next: Int) async throws {
        try await withSession { session, database in
            _ = try await session.script(Self.table, name: "test")
            try await session.withTransaction { session in
                try session.enqueue(sql("INSERT INTO t VALUES ($1)", "1"))
                try session.enqueue(sql("UPDATE t SET n = n + 1"))
                switch next {
                case 0:
                    let rows = try await session.query(sql("SELECT n FROM t"))
                    #expect(try rows.only().get("n", as: Int.self) == 2)
                case 1:
                    let rows = try await session.script("SELECT n FROM t", name: "test")
                    #expect(rows.first?.count == 1)
                case 2:
                    let copied = try await session.copyIn(sql("COPY t FROM STDIN")) { put in
                        try Array("3\n".utf8).withUnsafeBytes { try put($0) }
                    }
                    #expect(copied == 1)
                case 3: try await session.forEachRow(sql("SELECT n FROM t")) { _ = try $0.get("n", as: Int.self) }
                default: break
                }
            }
            #expect(try await database.column("SELECT n FROM t ORDER BY n") == (next == 2 ? ["2", "3"] : ["2"]))
        }
    }

    @Test("Where what waits fails, COMMIT is not carried out, and its error is thrown")
    func waitingFails() async throws {
        try await withSession { session, database in
            _ = try await session.script(Self.table, name: "test")
            let error = await #expect(throws: PostgresError.self) {
                try await session.withTransaction { session in
                    try await session.query(sql("INSERT INTO t VALUES (1)"))
                    try session.enqueue(sql("INSERT INTO t VALUES (2)"))
                    try session.enqueue(sql("INSERT INTO t VALUES (1)"))
                }
            }
            #expect(error?.sqlState == .uniqueViolation)
            try await expectUsable(session)
            #expect(await !session.isTransactionOpen)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("What waits is forgotten where the transaction is rolled back, and can wait in a transaction only")
    func forgotten() async throws {
        try await withSession { session, database in
            _ = try await session.script(Self.table, name: "test")
            await #expect(throws: TransactionTests.Broken.self) {
                try await session.withTransaction { session in
                    try session.enqueue(sql("INSERT INTO t VALUES (1)"))
                    throw TransactionTests.Broken()
                }
            }
            try await expectUsable(session)
            await #expect(throws: PostgresError.self) { try await session.enqueue(sql("INSERT INTO t VALUES (1)")) }
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }
}
