import Lacuna
import LacunaModel
import TestSupport
import Testing

@testable import LacunaRecords

@Suite("The turns of a shared limit, in the database")
struct SharedTurnsTests {
    private func wish(
        returned: [ReturnedTurn] = [], wanted: Int, turns: Int = 6, together: Int = 6,
        hold: Duration = .seconds(3600)
    ) -> TurnWish {
        TurnWish(
            name: "api, per 1 s", turns: turns, returned: returned, wanted: wanted, together: together,
            ahead: .milliseconds(300), hold: hold)
    }

    private func with(_ body: (TestDatabase, Database) async throws -> Void) async throws {
        try await TestDatabase.with { test in
            let database = Database(connectionString: test.connectionString)
            try await SchemaInstaller.install(in: database)
            try await body(test, database)
        }
    }

    @Test("Each turn is one process's alone, whoever asks at the same time")
    func exclusive() async throws {
        try await with { (test: TestDatabase, database: Database) async throws -> Void in
            let books = (0..<8).map { _ in SharedTurns(database) }
            let numbers = try await withThrowingTaskGroup(of: [Int].self) { group in
                for book in books {
                    group.addTask {
                        var mine: [Int] = []
                        for _ in 0..<10 {
                            mine += try await book.exchange(wish(wanted: 3, turns: 100)).turns.map(\.number)
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: [Int]()) { $0 += $1 }
            }
            #expect(Set(numbers).count == numbers.count)
            #expect(Set(numbers).isSubset(of: 1...100))
            #expect(numbers.count > 8)
        }
    }

    @Test(
        "What is given back is free when it was said to be, and what lapsed and was taken by another stays the other's")
    func returned() async throws {
        try await with { (test: TestDatabase, database: Database) async throws -> Void in
            let (one, other) = (SharedTurns(database), SharedTurns(database))
            let first = try await one.exchange(wish(wanted: 6, hold: .zero))
            #expect(first.turns.map(\.number).sorted() == Array(1...6))
            #expect(first.next == nil)
            let turn = try #require(first.turns.first)
            // A turn that is free in half a minute can't be taken yet, and is the next.
            let back = ReturnedTurn(number: turn.number, lease: turn.lease, wait: .seconds(30))
            let none = try await one.exchange(
                wish(returned: [back], wanted: 0))
            #expect(none.turns.isEmpty)
            let free =
                "SELECT (free_at > now() + interval '20 s')::text FROM lacuna.shared_turn WHERE number = \(turn.number)"
            #expect(try await test.value(free) == "true")
            // The other five lapsed: ahead and hold are over.
            try await test.execute("UPDATE lacuna.shared_turn SET free_at = now() - interval '1 s' WHERE number = 2")
            let taken = try await other.exchange(wish(wanted: 1))
            let again = try #require(taken.turns.first)
            let stale = try #require(first.turns.first { $0.number == again.number })
            _ = try await one.exchange(
                wish(returned: [ReturnedTurn(number: stale.number, lease: stale.lease, wait: .zero)], wanted: 0))
            let kept =
                "SELECT (free_at > now() + interval '30 min')::text FROM lacuna.shared_turn WHERE number = \(again.number)"
            #expect(try await test.value(kept) == "true")
        }
    }

    @Test("Of what is free each process gets its share while another asks")
    func share() async throws {
        try await with { (test: TestDatabase, database: Database) async throws -> Void in
            let (one, other) = (SharedTurns(database), SharedTurns(database))
            #expect(try await other.exchange(wish(wanted: 1, turns: 12)).turns.count == 1)
            #expect(try await one.exchange(wish(wanted: 10, turns: 12)).turns.count == 3)
            try await test.execute("UPDATE lacuna.shared_turn_taker SET seen_at = seen_at - interval '2 s'")
            #expect(try await one.exchange(wish(wanted: 10, turns: 12)).turns.count == 6)
            // While another waits, nobody gets more than an equal part of all: it has nine of twelve.
            try await test.execute(
                "UPDATE lacuna.shared_turn_taker SET seen_at = now() + interval '1 min', is_waiting = true")
            #expect(try await one.exchange(wish(wanted: 10, turns: 12)).turns.isEmpty)
            #expect(try await other.exchange(wish(wanted: 10, turns: 12)).turns.count == 2)
        }
    }

    @Test("A limit that was lowered uses no more turns than it has; one that was raised gets the others")
    func changed() async throws {
        try await with { (_: TestDatabase, database: Database) async throws -> Void in
            #expect(try await SharedTurns(database).exchange(wish(wanted: 9, turns: 4)).turns.count == 4)
            #expect(
                try await SharedTurns(database).exchange(wish(wanted: 9, turns: 6, together: 12)).turns.map(\.number)
                    .sorted()
                    == [5, 6])
            #expect(try await SharedTurns(database).exchange(wish(wanted: 9, turns: 2)).turns.isEmpty)
        }
    }

    @Test("A schema without the tables, and a server that is not there, are told as such")
    func missing() async throws {
        try await TestDatabase.with { test in
            let book = SharedTurns(Database(connectionString: test.connectionString))
            let error = await #expect(throws: SourceError.self) { try await book.exchange(wish(wanted: 1)) }
            #expect(
                error?.kind == .permanent && error?.message.contains("run `lacuna init`") == true, "\(error as Any)")
        }
        let nowhere = SharedTurns(Database(connectionString: "host=/nowhere dbname=x"))
        let error = await #expect(throws: SourceError.self) { try await nowhere.exchange(wish(wanted: 1)) }
        #expect(error?.kind == .transient)
    }

    @Test("A session that the server ends is opened anew")
    func lost() async throws {
        try await with { (test: TestDatabase, database: Database) async throws -> Void in
            let book = SharedTurns(database)
            #expect(try await book.exchange(wish(wanted: 1)).turns.count == 1)
            try await test.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lacuna limit'")
            #expect(try await book.exchange(wish(wanted: 1)).turns.count == 1)
        }
    }
}
