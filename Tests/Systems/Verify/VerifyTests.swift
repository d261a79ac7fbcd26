import Foundation
import Synchronization
import TestSupport
import Testing

/// Rows of units, a part and a value each, as an API gives and counts them.
private final class VerifiedAPI: Sendable {
    struct Row: Hashable, Sendable {
        let unit: Int
        let part: Int
        var value = 1
    }

    struct State {
        var rows: [Row]
        /// The most records of one answer; 0: any number.
        var cap = 0
        var requests: [String] = []
        /// What happens before a request for records is answered.
        var onFetch: @Sendable (Int, inout [Row]) -> Void = { _, _ in }
        var isDown = false
    }

    let state: Mutex<State>

    init(units: some Sequence<Int>, parts: Int = 1) {
        state = Mutex(State(rows: units.flatMap { unit in (0..<parts).map { Row(unit: unit, part: $0) } }))
    }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    /// The requests so far, and forgets them.
    func takeRequests() -> [String] {
        state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
        state.withLock { state in
            state.requests.append(request.path)
            if state.isDown { return .init("", status: 500) }
            let from = request["from"].flatMap { Int($0) } ?? 0
            let to = request["to"].flatMap { Int($0) } ?? -1
            if request.path != "/count" { state.onFetch(state.requests.filter { $0 != "/count" }.count, &state.rows) }
            let there = state.rows.filter { $0.unit >= from && $0.unit <= to }.sorted {
                ($0.unit, $0.part) < ($1.unit, $1.part)
            }
            if request.path == "/count" { return .init(#"{"meta":{"count":\#(there.count)}}"#) }
            let sent = state.cap > 0 ? Array(there.prefix(state.cap)) : there
            let items = sent.map { #"{"n":\#($0.unit),"part":\#($0.part),"v":\#($0.value)}"# }
            return .init("[\(items.joined(separator: ","))]")
        }
    }
}

@Suite("A table is held against its source")
struct VerifyTests {
    private static let table = "CREATE TABLE t (n bigint, part integer, v integer, PRIMARY KEY (n, part))"

    private static func config(_ url: String, last: Int, batch: Int, stream: String, counts: Bool) -> String {
        let count =
            "verify: {count: {path: /count, params: {from: \"{window.first}\", to: \"{window.last}\"}, select: meta.count}}"
        return """
            sources: {api: {type: http, base_url: "\(url)", proxy: none, retry: {attempts: 1}}}
            streams:
              t:
                source: api
                table: t
                key: {column: n, type: integer}
                expect: {from: 0, to: \(last)}
                batch: \(batch)
                workers: 1
                empty: verify
                request: {path: /, params: {from: "{window.first}", to: "{window.last}"}}
                \(counts ? count : "")
                \(stream)

            """
    }

    /// Runs `body` with a stream of the API's rows that was filled before.
    private func with(
        _ api: VerifiedAPI, last: Int, batch: Int = 10, stream: String = "", counts: Bool = false,
        _ body: (Installation) async throws -> Void
    ) async throws {
        try await HTTPServer.with {
            api.answer($0)
        } _: { server in
            let config = Self.config(server.url, last: last, batch: batch, stream: stream, counts: counts)
            try await Installation.with(Self.table, config: config) { installation in
                let run = try await installation.lacuna("reconcile")
                try #require(run.status == 0, "\(run.output)\(run.errors)")
                _ = api.takeRequests()
                try await body(installation)
            }
        }
    }

    @Test(
        "It tells rows missing here, missing there and different apart, with their columns, and marks heal what can be healed"
    )
    func kinds() async throws {
        let api = VerifiedAPI(units: (0..<50).filter { $0 != 33 }, parts: 3)
        try await with(api, last: 49, stream: "rows: replace") { installation in
            let equal = try await installation.lacuna("verify", "t")
            #expect(equal.status == 0, "\(equal.errors)")
            #expect(equal.output.hasPrefix("t: equal (5 of 5 windows, 50 units, by rows"), "\(equal.output)")
            #expect(api.takeRequests().count == 5, "a window that is equal costs one request")

            api.change { state in
                state.rows.removeAll { $0.unit == 12 && $0.part == 1 }
                state.rows.append(.init(unit: 13, part: 3))
                state.rows.append(.init(unit: 33, part: 0))
                for index in state.rows.indices where [20, 21].contains(state.rows[index].unit) {
                    state.rows[index].value = 7
                }
            }
            let before = try await installation.database.column("SELECT t::text FROM t ORDER BY n, part")
            let differs = try await installation.lacuna("verify", "t")
            #expect(differs.status == 2)
            let lines = differs.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
            #expect(lines.first?.hasPrefix("t: 5 units differ (5 of 5 windows") == true, "\(differs.output)")
            #expect(
                lines.dropFirst() == [
                    "12 1 missing there", "13 1 missing here", "20–21 6 different (v)", "33 1 missing here",
                ], "\(differs.output)")
            #expect(try await installation.database.column("SELECT t::text FROM t ORDER BY n, part") == before)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 0)

            let marked = try await installation.lacuna("verify", "t", "--mark", "--format", "json")
            #expect(marked.status == 2)
            #expect(marked.output.contains("\"marked_units\" : 5"), "\(marked.output)")
            #expect(
                try await installation.database.column("SELECT reason FROM lacuna.refetch ORDER BY lower") == [
                    "verify: 1 missing there", "verify: 1 missing here", "verify: 6 different (v)",
                    "verify: 1 missing here",
                ])
            // What is marked is a gap, and gaps are not verified.
            let gaps = try await installation.lacuna("verify", "t", "--format", "json")
            #expect(gaps.status == 0, "\(gaps.output)")
            #expect(gaps.output.contains("\"verified_units\" : 45"), "\(gaps.output)")
            let healed = try await installation.lacuna("reconcile")
            #expect(healed.status == 0, "\(healed.errors)")
            let after = try await installation.lacuna("verify", "t")
            #expect(after.status == 0, "\(after.output)")
            #expect(
                try await installation.database.number("SELECT count(*) FROM t") == api.state.withLock { $0.rows.count }
            )
        }
    }

