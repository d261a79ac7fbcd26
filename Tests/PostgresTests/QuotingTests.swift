import Postgres
import TestSupport
import Testing

@Suite("Quoting")
struct QuotingTests {
    @Test("A literal reads back as the text it was made of", arguments: [true, false])
    func literals(standardStrings: Bool) async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await session.script(
                "SET standard_conforming_strings = \(standardStrings ? "on" : "off"); SET backslash_quote = off",
                name: "test")
            for text in hostileTexts {
                let literal = try SQLFragment(literal: text)
                let row = try await session.query(
                    BoundStatement(name: "test", sql: "SELECT \(literal)::text = $1, \(literal)::text", values: [text])
                ).only()
                let read = try row.getIfPresent(at: 1, as: String.self)
                #expect(read?.unicodeScalars.elementsEqual(text.unicodeScalars) == true, "\(text.debugDescription)")
                #expect(try row.getIfPresent(at: 0, as: Bool.self) == true)
            }
            await session.close()
        }
    }

    @Test("A quoted identifier names the column that was created under it")
    func identifiers() async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            let longest = String(repeating: "x", count: 63)
            for text in hostileTexts + [longest] where !text.isEmpty {
                let quoted = try SQLFragment(identifier: text)
                let rows = try await session.query(
                    BoundStatement(
                        name: "test", sql: "SELECT 1 AS \(quoted), pg_catalog.quote_ident($1)", values: [text]))
                #expect(rows.columns[0].unicodeScalars.elementsEqual(text.unicodeScalars), "\(text.debugDescription)")
            }
            await session.close()
        }
    }

    @Test("Random texts survive as literal, identifier and array element")
    func randomTexts() async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            var random = SeededGenerator(seed: 7)
            let alphabet: [Unicode.Scalar] = [
                "'", "\"", "\\", "\u{301}", ":", "a", "$", "{", "}", ",", "\n", "\r", "é", "🐘", "-", ";",
            ]
            for _ in 0..<300 {
                let count = Int.random(in: 1...8, using: &random)
                var text = String.UnicodeScalarView()
                for _ in 0..<count { text.append(alphabet.randomElement(using: &random) ?? "a") }
                let value = String(text)
                let rows = try await session.query(
                    BoundStatement(
                        name: "test",
                        sql:
                            "SELECT \(try SQLFragment(literal: value))::text AS \(try SQLFragment(identifier: value)), $1::text[]",
                        values: [TextArray.literal([value, value])]))
                let row = try rows.only()
                let read = try row.getIfPresent(at: 0, as: String.self)
                let array = try row.getIfPresent(at: 1, as: TextArray.self)
                #expect(read.map { Array($0.utf8) } == Array(value.utf8), "\(value.debugDescription)")
                #expect(Array(rows.columns[0].utf8) == Array(value.utf8), "\(value.debugDescription)")
                #expect(array?.elements.map { $0.map { Array($0.utf8) } } == [Array(value.utf8), Array(value.utf8)])
            }
            await session.close()
        }
    }

    @Test("A text with a NUL is refused as literal and as identifier, and so is an empty name")
    func refused() {
        #expect(throws: PostgresError.self) { try SQLFragment(literal: "a\0b") }
        #expect(throws: PostgresError.self) { try SQLFragment(identifier: "a\0b") }
        #expect(throws: PostgresError.self) { try SQLFragment(identifier: "") }
    }

    @Test("An array of hostile elements and NULLs is read as the server writes it, and written as it reads it")
    func arrays() async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            let row = try await session.query(
                BoundStatement(
                    name: "test",
                    sql: "SELECT $1::text[] || NULL::text AS whole, pg_catalog.cardinality($1::text[]) AS length",
                    values: [TextArray.literal(hostileTexts)])
            ).only()
            #expect(try row.get("length", as: Int.self) == hostileTexts.count)
            #expect(try row.get("whole", as: TextArray.self).elements == hostileTexts + [nil])
            let empty = try await session.query(BoundStatement(name: "test", sql: "SELECT '{}'::text[] AS none")).only()
            #expect(try empty.get("none", as: TextArray.self).elements.isEmpty)
            await session.close()
        }
    }
}
