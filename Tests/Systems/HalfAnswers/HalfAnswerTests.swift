import Foundation
import Synchronization
import TestSupport
import Testing

/// The API of a table of numbers with some rows each, which answers as a test scripts it.
private final class API: Sendable {
    typealias Row = (unit: Int, part: Int)

    let rows: [Row]
    let last: Int

    init(units: some Sequence<Int>, parts: Int = 1, last: Int? = nil) {
        rows = units.flatMap { unit in (0..<parts).map { (unit, $0) } }
        self.last = last ?? rows.last?.unit ?? 0
    }

    /// The rows of a request's window.
    func window(_ request: HTTPServer.Request) -> [Row] {
        guard let from = request["from"].flatMap({ Int($0) }), let to = request["to"].flatMap({ Int($0) }) else {
            return []
        }
        return rows.filter { $0.unit >= from && $0.unit <= to }
    }

    static func json(_ rows: some Sequence<Row>) -> String {
        "[\(rows.map { "{\"n\":\($0.unit),\"part\":\($0.part),\"v\":\"v\($0.unit).\($0.part)\"}" }.joined(separator: ","))]"
    }
}

@Suite("An answer that could be half")
struct HalfAnswerTests {
    private static let table = "CREATE TABLE t (n bigint, part integer, v text, PRIMARY KEY (n, part))"

    /// Runs `body` beside a server, with a stream of its numbers.
    private func with(
        last: Int, batch: Int = 1000, paginator: String = "", source: String = "", stream: String = "",
        selector: String = "items", tip: Int? = nil,
        _ handler: @escaping @Sendable (HTTPServer.Request) -> HTTPServer.Response,
        _ body: (Installation, HTTPServer) async throws -> Void
    ) async throws {
        try await HTTPServer.with { request in
            if request.path == "/tip" { return .init("\(tip ?? last)") }
            return handler(request)
        } _: { server in
            let config = """
                sources:
                  api:
                    type: http
                    base_url: \(server.url)
                    proxy: none
                    retry: {attempts: 2, backoff: 1s, max_backoff: 1s}
                    \(tip == nil ? "" : "tip: {path: /tip}")
                    \(source)
                streams:
                  t:
                    source: api
                    table: t
                    key: {column: n, type: integer}
                    expect: {from: 0, to: \(tip == nil ? "\(last)" : "tip")}
                    batch: \(batch)
                    workers: 1
                    request: {path: /, params: {from: "{window.first}", to: "{window.last}"}}
                    \(selector.isEmpty ? "" : "record_selector: \(selector)")
                    \(paginator.isEmpty ? "" : "paginator: \(paginator)")
                    \(stream)

                """
            try await Installation.with(Self.table, config: config) { installation in
                try await body(installation, server)
            }
        }
    }

    private func rowCount(_ installation: Installation) async throws -> Int {
        try await installation.database.number("SELECT count(*) FROM t")
    }

    /// The units that are called empty.
    private func emptyUnits(_ installation: Installation) async throws -> [Int] {
        try await installation.database.column(
            "SELECT generate_series(lower, upper - 1) FROM lacuna.verified_empty ORDER BY 1"
        ).compactMap { Int($0) }
    }

    // MARK: 1, 2

