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

    @Test("Those that come again are prepared, never for a plan of the server's own, whatever fails in between")
    func prepared() async throws {
        try await withSession { session, _ in
            _ = try await session.script(Self.table, name: "test")
            let statements = (0..<3).map { "SELECT n + \($0) AS n FROM t WHERE n = $1" }
            var failures = 0
            for round in 1...60 {
                _ = try await session.query([sql("INSERT INTO t VALUES ($1)", "\(round)")] + [sql("SELECT 1")])
                // Which one fails, and whether it is prepared then, changes from round to round.
                let divisor = round % 7 == 3 ? 0 : 1
                var batch = statements.map { sql($0, "\(round)") }
                batch.insert(sql("SELECT 1 / $1::int AS n", "\(divisor)"), at: round % 4)
                do {
                    let rows = try await session.query(batch)
                    let found = try rows.map { try $0.only().get("n", as: Int.self) }
                    var expected = [round, round + 1, round + 2]
                    expected.insert(1, at: round % 4)
                    #expect(found == expected)
                } catch PostgresError.server(let error) where error.sqlState.rawValue == "22012" {
                    failures += 1
                }
                try await expectUsable(session)
            }
            #expect(failures == 9)
            let kept = try await session.query(
                sql(
                    "SELECT count(*) AS n, max(custom_plans) AS most, sum(generic_plans) AS g FROM pg_prepared_statements"
                )
            ).only()
            #expect(try (1...5).contains(kept.get("n", as: Int.self)))
            #expect(try (1...5).contains(kept.get("most", as: Int.self)) && kept.get("g", as: Int.self) == 0)
        }
    }

    @Test("Nothing is prepared where a proxy gives the server session to strangers")
    func pooled() async throws {
        try await TestDatabase.with { database in
            var options = SessionOptions(connectionString: database.connectionString)
            options.isPooled = true
            let session = try await Session.connect(options)
            for _ in 0..<8 { _ = try await session.query([sql("SELECT $1", "a"), sql("SELECT $1 || 'b'", "a")]) }
            let kept = try await session.query(sql("SELECT count(*) AS n FROM pg_prepared_statements")).only()
            #expect(try kept.get("n", as: Int.self) == 0)
            await session.close()
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
            let statements = [sql("SELECT 1"), sql("SELECT pg_sleep(3600)"), sql("SELECT 2")]
            let error = await #expect(throws: PostgresError.self) {
                _ = try await session.query(statements, deadline: .milliseconds(200))
            }
            guard case .deadlineExceeded = try #require(error) else {
                Issue.record("another error: \(String(describing: error))")
                return
            }
            try await expectUsable(session)
            for attempt in 0..<rounds(100) {
                let task = Task {
                    try await session.query([sql("SELECT 1"), sql("SELECT pg_sleep(0.001)"), sql("SELECT 2")])
                }
                if attempt % 4 > 0 { try await Task.sleep(for: .microseconds(attempt % 100 * 20)) }
                task.cancel()
                _ = await task.result
                try await expectUsable(session)
            }
        }
    }

    @Test("A server process that is ended meanwhile is a transient fault")
    func terminated() async throws {
        try await withSession { session, database in
            let process = session.backendProcessID
            async let ending: Void = {
                let observer = try await database.connect()
                // All statements go to the server together: it shows the first.
                try await waitUntil("wait_event = 'PgSleep'", of: session, as: observer)
                _ = try await observer.query(sql("SELECT pg_terminate_backend($1::integer)", String(process)))
                await observer.close()
            }()
            let error = await #expect(throws: PostgresError.self) {
                _ = try await session.query([sql("SELECT 1"), sql("SELECT pg_sleep(60)"), sql("SELECT 2")])
            }
            try await ending
            #expect(error?.isTransient == true)
            #expect(!session.isUsable)
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
            #expect(!session.isTransactionOpen)
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

    @Test("A cancelled task ends what waits for a lock ahead of COMMIT, and nothing is committed")
    func cancelledBeforeCommit() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (0)", name: "test")
            let holder = try await database.connect()
            let observer = try await database.connect()
            for _ in 0..<rounds(3) {
                _ = try await holder.script("BEGIN; UPDATE t SET n = 0", name: "test")
                let task = Task {
                    try await session.withTransaction(followedBy: sql("SELECT pg_advisory_unlock_all()")) { session in
                        try await session.query(sql("INSERT INTO t VALUES (1)"))
                        try session.enqueue(sql("INSERT INTO t VALUES (2)"))
                        try session.enqueue(sql("UPDATE t SET n = 3 WHERE n = 0"))
                        try session.enqueue(sql("INSERT INTO t VALUES (4)"))
                    }
                }
                // The session stands still until it is cancelled: nothing may be asked of it that waits for it.
                try await waitUntil("wait_event_type = 'Lock'", of: session, as: observer)
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                try await expectUsable(session)
                #expect(!session.isTransactionOpen)
                #expect(try await observer.query(sql("SELECT n FROM t")).map { try $0.get("n", as: Int.self) } == [0])
                _ = try await holder.script("ROLLBACK", name: "test")
            }
            await observer.close()
            await holder.close()
        }
    }

    @Test("Whenever a task is cancelled around its COMMIT, it says what became of it")
    func cancelledAroundCommit() async throws {
        try await withSession { session, database in
            _ = try await session.script(Self.table, name: "test")
            var committed: [String] = []
            let count = rounds(300)
            for attempt in 0..<count {
                let task = Task {
                    try await session.withTransaction { session in
                        try await session.query(sql("SELECT 1"))
                        try session.enqueue(sql("INSERT INTO t VALUES ($1)", String(attempt)))
                        try session.enqueue(sql("SELECT pg_sleep(0.001)"))
                    }
                }
                if attempt % 4 > 0 { try await Task.sleep(for: .microseconds(attempt % 300 * 15)) }
                task.cancel()
                do {
                    try await task.value
                    committed.append(String(attempt))
                } catch is CancellationError {
                }
                let isOpen = session.isTransactionOpen
                #expect(!isOpen)
            }
            try await expectUsable(session)
            #expect(try await database.column("SELECT n FROM t ORDER BY n") == committed)
            print("of \(count) transactions that were cancelled \(committed.count) were committed before")
        }
    }

    @Test("A COMMIT whose answer does not come after the cancellation has an unknown outcome")
    func cancelledInSilence() async throws {
        try await TestDatabase.with { database in
            _ = try await database.execute(Self.table + "; INSERT INTO t VALUES (0)")
            let holder = try await database.connect()
            let observer = try await database.connect()
            _ = try await holder.script("BEGIN; UPDATE t SET n = 0", name: "test")
            try await database.withProxy { proxy, address in
                var options = SessionOptions(connectionString: address, applicationName: "test")
                options.cancelGrace = .milliseconds(300)
                let session = try await Session.connect(options)
                let task = Task {
                    try await session.withTransaction { session in
                        try await session.query(sql("INSERT INTO t VALUES (1)"))
                        try session.enqueue(sql("UPDATE t SET n = 3 WHERE n = 0"))
                    }
                }
                try await waitUntil("wait_event_type = 'Lock'", of: session, as: observer)
                proxy.isSwallowing = true
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                guard case .outcomeUnknown = try #require(error) else {
                    Issue.record("another error: \(String(describing: error))")
                    return
                }
                #expect(!session.isUsable)
                // The server never heard of the cancellation: with the lock it commits, though nobody listens.
                _ = try await holder.script("ROLLBACK", name: "test")
                try await LongestWait.until("the rows are committed") {
                    try await observer.query(sql("SELECT n FROM t ORDER BY n")).map { try $0.get("n", as: Int.self) }
                        == [1, 3]
                }
                proxy.isSwallowing = false
                proxy.cutSwallowed()
                await session.close()
            }
            await observer.close()
            await holder.close()
        }
    }
}
