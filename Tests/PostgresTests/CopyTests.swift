import Postgres
import TestSupport
import Testing

@Suite("COPY")
struct CopyTests {
    struct Broken: Error {}

    /// 10 MB in rows of 1000 bytes, put in chunks that end anywhere.
    @Test("carries 10 MB there and back in chunks")
    func roundTrip() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int, text text)", name: "test")
            let rowCount = 10_000
            let copied = try await session.copyIn(sql("COPY t FROM STDIN (FORMAT csv)")) { put in
                var buffer: [UInt8] = []
                for n in 0..<rowCount {
                    buffer.append(contentsOf: "\(n),\(String(repeating: "é", count: 500))\n".utf8)
                    while buffer.count >= 65_521 {
                        try buffer[..<65_521].withUnsafeBytes { try put($0) }
                        buffer.removeFirst(65_521)
                    }
                }
                try buffer.withUnsafeBytes { try put($0) }
            }
            #expect(copied == rowCount)
            #expect(
                try await database.value("SELECT sum(n)::text || ' ' || sum(length(text)) FROM t") == "49995000 5000000"
            )
            var byteCount = 0
            var largest = 0
            var lines = 0
            try await session.copyOut(sql("COPY (SELECT * FROM t ORDER BY n) TO STDOUT (FORMAT csv)")) { chunk in
                byteCount += chunk.count
                largest = max(largest, chunk.count)
                lines += chunk.count { $0 == UInt8(ascii: "\n") }
            }
            #expect(lines == rowCount)
            #expect(byteCount == 10_000 * 1002 + (0..<rowCount).reduce(0) { $0 + "\($1)".count })
            #expect(largest < 65_536)
            try await expectUsable(session)
        }
    }

    @Test("copies nothing where its body throws, and leaves the session usable")
    func throwingIn() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            await #expect(throws: Broken.self) {
                _ = try await session.copyIn(sql("COPY t FROM STDIN")) { put in
                    try Array("1\n".utf8).withUnsafeBytes { try put($0) }
                    throw Broken()
                }
            }
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("leaves the session usable where the taker of its data throws")
    func throwingOut() async throws {
        try await withSession { session, _ in
            await #expect(throws: Broken.self) {
                try await session.copyOut(sql("COPY (SELECT generate_series(1, 3000000)) TO STDOUT")) { _ in
                    throw Broken()
                }
            }
            try await expectUsable(session)
        }
    }

    @Test("names the line at fault")
    func errorLine() async throws {
        try await withSession { session, _ in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            let error = await #expect(throws: PostgresError.self) {
                _ = try await session.copyIn(sql("COPY t FROM STDIN")) { put in
                    try Array("1\n2\nthree\n4\n".utf8).withUnsafeBytes { try put($0) }
                }
            }
            #expect(error?.sqlState?.rawValue == "22P02")
            #expect(error?.serverError?.context?.contains("line 3") == true)
            #expect(error?.description.contains("line 3") == true)
            try await expectUsable(session)
        }
    }

    @Test("ends with its task, and leaves the session usable")
    func cancelled() async throws {
        try await withSession { session, database in
            _ = try await session.script("CREATE TABLE t (n int)", name: "test")
            let task = Task {
                try await session.copyIn(sql("COPY t FROM STDIN")) { put in
                    while true { try Array("1\n".utf8).withUnsafeBytes { try put($0) } }
                }
            }
            try await Task.sleep(for: .milliseconds(100))
            task.cancel()
            await #expect(throws: CancellationError.self) { _ = try await task.value }
            try await expectUsable(session)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("is refused where another kind of statement is given, or it is given where it cannot run")
    func misplaced() async throws {
        try await withSession { session, _ in
            await #expect(throws: PostgresError.self) { _ = try await session.copyIn(sql("SELECT 1")) { _ in } }
            try await expectUsable(session)
            await #expect(throws: PostgresError.self) { try await session.copyOut(sql("SELECT 1")) { _ in } }
            try await expectUsable(session)
            await #expect(throws: PostgresError.self) { try await session.query(sql("COPY (SELECT 1) TO STDOUT")) }
            try await expectUsable(session)
            _ = try await session.script("CREATE TEMPORARY TABLE t (n int)", name: "test")
            await #expect(throws: PostgresError.self) { try await session.query(sql("COPY t FROM STDIN")) }
            try await expectUsable(session)
        }
    }
}