    @Test(
        "of a source that ignores what the next page is asked for by is rejected as a repeated page, the last one too",
        arguments: [
            "{type: page_number, page_size_param: size, page_size: 4, total_path: total}",
            "{type: offset, limit_param: size, limit: 4, total_path: total}",
            "{type: page_number, page_size_param: size, page_size: 4, total_pages_path: pages}",
        ])
    func repeatedPage(paginator: String) async throws {
        // All of one unit, so that no smaller window helps.
        let api = API(units: [3], parts: 8)
        try await with(last: 9, paginator: paginator) { request in
            let rows = api.window(request)
            return .init(
                "{\"total\":\(rows.count),\"pages\":\((rows.count + 3) / 4),\"items\":\(API.json(rows.prefix(4)))}")
        } _: { installation, _ in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1, "\(run.output)")
            #expect(run.errors.contains("is the same as an earlier page"), "\(run.errors)")
            #expect(try await rowCount(installation) == 0)
            #expect(try await !emptyUnits(installation).contains(3))
        }
    }

    @Test("in which a row moved between two pages is read again, and rejected if it stays so")
    func shifted() async throws {
        let api = API(units: [3], parts: 8)
        let shifts = Mutex(1)
        try await with(last: 9, paginator: "{type: offset, limit_param: size, limit: 4, total_path: total}") {
            request in
            let rows = api.window(request)
            guard rows.count == 8, let offset = request["offset"].flatMap({ Int($0) }) else {
                return .init("{\"total\":\(rows.count),\"items\":\(API.json(rows.prefix(4)))}")
            }
            var page = Array(rows.dropFirst(offset).prefix(4))
            let isShifted =
                offset == 4
                && shifts.withLock { shifts in
                    shifts -= 1
                    return shifts >= 0
                }
            if isShifted { page = [rows[3], rows[4], rows[5], rows[6]] }
            return .init("{\"total\":8,\"items\":\(API.json(page))}")
        } _: { installation, _ in
            let run = try await installation.lacuna("reconcile")
            #expect(try await rowCount(installation) == 8, "\(run.output)\(run.errors)")
            try await installation.database.execute(
                "TRUNCATE t; DELETE FROM lacuna.cursor; DELETE FROM lacuna.verified_empty")
            shifts.withLock { $0 = .max }
            let refused = try await installation.lacuna("reconcile")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("declared 8 records and sent 7 different ones"), "\(refused.errors)")
            #expect(try await rowCount(installation) == 0)
        }
    }

    // MARK: 3, 4

    @Test(
        "with a next page at a path that no page has is an error before anything is called empty; names with dots stand in quotes",
        arguments: [
            (#"{type: json_link, next_path: "@odata.nextLink"}"#, 1), (#"{type: json_link, next_path: nxt}"#, 1),
            (#"{type: cursor, cursor_path: nxt, cursor_param: after}"#, 1),
            (#"{type: json_link, next_path: '"@odata.nextLink"'}"#, 0),
            (#"{type: json_link, next_path: "$['@odata.nextLink']"}"#, 0),
            (#"{type: cursor, cursor_path: meta.cursor, cursor_param: after}"#, 0),
        ])
    func nextPath(paginator: String, status: Int32) async throws {
        let api = API(units: stride(from: 1, to: 40, by: 2))
        try await with(last: 39, paginator: paginator) { request in
            let rows = api.window(request)
            let after = request["after"].flatMap { Int($0) } ?? 0
            let more = after + 8 < rows.count
            let next =
                more
                ? "\"http://\(request.headers["host"] ?? "")/?from=\(request["from"] ?? "")&to=\(request["to"] ?? "")&after=\(after + 8)\""
                : "null"
            return .init(
                "{\"meta\":{\"cursor\":\(more ? "\"\(after + 8)\"" : "null")},\"@odata.nextLink\":\(next),"
                    + "\"items\":\(API.json(rows.dropFirst(after).prefix(8)))}")
        } _: { installation, _ in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == status, "\(run.output)\(run.errors)")
            let expected = status == 0 ? (20, Array(stride(from: 0, to: 39, by: 2))) : (0, [])
            #expect(try await rowCount(installation) == expected.0)
            #expect(try await emptyUnits(installation) == expected.1)
            if status == 1 {
                #expect(run.errors.contains("check the path") || run.errors.contains("declare"), "\(run.errors)")
            }
        }
    }

    @Test(
        "with a sign that there is more, and no paginator that says so, is rejected with what to declare",
        arguments: [
            ("\"next\":\"/?page=2\",", "", "next_path: 'next'"), ("\"next_url\":\"/?page=2\",", "", "next_url"),
            ("\"nextPageToken\":\"abc\",", "", "cursor_path: 'nextPageToken'"),
            ("\"has_more\":true,", "", "has_more_path"),
            ("\"total\":40,", "", "total_path: 'total'"), ("\"@odata.nextLink\":\"/x\",", "", "'\"@odata.nextLink\"'"),
            ("\"links\":{\"next\":{\"href\":\"/x\"}},", "", "'links.next'"),
            ("\"meta\":{\"total\":40},", "", "'meta.total'"),
            ("\"pagination\":{\"has_more\":true},", "", "'pagination.has_more'"),
            ("", "</?page=2>; rel=\"next\"", "header_link"),
        ])
    func signs(field: String, link: String, advice: String) async throws {
        let api = API(units: stride(from: 1, to: 40, by: 2))
        try await with(last: 39) { request in
            .init(
                "{\(field)\"items\":\(API.json(api.window(request).prefix(8)))}",
                headers: link.isEmpty ? [] : [("Link", link)])
        } _: { installation, _ in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1, "\(run.output)")
            #expect(run.errors.contains("there is more than what came"), "\(run.errors)")
            #expect(run.errors.contains(advice), "\(run.errors)")
            #expect(try await rowCount(installation) == 0)
            #expect(try await emptyUnits(installation).isEmpty)
            // One page, whatever it says: then the edges are asked for again.
            try installation.edit(
                "lacuna.yaml", "record_selector: items",
                to: "record_selector: items\n    paginator: {type: single_page}")
            let trusting = try await installation.lacuna("reconcile", "--retry-now")
            #expect(trusting.status == 0, "\(trusting.output)\(trusting.errors)")
            #expect(try await rowCount(installation) == 20)
        }
    }

    // MARK: 6

    @Test(
        "because of a cap without a sign loses nothing, whichever end it cuts, and costs an honest source one request more at most",
        arguments: [(20, false), (20, true), (1, false), (7, true), (1000, false)])
    func cap(limit: Int, newestFirst: Bool) async throws {
        // Every third unit from 30 to 168, three rows each.
        let units = Array(stride(from: 30, to: 170, by: 3))
        let api = API(units: units, parts: limit < 3 ? 1 : 3)
        try await with(last: 199, batch: 200) { request in
            let rows = api.window(request)
            return .init("{\"items\":\(API.json(newestFirst ? rows.suffix(limit) : rows.prefix(limit)))}")
        } _: { installation, server in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await rowCount(installation) == api.rows.count)
            #expect(Set(try await emptyUnits(installation)).isDisjoint(with: units))
            // What lies before the newest row is settled; what lies beyond it waits.
            #expect(try await emptyUnits(installation) == (0..<168).filter { !units.contains($0) })
            if limit == 1000 { #expect(server.requests.count == 3, "the window and its two edges") }
        }
    }

    @Test("takes no mark off units that a cap left out of it")
    func cappedMarks() async throws {
        let version = Mutex("a")
        let capped = Mutex(false)
        let units = Array(0...99)
        try await with(last: 99, batch: 100, tip: 99) { request in
            let from = request["from"].flatMap { Int($0) } ?? 0
            let to = request["to"].flatMap { Int($0) } ?? 0
            let wanted = units.filter { $0 >= from && $0 <= to }
            let sent = capped.withLock { $0 } ? Array(wanted.prefix(30)) : wanted
            let value = version.withLock { $0 }
            let rows = sent.map { "{\"n\":\($0),\"part\":0,\"v\":\"\(value)\"}" }
            return .init("{\"items\":[\(rows.joined(separator: ","))]}")
        } _: { installation, _ in
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.lacuna("mark", "t", "--all").status == 0)
            version.withLock { $0 = "b" }
            capped.withLock { $0 = true }
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await installation.database.number("SELECT count(*) FROM t WHERE v = 'b'") == 100)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.refetch") == 0)
        }
    }

    // MARK: 7

    @Test("by a node that lags behind its tip calls nothing empty that comes later")
    func lagging() async throws {
        let published = Mutex(102)
        let api = API(units: 0...120)
        try await with(last: 105, batch: 10, tip: 105) { request in
            let end = published.withLock { $0 }
            return .init("{\"items\":\(API.json(api.window(request).filter { $0.unit <= end }))}")
        } _: { installation, server in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await rowCount(installation) == 103)
            #expect(try await emptyUnits(installation).isEmpty)
            let report = try await installation.lacuna("gaps", "--format", "json", "--tip")
            #expect(report.output.contains("\"provisional_units\" : 3"), "\(report.output)")
            // Quiet: it is not asked for again and again.
            let asked = server.requests.count { $0.path == "/" }
            #expect(try await installation.lacuna("catchup").status == 0)
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(server.requests.count { $0.path == "/" } == asked)
            // The node has caught up, and somebody else brings a newer record.
            published.withLock { $0 = 120 }
            try await installation.database.execute("INSERT INTO t VALUES (110, 0, 'v110.0')")
            let healed = try await installation.lacuna("reconcile")
            #expect(healed.status == 0, "\(healed.output)\(healed.errors)")
            #expect(try await rowCount(installation) == 111)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.provisional") == 0)
        }
    }

    @Test("of a partition that has gone quiet is asked for twice in all, however often it is reconciled and caught up")
    func quiet() async throws {
        let api = API(units: 0...20)
        try await with(last: 99, batch: 100, stream: "confirm: 1h", tip: 99) { request in
            .init("{\"items\":\(API.json(api.window(request)))}")
        } _: { installation, server in
            func asked() -> Int { server.requests.count { $0.path == "/" } }
            for _ in 0..<3 {
                #expect(try await installation.lacuna("reconcile").status == 0)
                #expect(try await installation.lacuna("catchup").status == 0)
            }
            // The window and its edge.
            #expect(asked() == 2)
            #expect(try await installation.database.number("SELECT sum(upper - lower) FROM lacuna.provisional") == 79)
            try await installation.database.execute(
                "UPDATE lacuna.provisional SET asked_at = asked_at - interval '1 hour'")
            for _ in 0..<3 {
                #expect(try await installation.lacuna("catchup").status == 0)
                #expect(try await installation.lacuna("reconcile").status == 0)
            }
            #expect(asked() == 3)
            #expect(try await emptyUnits(installation) == Array(21...99))
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.provisional") == 0)
        }
    }

    // MARK: 8

    @Test(
        "that ends by closing the connection proves its rows and nothing else; not a byte is an error",
        arguments: [("csv", 0), ("ndjson", 0), ("csv", 284), ("ndjson", 284)])
    func closed(format: String, count: Int) async throws {
        let rows = (0..<count).map { $0 * 2 }
        var body = format == "csv" && count > 0 ? "n,part,v\n" : ""
        for row in rows { body += format == "csv" ? "\(row),0,v\n" : "{\"n\":\(row),\"part\":0,\"v\":\"v\"}\n" }
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\(body)"
        try await RawServer.with([answer], closes: true) { server in
            let config = """
                sources:
                  api:
                    type: http
                    base_url: \(server.url)
                    proxy: none
                    format: \(format)
                    retry: {attempts: 2, backoff: 1s, max_backoff: 1s}
                streams:
                  t:
                    source: api
                    table: t
                    key: {column: n, type: integer}
                    expect: {from: 0, to: 998}
                    batch: 1000
                    request: {path: /, params: {from: "{window.first}", to: "{window.last}"}}

                """
            try await Installation.with(Self.table, config: config) { installation in
                let run = try await installation.lacuna("reconcile")
                #expect(run.status == (count == 0 ? 1 : 0), "\(run.output)\(run.errors)")
                if count > 0 { #expect(run.output.contains("432 units behind the tip"), "\(run.output)") }
                #expect(try await rowCount(installation) == count)
                // Between the rows that came in order nothing can be missing.
                let last = rows.last ?? 0
                #expect(try await emptyUnits(installation) == (0..<last).filter { $0 % 2 == 1 })
                if count == 0 { #expect(run.errors.contains("not a byte"), "\(run.errors)") }
            }
        }
    }

    @Test(
        "from a file that is still being written takes no line without its end, and calls nothing empty that may follow"
    )
    func growingFile() async throws {
        let config = """
            sources: {files: {type: file, path: rows.csv}}
            streams:
              t: {source: files, table: t, key: {column: n, type: integer}, expect: {from: 0, to: 200}, batch: 50}

            """
        try await Installation.with(Self.table, config: config) { installation in
            try installation.directory.write("n,part,v\n0,0,a\n50,0,b\n100,0,10", to: "rows.csv", fresh: true)
            let run = try await installation.lacuna("reconcile")
            #expect(run.errors.contains("a last line without its end"), "\(run.output)\(run.errors)")
            #expect(try await installation.database.column("SELECT n FROM t ORDER BY n") == ["0", "50"])
            #expect(try await emptyUnits(installation) == Array(1..<50))
            try installation.directory.write(
                "n,part,v\n0,0,a\n50,0,b\n100,0,100000\n160,0,c\n", to: "rows.csv", fresh: true)
            _ = try await installation.lacuna("catchup")
            #expect(try await installation.database.column("SELECT v FROM t ORDER BY n") == ["a", "b", "100000", "c"])
            // Half of a file in no order: what is missing may stand in the other half.
            try await installation.database.execute(
                "TRUNCATE t; DELETE FROM lacuna.cursor; DELETE FROM lacuna.verified_empty; DELETE FROM lacuna.provisional"
            )
            try installation.directory.write("n,part,v\n200,0,a\n3,0,b\n", to: "rows.csv", fresh: true)
            _ = try await installation.lacuna("reconcile", "--retry-now")
            #expect(try await emptyUnits(installation).isEmpty)
            try installation.directory.write("n,part,v\n200,0,a\n3,0,b\n7,0,c\n", to: "rows.csv", fresh: true)
            _ = try await installation.lacuna("reconcile", "--retry-now")
            #expect(try await installation.database.column("SELECT n FROM t ORDER BY n") == ["3", "7", "200"])
            // Once it has been left alone for long enough, it is whole.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -7200)],
                ofItemAtPath: installation.directory.url.appendingPathComponent("rows.csv").path)
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 2)
            #expect(try await emptyUnits(installation).count == 195)
        }
    }

    @Test("about units that only update_max speaks of is not believed at once, and rewind takes back what was")
    func movedExtents() async throws {
        let api = API(units: 0...99)
        try await with(last: 9999, batch: 500, stream: "confirm: 1h", tip: nil) { request in
            .init("{\"items\":\(API.json(api.window(request)))}")
        } _: { installation, _ in
            try installation.edit("lacuna.yaml", "to: 9999", to: "to: 499")
            #expect(try await installation.lacuna("reconcile").status == 0)
            try await installation.database.execute("SELECT lacuna.update_max('t', 499)")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await emptyUnits(installation).isEmpty)
            try await installation.database.execute(
                "UPDATE lacuna.provisional SET asked_at = asked_at - interval '2 hours'")
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await emptyUnits(installation) == Array(100...499))
            #expect(try await installation.lacuna("rewind", "t", "--latest", "99").status == 0)
            #expect(try await emptyUnits(installation).isEmpty)
        }
    }

    // MARK: 9

    @Test("by a status, of an API that has moved, calls nothing empty, and says so; --trust-empty does")
    func movedAPI() async throws {
        try await with(last: 365, batch: 1, source: "on_status: {404: empty}", stream: "empty: verify") { _ in
            .init("gone", status: 404)
        } _: { installation, _ in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 2, "\(run.output)\(run.errors)")
            #expect(run.errors.contains("--trust-empty"), "\(run.errors)")
            #expect(try await emptyUnits(installation).isEmpty)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.provisional") == 0)
            #expect(try await installation.lacuna("reconcile", "--trust-empty").status == 0)
            #expect(try await emptyUnits(installation).count == 366)
        }
    }
}
