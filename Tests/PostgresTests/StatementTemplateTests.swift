import Postgres
import TestSupport
import Testing

@Suite("A statement's template")
struct StatementTemplateTests {
    private func bind(
        _ text: String, identifiers: [String: String] = [:], fragments: [String: String] = [:],
        values: [String: String?] = [:], userSQL: [String: String] = [:]
    ) throws -> BoundStatement {
        try StatementTemplate(name: "test", text: text).bound(
            identifiers: identifiers, fragments: fragments.mapValues { SQLFragment(trusted: $0) }, values: values,
            userSQL: userSQL)
    }

    @Test("Numbers its values in the order they come, a repeated one once")
    func values() throws {
        let bound = try bind("SELECT :'b', :'a', :'b'", values: ["a": "1", "b": nil])
        #expect(bound.sql == "SELECT $1, $2, $1")
        #expect(bound.values == [nil, "1"])
    }

    @Test(
        "Replaces variables and leaves what only looks like one",
        arguments: [
            ("SELECT :a::text", "SELECT x::text"),
            ("SELECT ':a', \":a\", :a", "SELECT ':a', \":a\", x"),
            ("SELECT 'it''s :a', :a", "SELECT 'it''s :a', x"),
            ("SELECT \"a\"\":a\", :a", "SELECT \"a\"\":a\", x"),
            ("SELECT :\"t\".c", "SELECT \"t\"\".c\"\".\".c"),
            ("SELECT :\"a\"", "SELECT \"A\"\"B\""),
            ("SELECT '12:30'::time", "SELECT '12:30'::time"),
            ("-- :none\nSELECT 1;\n", "SELECT 1"),
            ("SELECT a : b", "SELECT a : b"),
        ])
    func scanning(text: String, sql: String) throws {
        let bound = try bind(text, identifiers: ["a": "A\"B", "t": "t\".c\"."], fragments: ["a": "x"])
        #expect(bound.sql == sql)
    }

    @Test("A user's own SQL goes in untouched, whatever it looks like")
    func userSQL() throws {
        let query = "SELECT ':a', :b, :'c', $1, \"x\"::text -- it's"
        let bound = try bind("SELECT :a FROM (\n:query\n) AS q", fragments: ["a": "x"], userSQL: ["query": query])
        #expect(bound.sql == "SELECT x FROM (\n\(query)\n) AS q")
        #expect(bound.values.isEmpty)
    }

    @Test("Values inside a fragment are bound too")
    func fragmentValues() throws {
        let bound = try bind("WHERE :in_range", fragments: ["in_range": "k >= :'lower'"], values: ["lower": "1"])
        #expect(bound.sql == "WHERE k >= $1")
        #expect(bound.values == ["1"])
    }

    @Test("Literals and names inside a fragment are left alone", arguments: hostileTexts.filter { !$0.isEmpty })
    func fragmentLiterals(text: String) throws {
        let fragment = "\(try SQLFragment(identifier: text)) = \(try SQLFragment(literal: text)) AND k = :'v'"
        let bound = try bind("SELECT :f", fragments: ["f": fragment], values: ["v": "1", "x": "no"])
        #expect(
            bound.sql == "SELECT \(try SQLFragment(identifier: text)) = \(try SQLFragment(literal: text)) AND k = $1")
        #expect(bound.values == ["1"])
    }

    @Test("A variable without a value is an error", arguments: ["SELECT :a", "SELECT :'a'", "SELECT :\"a\""])
    func missing(text: String) {
        #expect(throws: PostgresError.self) { try bind(text) }
    }
}
