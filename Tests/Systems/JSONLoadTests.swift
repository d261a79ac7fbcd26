import Foundation
import Testing
import TestSupport

@Suite("JSON records are the same rows whichever way they are loaded")
struct JSONLoadTests {
    private static let schema = """
        CREATE TABLE t (n bigint PRIMARY KEY, words text, amount numeric, ratio double precision, yes boolean,
            at timestamptz, short varchar(5), document jsonb);
        """

    /// The config of a file of records, into a table without or with a column that only the server can read.
    private static let config = """
        sources: {archive: {type: file, path: records.ndjson}}
        streams:
          t: {source: archive, table: t, key: {column: n, type: integer}, expect: {from: 1, to: 6}, batch: 1000}
        """

    private static let ordinary: [String] = [
        #"{"n": 1, "words": "plain", "amount": 1.50, "ratio": 0.1, "yes": true, "at": "2024-02-29T12:00:00Z", "short": "a"}"#,
        #"{"n": 2, "words": "", "amount": null, "ratio": -12, "yes": false, "at": null, "short": null}"#,
        #"{"short": "é🐘", "n": 3, "words": "a\"b,c\nd\te\u00e9\ud83d\ude00", "amount": 12345678901234567890.123456789, "ratio": 3, "yes": null, "at": "2024-01-01"}"#,
        #"{"n":4,"words":"\\N","amount":0.000,"ratio":"NaN","yes":"t","at":"infinity","short":"NULL","more":{"x":[1,2]}}"#,
        #"{"n": 5, "words": "'; DROP TABLE t; --", "amount": "7", "ratio": -0.5, "yes": "off", "at": "epoch", "short": " x"}"#,
    ]

    /// Records that only the server can read: each makes the whole batch take the other way.
    private static let odd: [String] = [
        #"{"n": 6, "words": 1e2, "amount": 1E+3, "ratio": -0, "yes": true, "at": null, "short": -0.0}"#,
        #"{"n": 6, "words": {"a": [1, 2.0]}, "amount": 1, "ratio": 1, "yes": true, "at": null, "short": null}"#,
        #"{"n": 6, "words": "a\n\\.\nb", "amount": 1, "ratio": 1, "yes": true, "at": null, "short": null}"#,
        #"{"n": 6, "words": "one", "words": "two", "amount": 1, "ratio": 1, "yes": true, "at": null, "short": null}"#,
        #"{"n": 6, "w\u006frds": "named", "amount": 1, "ratio": 1, "yes": true, "at": null, "short": null}"#,
        #"{"n": 6, "words": "lonely"}"#,
    ]

    @Test("directly into an empty window, or by upsert over themselves", arguments: [nil] + odd.map(\.self))
    func same(odd: String?) async throws {
        let records = (Self.ordinary + [odd].compactMap(\.self)).joined(separator: "\n") + "\n"
        try await Installation.with(
            Self.schema, config: Self.config, files: ["records.ndjson": records]
        ) { installation in
            let first = try await installation.lacuna("reconcile")
            #expect(first.status == 0, "\(first.errors)")
            let count = odd == nil ? 5 : 6
            #expect(try await installation.database.number("SELECT count(*) FROM t") == count)
            #expect(
                try await installation.database.column("SELECT words FROM t WHERE n < 6 ORDER BY n")
                    == ["plain", "", "a\"b,c\nd\te\u{E9}\u{1F600}", "\\N", "'; DROP TABLE t; --"])
            let rows = "SELECT xmin::text || ' ' || t::text FROM t ORDER BY n"
            let before = try await installation.database.column(rows)
            // What is there already goes by upsert, which writes no row that is equal.
            #expect(try await installation.lacuna("mark", "t", "--all").status == 0)
            let second = try await installation.lacuna("reconcile")
            #expect(second.status == 0, "\(second.errors)")
            #expect(try await installation.database.column(rows) == before)
        }
    }

    @Test("and a value that does not fit is refused, with nothing written")
    func refused() async throws {
        for bad in [#"{"n": 1, "short": "too long"}"#, #"{"n": 1, "amount": "x"}"#, #"{"n": 1, "at": "never"}"#] {
            try await Installation.with(
                Self.schema, config: Self.config, files: ["records.ndjson": bad + "\n"]
            ) { installation in
                let run = try await installation.lacuna("reconcile")
                #expect(run.status == 1, "\(run.output)")
                #expect(try await installation.database.number("SELECT count(*) FROM t") == 0)
            }
        }
    }
}
