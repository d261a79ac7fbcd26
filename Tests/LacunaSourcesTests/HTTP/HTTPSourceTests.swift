import Foundation
import Lacuna
import TestSupport
import Testing

@testable import LacunaSources

@Suite("An HTTP source")
struct HTTPSourceTests {
    @Test("asks for a window, page by page, and hands over the records with what was declared")
    func pages() async throws {
        try await HTTPServer.with { request in
            let page = Int(request["page"] ?? "") ?? 0
            return .init(#"{"total": 25, "results": [\#(records((page - 1) * 10..<min(page * 10, 25)))]}"#)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.recordSelector = JSONPath("results")
            fixture.settings.paginator = PaginatorSettings(
                .pageNumber(parameter: "page", base: 1, sizeParameter: "size", size: 10))
            fixture.settings.paginator.totalPath = JSONPath("total")
            let (found, summary) = try await fixture.fetch(0..<25)
            #expect(found == lines(0..<25))
            #expect(summary == FetchSummary(declaredRecords: 25, pages: 3, end: .proven))
            #expect(server.requests.map(\.target).first == "/v1/items?from=0&to=24&page=1&size=10")
        }
    }

    @Test(
        "finds the records where they are",
        arguments: [
            ("[{\"n\":1},{\"n\":2}]", nil, 2), ("{\"n\":1,\"list\":[1]}", nil, 1), ("{\"n\":1}", "$", 1),
            ("{\"data\":{\"items\":[{\"n\":1}]}}", "data.items", 1), ("{\"data\":[[{\"n\":1}],[]]}", "data.0", 1),
            ("{\"result\":{\"n\":1}}", "result", 1), ("\u{FEFF} [ ] ", nil, 0),
        ] as [(String, String?, Int)])
    func selects(body: String, path: String?, count: Int) async throws {
        try await HTTPServer.with { _ in
            .init(body)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.recordSelector = path.flatMap(JSONPath.init)
            #expect(try await fixture.fetch().lines.count == count)
        }
    }

    @Test("keeps numbers as they were written")
    func exact() async throws {
        let record = #"{"n":1,"a":9007199254740993,"b":0.1000000000000000055511151231257827,"c":1e400}"#
        try await HTTPServer.with { _ in
            .init("[\(record)]")
        } _: { server in
            let found = try await HTTPFixture(server).fetch().lines
            #expect(found == [record])
        }
    }

    @Test("reads on where the source gives fewer records a page than it is asked for")
    func cappedPages() async throws {
        try await HTTPServer.with { request in
            let page = request["page"].flatMap { Int($0) } ?? 0
            let last = (request["to"].flatMap { Int($0) } ?? 0) + 1
            return .init("[\(records(min(page * 4, last)..<min(page * 4 + 4, last)))]")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.paginator = PaginatorSettings(
                .pageNumber(parameter: "page", base: 0, sizeParameter: "size", size: 100))
            let source = fixture.source
            for (window, requests) in [(0..<10, 3), (0..<8, 3), (0..<3, 1)] as [(Range<Int64>, Int)] {
                let before = server.requests.count
                let sink = RecordSink(
                    layout: RecordLayout(
                        keyField: "n", keyType: fixture.stream.keyType, window: window, partition: [], stray: .reject))
                let summary = try await source.fetch(
                    FetchRequest(stream: fixture.stream, partition: .whole, window: window), into: sink)
                #expect(try sink.finish().recordCount == window.count, "\(window)")
                #expect(summary.pages == requests)
                #expect(server.requests.count - before == requests, "\(window)")
            }
        }
    }

    static let wrong: [(HTTPServer.Response, SourceError.Kind, String)] = [
        (.init("<html>Please log in</html>", type: "text/html; charset=utf-8"), .permanent, "page of HTML"),
        (.init("[]", type: "application/json; charset=iso-8859-1"), .permanent, "charset iso-8859-1"),
        (.init("[{\"n\":1},{\"n\""), .permanent, "ends too early"),
        (.init(""), .permanent, "not one whole JSON document"),
        (.init("[]]"), .permanent, "not one whole JSON document"),
        (.init("[],\"b\":[]"), .permanent, "not one whole JSON document"),
        (.init("[{\"n\":1}", type: nil), .permanent, "ends too early"),
        (.init("{\"error\": \"no\"}", status: 400), .permanent, "400 Bad Request, saying: {\"error\": \"no\"}"),
        (.init("", status: 401), .rejected, "check `auth`"),
        (.init("[]", status: 202), .transient, "not ready yet"),
        (.init("[{\"n\":1}]", status: 206), .permanent, "only a part of the answer"),
        (.init("", status: 404), .permanent, "404"),
        (.init("", status: 408), .transient, "408"),
        (.init("", status: 500), .transient, "500 Internal Server Error"),
        (.init("", status: 503, headers: [("retry-after", "1")]), .transient, "503"),
        (.init("", status: 429, headers: [("retry-after", "1")]), .transient, "429"),
        (.init("", status: 429, headers: [("retry-after", "soon")]), .transient, "429"),
        (.init("", status: 429, headers: [("retry-after", "3600")]), .deferred, "longer than `max_backoff`"),
        (.init("", status: 302), .permanent, "leads nowhere"),
    ]

    @Test("refuses a wrong answer with status, address and page", arguments: wrong.indices)
    func refuses(index: Int) async throws {
        let (response, kind, message) = HTTPSourceTests.wrong[index]
        try await HTTPServer.with { _ in
            response
        } _: { server in
            let error = try #require(await HTTPFixture(server).failure())
            #expect(error.kind == kind)
            #expect(error.message.contains(message), "\(error.message)")
            #expect(error.message.hasPrefix("page 1, GET \(server.url)/v1/items?from=0&to=999: "), "\(error.message)")
        }
    }

    @Test("says how long it was asked to wait")
    func retryAfter() async throws {
        try await HTTPServer.with { _ in
            .init("", status: 429, headers: [("retry-after", "1")])
        } _: { server in
            let error = try await HTTPFixture(server).failure()
            #expect(error?.retryAfter == .seconds(1))
        }
    }

    @Test(
        "gives a status the meaning that the config gives it",
        arguments: [(404, .unavailable), (403, .retry), (500, .fail)] as [(Int, HTTPStatusAction)])
    func onStatus(status: Int, action: HTTPStatusAction) async throws {
        try await HTTPServer.with { _ in
            .init("", status: status)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.onStatus = [status: action]
            let kinds: [HTTPStatusAction: SourceError.Kind] = [
                .unavailable: .unavailable, .retry: .transient, .fail: .permanent,
            ]
            #expect(await fixture.failure()?.kind == kinds[action])
        }
    }

    @Test("takes a status for a window without records, and for the page behind the last")
    func empty() async throws {
        try await HTTPServer.with { request in
            request["page"] == "1" ? .init("[\(records(0..<2))]") : .init("", status: 404)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.onStatus = [404: .empty]
            #expect(try await fixture.fetch().lines == [])
            fixture.settings.paginator = PaginatorSettings(
                .pageNumber(parameter: "page", base: 1, sizeParameter: nil, size: nil))
            #expect(try await fixture.fetch().lines == lines(0..<2))
        }
    }

    @Test("asks again for a later page that fails, without those before it")
    func laterPage() async throws {
        let failures = Counter()
        try await HTTPServer.with { request in
            let page = Int(request["page"] ?? "") ?? 0
            if page == 2, failures.next() == 0 { return .init("", status: 500) }
            return .init("[\(page == 3 ? "" : records(page * 10..<page * 10 + 10))]")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.paginator = PaginatorSettings(
                .pageNumber(parameter: "page", base: 1, sizeParameter: nil, size: nil))
            #expect(try await fixture.fetch().lines == lines(10..<30))
            #expect(server.requests.compactMap { $0["page"] } == ["1", "2", "2", "3"])
        }
    }

    @Test(
        "refuses next pages that go in a circle or leave the origin",
        arguments: ["/v1/items?x=1", "http://127.0.0.2/"])
    func links(next: String) async throws {
        try await HTTPServer.with { request in
            .init("{\"n\": 1, \"q\": \"\(request.target)\", \"next\": \"\(next)\"}")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.paginator = PaginatorSettings(.jsonLink(path: try #require(JSONPath("next"))))
            let error = try #require(await fixture.failure())
            #expect(error.kind == .permanent)
            #expect(error.message.contains("circle") || error.message.contains("another origin"), "\(error.message)")
            #expect(server.requests.count <= 2)
        }
    }

    @Test("follows links in the header")
    func follows() async throws {
        try await HTTPServer.with { request in
            switch request.target {
            case "/v1/items?from=0&to=999": .init("[{\"n\":1}]", headers: [("link", "</v1/second>; rel=\"next\"")])
            case "/v1/second": .init("[{\"n\":2}]")
            default: .init("", status: 404)
            }
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.paginator = PaginatorSettings(.headerLink)
            #expect(try await fixture.fetch().lines == lines(1..<3))
        }
    }

    @Test("follows cursors in the body")
    func cursors() async throws {
        try await HTTPServer.with { request in
            request["after"] == nil
                ? .init(#"{"items":[{"n":1}],"meta":{"next":"a/b+c"}}"#)
                : .init(request["after"] == "a/b+c" ? #"{"items":[{"n":2}],"meta":{"next":null}}"# : "")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.recordSelector = JSONPath("items")
            fixture.settings.paginator = PaginatorSettings(
                .cursor(path: try #require(JSONPath("meta.next")), parameter: "after"))
            #expect(try await fixture.fetch().lines == lines(1..<3))
        }
    }

    @Test("has a window read again whose total shrinks while its pages are read")
    func shrinks() async throws {
        try await HTTPServer.with { request in
            let page = Int(request["page"] ?? "") ?? 0
            return .init(#"{"total": \#(31 - page), "items": [\#(records(page * 10..<page * 10 + 10))]}"#)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.recordSelector = JSONPath("items")
            fixture.settings.paginator = PaginatorSettings(
                .pageNumber(parameter: "page", base: 1, sizeParameter: nil, size: nil))
            fixture.settings.paginator.totalPath = JSONPath("total")
            let error = try #require(await fixture.failure())
            #expect(error.kind == .unknown)
            #expect(error.message.hasPrefix("page 2, "), "\(error.message)")
        }
    }

    @Test("follows redirects inside its origin and never takes credentials elsewhere")
    func redirects() async throws {
        try await HTTPServer.with { _ in
            .init("[]")
        } _: { other in
            let elsewhere = other.url
            try await HTTPServer.with { request in
                switch request.path {
                case "/v1/items": .init("", status: 302, headers: [("location", "/v2")])
                case "/v2": .init("", status: 308, headers: [("location", "/v3")])
                case "/v3": .init("[{\"n\":1}]")
                default: .init("", status: 302, headers: [("location", "\(elsewhere)/steal")])
                }
            } _: { server in
                var fixture = try HTTPFixture(server)
                fixture.settings.authentication = .bearer(token: "canary-token")
                #expect(try await fixture.fetch().lines == lines(1..<2))
                #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer canary-token" })
                fixture.settings.request.path = try Template("/away")
                let error = try #require(await fixture.failure())
                #expect(error.kind == .permanent)
                #expect(error.message.contains("302 to another origin, \(elsewhere)"), "\(error.message)")
                #expect(other.requests.isEmpty)
            }
        }
    }

    @Test("gives up a server that hangs, drips or closes early")
    func slow() async throws {
        try await HTTPServer.with { request in
            var response = HTTPServer.Response("[{\"n\":1},{\"n\":2}]")
            switch request.path {
            case "/v1/hang": response.delay = LongestWait.duration
            case "/v1/drip": response.drip = .seconds(60)
            default: response.cutAfter = 10
            }
            return response
        } _: { server in
            var fixture = try HTTPFixture(server)
            let short = Duration.milliseconds(300)
            for (path, timeouts, message) in [
                ("/hang", HTTPTimeouts(idle: short), "nothing came"),
                ("/drip", HTTPTimeouts(total: short), "not complete after"), ("/cut", HTTPTimeouts(), "no answer"),
            ] {
                fixture.settings.request.path = try Template(path)
                fixture.settings.timeouts = timeouts
                let error = try #require(await fixture.failure())
                // What takes too long is halved after its last attempt.
                #expect(error.kind == (path == "/cut" ? .transient : .unknown))
                // A machine that is busy may not see the head of a slow answer in time.
                let isLate = path == "/drip" && error.message.contains("there was no answer after")
                #expect(isLate || error.message.contains(message), "\(error.message)")
            }
        }
    }

    @Test("says that nobody listens")
    func refusedConnection() async throws {
        let gone = try await HTTPServer.with({ _ in .init("") }, { $0.url })
        try await HTTPServer.with { _ in
            .init("")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.baseURL = try Template(gone)
            let error = try #require(await fixture.failure())
            #expect(error.kind == .transient)
            #expect(error.message.contains("no answer"), "\(error.message)")
        }
    }

    @Test("ends with its task")
    func cancelled() async throws {
        try await HTTPServer.with { _ in
            var response = HTTPServer.Response("[]")
            response.delay = LongestWait.duration
            return response
        } _: { server in
            let fixture = try HTTPFixture(server)
            let task = Task { _ = try await fixture.fetch() }
            while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test("takes compressed pages, and refuses one that is small only while it is compressed")
    func compressedPages() async throws {
        let small = try compressed("[{\"n\":1}]", by: "gzip")
        let bomb = try compressed("[" + String(repeating: " ", count: 8 << 20) + "]", by: "gzip")
        #expect(bomb.count < 32 << 10)
        try await HTTPServer.with { request in
            .init(request.path == "/v1/bomb" ? bomb : small, headers: [("content-encoding", "gzip")])
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.pageByteLimit = 1 << 20
            #expect(try await fixture.fetch().lines == lines(1..<2))
            #expect(server.requests[0].headers["accept-encoding"]?.hasPrefix("gzip, deflate") == true)
            fixture.settings.request.path = try Template("/bomb")
            let error = try #require(await fixture.failure())
            #expect(error.kind == .permanent)
            #expect(error.message.contains("max_page_bytes"), "\(error.message)")
        }
    }

    @Test("posts a JSON-RPC call and takes its result")
    func rpc() async throws {
        try await HTTPServer.with { request in
            request.method == "POST" && request.body.contains("[5,7]")
                ? .init("{\"jsonrpc\":\"2.0\",\"result\":[\(records(5..<8))]}") : .init("", status: 400)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.request = HTTPRequestSettings()
            fixture.settings.request.method = .post
            fixture.settings.request.body = try .body(
                #"{"jsonrpc":"2.0","id":1,"method":"getblocks","params":[{window.first},{window.last}]}"#)
            fixture.settings.recordSelector = JSONPath("result")
            #expect(try await fixture.fetch(5..<8).lines == lines(5..<8))
        }
    }

    @Test(
        "refuses an answer that holds an error, whatever stands beside it, and quotes the server",
        arguments: [
            (#"{"result":null,"error":{"code":-32000}}"#, .unknown, "answered 200, but 'error' says: -32000"),
            (
                #"{"result":[{"n":1}],"error":{"code":-32602,"message":"no\nsuch block"}}"#, .permanent,
                "answered 200, but 'error' says: -32602: no such block; `on_error` can"
            ),
            (
                #"{"error":{"code":-32005,"message":"daily request count exceeded"}}"#, .transient,
                "daily request count exceeded; lower `rate_limit`"
            ),
            (
                #"{"result":[],"error":{"code":-32005,"message":"query returned more than 10000 results"}}"#,
                .tooLarge, "more than 10000 results; the window is too large"
            ),
            (#"{"result":[],"errors":["bearer canary-token is old"]}"#, .permanent, "says: bearer *** is old"),
            (#"{"result":null}"#, .transient, "'result' is null, which says nothing of the window"),
        ] as [(String, SourceError.Kind, String)])
    func bodyFaults(body: String, kind: SourceError.Kind, message: String) async throws {
        try await HTTPServer.with { _ in
            .init(body)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.recordSelector = JSONPath("result")
            fixture.settings.authentication = .bearer(token: "canary-token")
            let error = try #require(await fixture.failure())
            #expect(error.kind == kind)
            #expect(error.message.contains(message), "\(error.message)")
            #expect(error.message.hasPrefix("page 1, GET \(server.url)/v1/items?from=0&to=999: "), "\(error.message)")
            #expect(!error.message.contains("canary"), "\(error.message)")
        }
    }

    @Test("takes what stands beside an error that says nothing, and an error that is itself the record")
    func noBodyFault() async throws {
        try await HTTPServer.with { request in
            request.path == "/v1/log"
                ? .init(#"[{"n":1,"error":"disk full"}]"#)
                : .init(#"{"result":[{"n":1,"error":"disk full"}],"error":null,"errors":[]}"#)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.recordSelector = JSONPath("result")
            #expect(try await fixture.fetch().lines.count == 1)
            fixture.settings.recordSelector = nil
            fixture.settings.request.path = try Template("/log")
            #expect(try await fixture.fetch().lines.count == 1)
        }
    }

    @Test("leaves the source alone for as long as an error in a body asks for by its headers")
    func bodyLimit() async throws {
        try await HTTPServer.with { _ in
            .init(#"{"error":{"code":429,"message":"slow down"}}"#, headers: [("retry-after", "1.5")])
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.recordSelector = JSONPath("result")
            let error = try #require(await fixture.failure())
            #expect(error.kind == .transient)
            #expect(error.retryAfter == .seconds(1.5))
            let before = ContinuousClock.now
            _ = await fixture.failure()
            #expect(ContinuousClock.now - before >= .seconds(1))
        }
    }

    @Test("asks again for a later page that holds an error, and takes one for the end if the config says so")
    func bodyFaultOfLaterPage() async throws {
        let failures = Counter()
        try await HTTPServer.with { request in
            let page = Int(request["page"] ?? "") ?? 0
            if page == 2, failures.next() == 0 { return .init(#"{"result":[],"error":{"code":-32603}}"#) }
            if page == 3 { return .init(#"{"result":null,"error":{"code":7,"message":"No such page"}}"#) }
            return .init(#"{"result":[\#(records(page * 10..<page * 10 + 10))]}"#)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.recordSelector = JSONPath("result")
            fixture.settings.onError = [
                HTTPErrorRule(
                    path: try #require(JSONPath("error.message")), condition: .contains("no such PAGE"), action: .empty)
            ]
            fixture.settings.paginator = PaginatorSettings(
                .pageNumber(parameter: "page", base: 1, sizeParameter: nil, size: nil))
            #expect(try await fixture.fetch().lines == lines(10..<30))
            #expect(server.requests.compactMap { $0["page"] } == ["1", "2", "2", "3"])
        }
    }

    @Test("does not take a tip that could not be told for a source without one")
    func tipFault() async throws {
        try await HTTPServer.with { _ in
            .init(#"{"result":null,"error":{"code":-32603,"message":"busy"}}"#)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.tip = HTTPTipSettings(request: HTTPRequestSettings(), select: JSONPath("result"))
            let error = await #expect(throws: SourceError.self) { try await fixture.tip() }
            #expect(error?.kind == .unknown)
            #expect(error?.message.contains("-32603: busy") == true, "\(String(describing: error))")
        }
    }

    @Test("takes NDJSON and CSV", arguments: HTTPFormat.allCases)
    func formats(format: HTTPFormat) async throws {
        try await HTTPServer.with { request in
            guard request["page"] == "1" else { return .init(format == .csv ? "n\n" : "", type: nil) }
            return .init(format == .csv ? "n\n1\n2" : "{\"n\":1}\n{\"n\":2}", type: nil)
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.format = format == .json ? .ndjson : format
            fixture.settings.paginator = PaginatorSettings(
                .pageNumber(parameter: "page", base: 1, sizeParameter: nil, size: nil))
            let (found, summary) = try await fixture.fetch()
            #expect(found == (format == .csv ? ["1", "2"] : lines(1..<3)))
            #expect(summary.pages == 2)
        }
    }

    @Test(
        "asks for the tip and finds it in the answer",
        arguments: [
            (#"{"data":[{"height": 795000}]}"#, "data.0.height", "795000"),
            (#"{"tip":"2025-01-31"}"#, "tip", "2025-01-31"),
            (#"{"tip":null}"#, "tip", nil), (" 795000\n", nil, "795000"), (#""2025-01-31""#, nil, "2025-01-31"),
        ] as [(String, String?, String?)])
    func tip(body: String, select: String?, key: String?) async throws {
        try await HTTPServer.with { _ in
            .init(body)
        } _: { server in
            var fixture = try HTTPFixture(server)
            var request = HTTPRequestSettings()
            request.path = try Template("/tip")
            fixture.settings.tip = HTTPTipSettings(request: request, select: select.flatMap(JSONPath.init))
            #expect(try await fixture.tip() == key)
        }
    }
}
