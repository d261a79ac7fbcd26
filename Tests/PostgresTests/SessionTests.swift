import Foundation
import Postgres
import TestSupport
import Testing

func sql(_ text: String, _ values: String?...) -> BoundStatement {
    BoundStatement(name: "test", sql: text, values: values)
}

/// How many rounds a test of cancellation makes: what `LACUNA_ROUNDS` says, or `usual`.
func rounds(_ usual: Int) -> Int {
    ProcessInfo.processInfo.environment["LACUNA_ROUNDS"].flatMap(Int.init) ?? usual
}

/// Waits until the session's statement is under way on the server, or waits for a lock there.
///
/// - Parameters:
///   - condition: of `pg_stat_activity`.
///   - observer: has no transaction open, in which that would not change.
func waitUntil(_ condition: String, of session: Session, as observer: Session) async throws {
    let query = sql(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE pid = $1::integer AND \(condition)",
        String(session.backendProcessID))
    try await LongestWait.until(condition, every: .milliseconds(1)) {
        try await observer.query(query).only().get("n", as: Int.self) > 0
    }
}

/// Runs `body` with a session on a database of its own.
func withSession<Value: Sendable>(_ body: (Session, TestDatabase) async throws -> Value) async throws -> Value {
    try await TestDatabase.with { database in
        let session = try await database.connect()
        do {
            let value = try await body(session, database)
            await session.close()
            return value
        } catch {
            await session.close()
            throw error
        }
    }
}

/// Expects that the session answers a statement outside of any transaction.
func expectUsable(_ session: Session, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let row = try await session.query(sql("SELECT 1 AS one")).only()
    #expect(try row.get("one", as: Int.self) == 1, sourceLocation: sourceLocation)
    #expect(!session.isTransactionOpen, sourceLocation: sourceLocation)
}

@Suite("A session")
struct SessionTests {
    @Test("tells what is known of it while a statement waits for what its reader holds", arguments: 0..<rounds(3))
    func knownWhileBlocked(round: Int) async throws {
        try await withSession { session, database in
            let holder = try await database.connect()
            _ = try await holder.query(sql("SELECT pg_advisory_lock(1)"))
            let task = Task {
                try await session.withTransaction(.readWrite) { session in
                    try await session.withDiscardedSavepoint { try await $0.query(sql("SELECT pg_advisory_lock(1)")) }
                }
            }
            try await waitUntil("wait_event = 'advisory'", of: session, as: holder)
            // Without a suspension: none of them may wait for the session, whose statement waits for what comes after them.
            #expect(session.backendProcessID > 0 && session.serverVersion > 140_000)
            #expect(session.isUsable && session.isTransactionOpen)
            #expect(session.transactionMode == .readWrite && session.isInSavepoint && session.transportWarning == nil)
            _ = try await holder.query(sql("SELECT pg_advisory_unlock(1)"))
            _ = try await task.value
            #expect(session.isUsable && !session.isTransactionOpen)
            #expect(session.transactionMode == nil && !session.isInSavepoint)
            await session.close()
            #expect(!session.isUsable && session.backendProcessID == 0 && session.serverVersion == 0)
            await holder.close()
        }
    }

    @Test("reads rows of every type, and NULL")
    func types() async throws {
        try await withSession { session, _ in
            let row = try await session.query(
                sql(
                    """
                    SELECT (-9223372036854775807 - 1)::bigint AS low, 9223372036854775807::bigint AS high, true AS yes,
                        false AS no, 'Grüße 🐘' AS text, '' AS empty, 0.5::float8 AS half, 'NaN'::float8 AS nan,
                        'Infinity'::float8 AS infinite, NULL::bigint AS nothing, '{a,NULL}'::text[] AS texts
                    """)
            ).only()
            #expect(try row.get("low", as: Int64.self) == .min)
            #expect(try row.get("high", as: Int64.self) == .max)
            #expect(try row.get("yes", as: Bool.self))
            #expect(try !row.get("no", as: Bool.self))
            #expect(try row.get("text", as: String.self) == "Grüße 🐘")
            #expect(try row.get("empty", as: String.self) == "")
            #expect(try row.get("half", as: Double.self) == 0.5)
            #expect(try row.get("nan", as: Double.self).isNaN)
            #expect(try row.get("infinite", as: Double.self) == .infinity)
            #expect(try row.getIfPresent("nothing", as: Int64.self) == nil)
            #expect(try row.get("texts", as: TextArray.self).elements == ["a", nil])
        }
    }

