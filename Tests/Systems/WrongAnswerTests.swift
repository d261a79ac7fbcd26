import Foundation
import Synchronization
import Testing
import TestSupport

@Suite("A wrong answer of an API")
struct WrongAnswerTests {
    /// What the server does where it is asked for the unit 7 alone.
    struct Wrong: Sendable, CustomTestStringConvertible {
        let name: String
        var paginator = "{type: single_page}"
        /// What the error says behind the address.
        let error: String
        var page = 1
        let answer: @Sendable (HTTPServer.Request) -> HTTPServer.Response

        var testDescription: String { name }
    }

    private static let item = #"{"n": 7, "v": "v7"}"#

    static let wrong: [Wrong] = [
        Wrong(name: "HTML", error: "answered 200 OK; but with a page of HTML") { _ in
            .init("<html><body>Sign in</body></html>", type: "text/html; charset=utf-8")
        },
        Wrong(name: "HTML that is called JSON", error: "answered 200, but the answer is not one whole JSON document") {
            _ in
            .init("<html><body>Sign in</body></html>")
        },
        Wrong(name: "truncated JSON", error: "answered 200, but the answer is not one whole JSON document") { _ in
            .init(#"{"items": [\#(item)"#)
        },
        Wrong(name: "a connection that ends early", error: "no answer: ") { _ in
            var response = HTTPServer.Response(#"{"items": [\#(item)]}"#)
            response.cutAfter = 15
            return response
        },
        Wrong(name: "another charset", error: "answered 200 OK; but in the charset iso-8859-1, not UTF-8") { _ in
            .init(#"{"items": [\#(item)]}"#, type: "application/json; charset=ISO-8859-1")
        },
        Wrong(name: "bytes that are not UTF-8", error: "answered 200, but the answer is not one whole JSON document") {
            _ in
            .init(Array(#"{"items": [{"n": 7, "v": ""#.utf8) + [0xE9] + Array(#""}]}"#.utf8))
        },
        Wrong(
            name: "a next page that loops", paginator: "{type: json_link, next_path: next}",
            error: "answered 200, but it gives the same address of the next page as an earlier page", page: 2
        ) { request in
            let items = request["page"] == nil ? item : #"{"n": 7, "v": "of another page"}"#
            return .init(#"{"items": [\#(items)], "next": "/v1/items?page=2"}"#)
        },
        Wrong(
            name: "a total that shrinks",
            paginator: "{type: page_number, page_size_param: size, page_size: 1, total_path: total}",
            error: "answered 200, but it declares 1 records in all where an earlier page declared 2", page: 2
        ) { request in
            request["page"] == "1" ? .init(#"{"items": [\#(item)], "total": 2}"#) : .init(#"{"items": [], "total": 1}"#)
        },
        Wrong(name: "a redirect to another host", error: "302 to another origin, http://elsewhere.example") { _ in
            .init("", status: 302, headers: [("location", "http://elsewhere.example/v1/items")])
        },
    ]

    @Test("is an error with status, address and window, and nothing is written", arguments: wrong)
    func refused(_ wrong: Wrong) async throws {
        let isWrong = Mutex(false)
        try await HTTPServer.with { request in
            if isWrong.withLock({ $0 }) { return wrong.answer(request) }
            let first = request["from"].flatMap { Int($0) } ?? 0
            let last = request["to"].flatMap { Int($0) } ?? 0
            let page = request["page"].flatMap { Int($0) } ?? 1
            let numbers = request["size"] == "1" ? [first + page - 1] : Array(first...last)
            let items = numbers.map { #"{"n": \#($0), "v": "v\#($0)"}"# }.joined(separator: ",")
            return .init(#"{"items": [\#(items)], "next": null, "total": \#(last - first + 1)}"#)
        } _: { server in
            try await check(wrong, server) { isWrong.withLock { $0 = true } }
        }
    }

    private func check(_ wrong: Wrong, _ server: HTTPServer, _ turn: () -> Void) async throws {
        let config = """
            sources:
              api:
                type: http
                base_url: \(server.url)/v1
                proxy: none
                retry: {attempts: 1}
            streams:
              numbers:
                source: api
                table: numbers
                key: {column: n, type: integer}
                expect: {from: 0, to: 19}
                batch: 10
                request:
                  path: /items
                  params: {from: "{window.first}", to: "{window.last}", who: "${env:WHO}"}
                record_selector: items
                paginator: \(wrong.paginator)
            """
        try await Installation.with("CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL)") { plain in
            let installation = Installation(
                database: plain.database, directory: plain.directory, environment: ["WHO": "canary-who"])
            try installation.configure(config)
            try #require(try await installation.lacuna("init").status == 0)
            let filled = try await installation.lacuna("reconcile")
            try #require(filled.status == 0, "\(filled.errors)")
            try await installation.database.execute("DELETE FROM numbers WHERE n = 7")
            let before = try await installation.image()
            turn()

            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1, "\(run.output)")
            let request = "page \(wrong.page), GET \(server.url)/v1/items?"
            #expect(run.errors.contains("lacuna: numbers 7: \(request)"), "\(run.errors)")
            #expect(run.errors.contains(": \(wrong.error)"), "\(run.errors)")
            #expect(!run.errors.contains("canary") && !run.output.contains("canary"), "\(run.errors)")
            if wrong.page == 1 { #expect(run.errors.contains("from=7&to=7&who=***: "), "\(run.errors)") }
            #expect(try await installation.image() == before)
            #expect(try await installation.lacuna("gaps").output == "numbers  7  1 unit\n")
        }
    }
}