    @Test("Rows that only the table has are told but not marked if the stream upserts")
    func upsert() async throws {
        let api = VerifiedAPI(units: 0..<20)
        try await with(api, last: 19) { installation in
            api.change { $0.rows.removeAll { $0.unit == 7 } }
            let verify = try await installation.lacuna("verify", "t", "--mark")
            #expect(verify.status == 2)
            #expect(
                verify.output.contains("1 unit differs") && verify.output.contains("0 units marked"), "\(verify.output)"
            )
            #expect(verify.errors.contains("`rows: upsert` keeps such rows"), "\(verify.errors)")
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 0)
        }
    }

    @Test("Gaps, accepted units and what is read again on every run are not looked at")
    func scope() async throws {
        let api = VerifiedAPI(units: 0..<60)
        try await with(api, last: 59, stream: "lookback: 10") { installation in
            try await installation.database.execute("DELETE FROM t WHERE n IN (5, 15, 55)")
            let accept = try await installation.lacuna("accept", "t", "--from", "15", "--to", "15", "--reason", "x")
            #expect(accept.status == 0)
            let verify = try await installation.lacuna("verify", "t", "--format", "json")
            #expect(verify.status == 0, "\(verify.output)")
            #expect(verify.output.contains("\"verified_units\" : 48"), "\(verify.output)")
            let dry = try await installation.lacuna("verify", "t", "--from", "10", "--to", "29", "--dry-run")
            #expect(dry.status == 0)
            #expect(dry.output.hasPrefix("t: 3 windows of 3, 19 units, by rows\n"), "\(dry.output)")
            let part = try await installation.lacuna("verify", "t", "--from", "20", "--to", "29")
            #expect(part.output.contains("1 of 1 window, 10 units"), "\(part.output)")
        }
    }

    @Test("A source that changes between two looks is not told of, and what it gave meanwhile is")
    func moved() async throws {
        let api = VerifiedAPI(units: 0..<20)
        try await with(api, last: 19) { installation in
            // The first look finds 3 different and 5 missing; the second only 5.
            api.change { state in
                state.onFetch = { number, rows in
                    let value = number == 1 ? 9 : 1
                    for index in rows.indices where rows[index].unit == 3 { rows[index].value = value }
                    if number == 1 { rows.append(.init(unit: 5, part: 1)) }
                }
            }
            let verify = try await installation.lacuna("verify", "t", "--format", "json")
            #expect(verify.status == 2)
            #expect(verify.output.contains("\"moved_units\" : 1"), "\(verify.output)")
            #expect(verify.output.contains("\"differing_units\" : 1"), "\(verify.output)")
            #expect(verify.output.contains("\"first\" : \"5\""), "\(verify.output)")
        }
    }

    @Test("An answer that a limit of the source's cut invents no difference")
    func capped() async throws {
        let api = VerifiedAPI(units: 0..<20, parts: 2)
        try await with(api, last: 19) { installation in
            // Of 15 records of a window's 20 the second look gets the rest; of one record none does.
            for (cap, status) in [(15, Int32(0)), (1, 1)] {
                api.change { $0.cap = cap }
                let verify = try await installation.lacuna("verify", "t", "--format", "json")
                #expect(verify.status == status, "\(verify.output)")
                #expect(verify.output.contains("\"differing_units\" : 0"), "\(verify.output)")
                #expect(!verify.output.contains("missing_there"), "\(verify.output)")
            }
        }
    }

    @Test("By counts it finds every window whose number differs with one request a window, and then its units")
    func counts() async throws {
        let api = VerifiedAPI(units: 0..<1000, parts: 2)
        try await with(api, last: 999, counts: true) { installation in
            let equal = try await installation.lacuna("verify", "t")
            #expect(equal.status == 0, "\(equal.errors)")
            #expect(equal.output.contains("100 of 100 windows, 1,000 units, by count"), "\(equal.output)")
            let asked = api.takeRequests()
            #expect(asked.count == 100 && Set(asked) == ["/count"])

            api.change { state in
                state.rows.removeAll { [105, 300, 999].contains($0.unit) && $0.part == 0 }
                state.rows.append(.init(unit: 407, part: 5))
                // No count tells that.
                for index in state.rows.indices where state.rows[index].unit == 600 { state.rows[index].value = 2 }
            }
            let verify = try await installation.lacuna("verify", "t")
            #expect(verify.status == 2)
            let lines = verify.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
            #expect(lines.first?.hasPrefix("t: 4 units differ") == true)
            #expect(
                lines.dropFirst() == [
                    "105 1 missing there", "300 1 missing there", "407 1 missing here", "999 1 missing there",
                ], "\(verify.output)")
            #expect(api.takeRequests().filter { $0 == "/count" }.count == 100)
            let rows = try await installation.lacuna("verify", "t", "--proof", "rows", "--from", "600", "--to", "600")
            #expect(rows.output.contains("2 different (v)"), "\(rows.output)")
        }
    }

    @Test("Rows that scripts make are compared by number, or not at all")
    func scripts() async throws {
        let api = VerifiedAPI(units: 0..<20)
        try await HTTPServer.with {
            api.answer($0)
        } _: { server in
            let script = "INSERT INTO t SELECT (doc ->> 'n')::bigint, 0, 1 FROM batch ON CONFLICT DO NOTHING"
            func config(_ counts: Bool) -> String {
                Self.config(server.url, last: 19, batch: 10, stream: "load: load.sql", counts: counts)
            }
            try await Installation.with(Self.table, config: config(false), files: ["load.sql": script]) {
                installation in
                #expect(try await installation.lacuna("reconcile").status == 0)
                let refused = try await installation.lacuna("verify", "t")
                #expect(refused.status == 1)
                #expect(refused.errors.contains("declare `verify: {count: …}`"), "\(refused.errors)")
                let aside = try await installation.lacuna("reconcile", "--verify", "10%")
                #expect(
                    aside.status == 0 && aside.errors.contains("t: not verified: its rows are made"), "\(aside.errors)")
                try installation.configure(config(true))
                #expect(try await installation.lacuna("verify", "t").status == 0)
                api.change { $0.rows.removeAll { $0.unit == 4 } }
                let verify = try await installation.lacuna("verify", "t", "--mark")
                #expect(verify.status == 2)
                #expect(verify.output.contains("0–9  10 rows here, 9 at the source"), "\(verify.output)")
            }
        }
    }

    @Test(
        "Each verification leaves a row in the journal, and status shows what was last verified, neighbours as one range"
    )
    func record() async throws {
        let api = VerifiedAPI(units: 0..<100)
        try await with(api, last: 99) { installation in
            let database = installation.database
            let known =
                "SELECT lower || ' ' || upper || ' ' || proof || ' ' || is_equal FROM lacuna.verification ORDER BY lower"
            #expect(try await installation.lacuna("verify", "t", "--from", "0", "--to", "49").status == 0)
            #expect(try await database.column(known) == ["0 50 rows true"])
            #expect(try await installation.lacuna("verify", "t", "--from", "40", "--to", "79").status == 0)
            #expect(try await database.column(known) == ["0 80 rows true"], "the same proof on one day is one range")
            try await database.execute("UPDATE lacuna.verification SET verified_at = verified_at - interval '2 days'")
            api.change { $0.rows.removeAll { $0.unit == 25 } }
            #expect(try await installation.lacuna("verify", "t", "--from", "10", "--to", "39").status == 2)
            #expect(
                try await database.column(known)
                    == ["0 10 rows true", "10 20 rows true", "20 30 rows false", "30 40 rows true", "40 80 rows true"])
            #expect(
                try await database.column(
                    "SELECT mode || ' ' || state || ' ' || planned || ' ' || committed || ' ' || note FROM lacuna.run "
                        + "WHERE mode = 'verify' ORDER BY id"
                ) == [
                    "verify done 5 5 ", "verify done 4 4 ", "verify incomplete 3 3 1 unit differs from the source",
                ])
            let status = try await installation.lacuna("status")
            #expect(status.status == 0, "\(status.errors)")
            let lines = status.output.split(separator: "\n").map(String.init)
            let first = try #require(lines.firstIndex { $0.contains("last verified") })
            #expect(
                lines[first + 1].contains("20–29") && lines[first + 1].hasSuffix("by rows  differed"),
                "\(status.output)")
            let json = try await installation.lacuna("status", "--format", "json")
            #expect(json.output.contains("\"verified_at\" :") && json.output.contains("\"proof\" : \"rows\""))
            #expect(try await installation.lacuna("forget", "t").status == 0)
            #expect(try await database.column(known) == [])
        }
    }

    @Test("reconcile --verify looks at the windows with the oldest proof, until all have one")
    func oldestFirst() async throws {
        let api = VerifiedAPI(units: 0..<100)
        try await with(api, last: 99) { installation in
            let database = installation.database
            let known = "SELECT lower || ' ' || upper FROM lacuna.verification ORDER BY lower"
            api.change { $0.rows.append(.init(unit: 47, part: 1)) }
            for (expected, status) in [
                (["0 30"], Int32(0)), (["0 40", "40 50", "50 60"], 2), (["0 40", "40 50", "50 90"], 0),
            ] {
                let run = try await installation.lacuna("reconcile", "--verify", "30%")
                #expect(run.status == status, "\(run.output)\(run.errors)")
                #expect(run.output.hasPrefix("t: nothing to do\nt: "), "\(run.output)")
                #expect(try await database.column(known) == expected)
            }
            let json = try await installation.lacuna("reconcile", "--verify", "10%", "--format", "json")
            #expect(json.status == 0 && json.output.contains("\"verifications\" : ["), "\(json.output)")
            #expect(try await database.column(known) == ["0 40", "40 50", "50 100"])
            try await database.execute(
                "UPDATE lacuna.verification SET verified_at = verified_at - interval '9 days' WHERE lower = 50")
            #expect(try await installation.lacuna("reconcile", "--verify", "10%").status == 0)
            #expect(try await database.column(known) == ["0 40", "40 50", "50 60", "60 100"])
        }
    }

    @Test("A sample asks for its share, and a source that is down fails the run")
    func limits() async throws {
        let api = VerifiedAPI(units: 0..<1000)
        try await with(api, last: 999) { installation in
            let sample = try await installation.lacuna("verify", "t", "--sample", "5%")
            #expect(sample.status == 0, "\(sample.errors)")
            #expect(sample.output.contains("5 of 5 windows, 50 units"), "\(sample.output)")
            #expect(api.takeRequests().count == 5)
            for wrong in ["0%", "5", "101%", "x%"] {
                #expect(try await installation.lacuna("verify", "t", "--sample", wrong).status == 64)
            }
            api.change { $0.isDown = true }
            let down = try await installation.lacuna("verify", "t")
            #expect(down.status == 1)
            #expect(down.output.contains("FAILED") && down.output.contains("windows failed in a row"), "\(down.output)")
            #expect(api.takeRequests().count <= 20)
        }
    }

    @Test(
        "Partitions are compared each by itself, a field that a record lacks is none that differs, and ids are refused")
    func partitions() async throws {
        let program = """
            #!/bin/sh
            cat "$1.ndjson"
            """
        let config = """
            sources: {parts: {type: command, command: [./give, "{partition.region}"]}}
            streams:
              t:
                source: parts
                table: t
                key: {column: n, type: integer}
                partitions: {region: [a, "b c"]}
                expect: {from: 0, to: 9}
              ids:
                source: parts
                table: t
                key: {column: region, type: text}
                expect: {query: SELECT 'a' AS region}
                command: [./give, "{keys}"]
            """
        func records(_ value: (Int) -> String?) -> String {
            (0..<10).map { n in "{\"n\":\(n)\(value(n).map { ",\"v\":\($0)" } ?? "")}\n" }.joined()
        }
        let files = [
            "give": program, "a.ndjson": records { "\($0)" }, "b c.ndjson": records { "\($0 * 10)" },
        ]
        try await Installation.with(
            "CREATE TABLE t (region text, n bigint, v numeric(6, 2), PRIMARY KEY (region, n))", config: config,
            files: files
        ) { installation in
            try await installation.lacuna("reconcile", "t").requireSuccess()
            try await installation.lacuna("verify", "t").requireSuccess()
            // 3 has another value, and 4 and 5 have none that anybody would write.
            try installation.directory.write(
                records { $0 == 3 ? "3.5" : [4, 5].contains($0) ? nil : "\($0 * 10).00" }, to: "b c.ndjson")
            let verify = try await installation.lacuna("verify", "t")
            #expect(verify.status == 2)
            #expect(verify.output.hasSuffix("\n  region=b c  3  1 different (v)\n"), "\(verify.output)")
            let other = try await installation.lacuna("verify", "t", "--partition", "region=a")
            #expect(other.status == 0 && other.output.contains("10 units"), "\(other.output)")
            // No answer at all: every row is missing there, but none is proven to be.
            try installation.directory.write("", to: "a.ndjson")
            let empty = try await installation.lacuna("verify", "t", "--partition", "region=a", "--format", "json")
            #expect(empty.output.contains("\"missing_there\" : 9"), "\(empty.output)")
            #expect(empty.output.contains("\"unproven_units\" : 1"), "\(empty.output)")
            let ids = try await installation.lacuna("verify", "ids")
            #expect(ids.status == 1 && ids.errors.contains("verify is for ordered keys"), "\(ids.errors)")
        }
    }
}

extension LacunaProcess.Result {
    fileprivate func requireSuccess() throws {
        try #require(status == 0, "\(output)\(errors)")
    }
}