    @Test("refuses to read a value as what it is not")
    func mismatches() async throws {
        try await withSession { session, _ in
            let row = try await session.query(
                sql("SELECT 9223372036854775808 AS big, 'x' AS text, NULL AS nothing, '' AS empty")
            ).only()
            #expect(throws: PostgresError.self) { try row.get("big", as: Int64.self) }
            #expect(throws: PostgresError.self) { try row.get("text", as: Int64.self) }
            #expect(throws: PostgresError.self) { try row.get("text", as: Bool.self) }
            #expect(throws: PostgresError.self) { try row.get("empty", as: Int64.self) }
            #expect(throws: PostgresError.self) { try row.get("nothing", as: String.self) }
            #expect(throws: PostgresError.self) { try row.get("missing", as: String.self) }
        }
    }

    @Test("refuses a value with a NUL instead of cutting it, and stays usable")
    func nulBytes() async throws {
        try await withSession { session, _ in
            await #expect(throws: PostgresError.self) { try await session.query(sql("SELECT $1", "a\0b")) }
            await #expect(throws: PostgresError.self) { try await session.script("SELECT 'a\0b'", name: "test") }
            try await expectUsable(session)
        }
    }

    @Test("tells the server's error whole")
    func serverErrors() async throws {
        try await withSession { session, _ in
            _ = try await session.script("CREATE TABLE t (n int CONSTRAINT positive CHECK (n > 0))", name: "test")
            let error = await #expect(throws: PostgresError.self) {
                try await session.query(BoundStatement(name: "insert_t", sql: "INSERT INTO t VALUES (-1)"))
            }
            let server = try #require(error?.serverError)
            #expect(server.sqlState.rawValue == "23514")
            #expect(server.constraint == "positive")
            #expect(server.table == "t")
            #expect(server.severity == "ERROR")
            #expect(server.statement == "insert_t")
            #expect(error?.isTransient == false)
        }
    }

    @Test("passes the server's notices on")
    func notices() async throws {
        try await TestDatabase.with { database in
            let (stream, continuation) = AsyncStream.makeStream(of: Notice.self)
            var options = SessionOptions(connectionString: database.connectionString)
            options.onNotice = { continuation.yield($0) }
            let session = try await Session.connect(options)
            _ = try await session.script(
                "DO $$ BEGIN RAISE WARNING 'beware'; RAISE NOTICE 'look'; END $$", name: "test")
            await session.close()
            continuation.finish()
            var seen: [Notice] = []
            for await notice in stream { seen.append(notice) }
            #expect(seen.map(\.severity) == ["WARNING", "NOTICE"])
            #expect(seen.map(\.message) == ["beware", "look"])
        }
    }

    @Test("hands rows over one by one, and stays usable where their taker throws")
    func rowByRow() async throws {
        struct Enough: Error {}
        try await withSession { session, _ in
            var sum = 0
            try await session.forEachRow(sql("SELECT n FROM generate_series(1, 1000) AS n")) { row in
                sum += try row.get("n", as: Int.self)
            }
            #expect(sum == 500_500)
            await #expect(throws: Enough.self) {
                try await session.forEachRow(sql("SELECT n FROM generate_series(1, 10000000) AS n")) { row in
                    if try row.get("n", as: Int.self) == 3 { throw Enough() }
                }
            }
            try await expectUsable(session)
        }
    }

    @Test("reports an error that comes after some rows")
    func lateErrors() async throws {
        try await withSession { session, _ in
            let error = await #expect(throws: PostgresError.self) {
                try await session.forEachRow(sql("SELECT 1 / (1000 - n) FROM generate_series(1, 2000) AS n")) { _ in }
            }
            #expect(error?.sqlState?.rawValue == "22012")
            try await expectUsable(session)
        }
    }

    @Test("says what it could not connect to")
    func refused() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await Session.connect(
                SessionOptions(connectionString: "host=127.0.0.1 port=1 user=nobody password=sesame dbname=none"))
        }
        guard case .connectionFailed(let message) = try #require(error) else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(message.contains("127.0.0.1"))
        #expect(!message.contains("sesame"))
        #expect(error?.isTransient == true)
    }

    @Test("A closed session refuses what is asked of it")
    func closed() async throws {
        try await withSession { session, _ in
            await session.close()
            await #expect(throws: PostgresError.self) { try await session.query(sql("SELECT 1")) }
            #expect(!session.isUsable)
        }
    }
}
