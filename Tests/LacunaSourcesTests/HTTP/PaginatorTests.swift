import Lacuna
import Testing

@testable import LacunaSources

@Suite("A paginator")
struct PaginatorTests {
    private func page(_ count: Int, digest: Int, _ change: (inout Paginator.Page) -> Void = { _ in }) -> Paginator.Page
    {
        var page = Paginator.Page(recordCount: count)
        page.digest = digest
        change(&page)
        return page
    }

    private func parameters(_ step: Paginator.Step?) -> [String]? {
        guard case .parameters(let parameters) = step else { return nil }
        return parameters.map { "\($0.name)=\($0.value)" }
    }

    private let byNumber = PaginatorSettings(.pageNumber(parameter: "page", base: 1, sizeParameter: "size", size: 10))

    @Test("asks for one page where there is one")
    func single() throws {
        var paginator = Paginator(PaginatorSettings())
        #expect(parameters(paginator.first) == [])
        #expect(try paginator.next(after: page(3, digest: 1)) == nil)
    }

    @Test("counts pages from its base and stops at a short one", arguments: [0, 1, 7])
    func numbers(base: Int64) throws {
        var paginator = Paginator(
            PaginatorSettings(.pageNumber(parameter: "page", base: base, sizeParameter: "size", size: 10)))
        #expect(parameters(paginator.first) == ["page=\(base)", "size=10"])
        #expect(parameters(try paginator.next(after: page(10, digest: 1))) == ["page=\(base + 1)", "size=10"])
        #expect(try paginator.next(after: page(9, digest: 2)) == nil)
    }

    @Test("takes a short page for the last one only where the source gave a longer one before")
    func cappedPages() throws {
        var paginator = Paginator(byNumber)
        #expect(try paginator.next(after: page(5, digest: 1)) != nil, "the source may give 5 at most")
        #expect(try paginator.next(after: page(5, digest: 2)) != nil)
        #expect(try paginator.next(after: page(4, digest: 3)) == nil)
        #expect(paginator.recordCount == 14)
        #expect(paginator.longestPage == 5)
        var next = Paginator(byNumber, longestPage: 5)
        #expect(try next.next(after: page(4, digest: 1)) == nil)
        next = Paginator(byNumber, longestPage: 5)
        #expect(try next.next(after: page(5, digest: 1)) != nil)
        #expect(try next.next(after: page(0, digest: 2)) == nil)
    }

    @Test("stops at an empty page")
    func empty() throws {
        var paginator = Paginator(
            PaginatorSettings(.pageNumber(parameter: "p", base: 1, sizeParameter: nil, size: nil)))
        #expect(try paginator.next(after: page(1, digest: 1)) != nil)
        #expect(try paginator.next(after: page(0, digest: 2)) == nil)
    }

    @Test("goes on past a short page where the total says that there is more, and stops at the total")
    func total() throws {
        var paginator = Paginator(byNumber)
        #expect(try paginator.next(after: page(4, digest: 1) { $0.total = 14 }) != nil)
        #expect(try paginator.next(after: page(10, digest: 2) { $0.total = 14 }) == nil)
        #expect(paginator.total == 14)
    }

    @Test("goes on past an empty page where more pages are declared, and takes none of them for missing")
    func emptyInBetween() throws {
        var paginator = Paginator(byNumber)
        #expect(try paginator.next(after: page(2, digest: 1) { $0.totalPages = 3 }) != nil)
        #expect(try paginator.next(after: page(0, digest: 2) { $0.totalPages = 3 }) != nil)
        #expect(try paginator.next(after: page(2, digest: 3) { $0.totalPages = 3 }) == nil)
        #expect(paginator.recordCount == 4)
    }

    @Test("refuses that there is nothing where a page said that another follows")
    func promised() throws {
        let path = try #require(JSONPath("next"))
        let promising: [(PaginatorSettings, (inout Paginator.Page) -> Void, Bool)] = [
            (byNumber, { $0.totalPages = 2 }, true), (byNumber, { $0.hasMore = true }, true),
            (PaginatorSettings(.cursor(path: path, parameter: "after")), { $0.next = "x" }, true),
            (PaginatorSettings(.headerLink), { $0.next = "/x" }, true), (byNumber, { $0.total = 20 }, false),
            (byNumber, { _ in }, false),
        ]
        for (settings, change, isRefused) in promising {
            var paginator = Paginator(settings)
            #expect(throws: Never.self) { try paginator.end() }
            paginator = Paginator(settings)
            #expect(try paginator.next(after: page(10, digest: 1, change)) != nil)
            if isRefused {
                let fault = #expect(throws: Paginator.Fault.self) { try paginator.end() }
                #expect(fault?.kind == .unknown)
            } else {
                #expect(throws: Never.self) { try paginator.end() }
            }
        }
    }

    @Test("stops at the declared number of pages")
    func totalPages() throws {
        var paginator = Paginator(byNumber)
        #expect(try paginator.next(after: page(10, digest: 1) { $0.totalPages = 2 }) != nil)
        #expect(try paginator.next(after: page(10, digest: 2) { $0.totalPages = 2 }) == nil)
    }

    @Test("believes a page that says whether there is more")
    func hasMore() throws {
        var paginator = Paginator(byNumber)
        #expect(try paginator.next(after: page(1, digest: 1) { $0.hasMore = true }) != nil)
        #expect(try paginator.next(after: page(10, digest: 2) { $0.hasMore = false }) == nil)
    }

    @Test("counts an offset in what came, not in what was asked for")
    func offset() throws {
        var paginator = Paginator(PaginatorSettings(.offset(parameter: "o", limitParameter: "l", limit: 100)))
        #expect(parameters(paginator.first) == ["o=0", "l=100"])
        #expect(parameters(try paginator.next(after: page(50, digest: 1) { $0.total = 80 })) == ["o=50", "l=100"])
        #expect(try paginator.next(after: page(30, digest: 2) { $0.total = 80 }) == nil)
    }

    @Test("follows cursors until there is none", arguments: [nil, ""])
    func cursor(last: String?) throws {
        let path = try #require(JSONPath("next"))
        var paginator = Paginator(PaginatorSettings(.cursor(path: path, parameter: "after")))
        #expect(parameters(paginator.first) == [])
        #expect(parameters(try paginator.next(after: page(1, digest: 1) { $0.next = "a b" })) == ["after=a b"])
        #expect(try paginator.next(after: page(1, digest: 2) { $0.next = last }) == nil)
    }

    @Test("refuses a cursor or link that comes again")
    func circle() throws {
        var paginator = Paginator(PaginatorSettings(.headerLink))
        _ = try paginator.next(after: page(1, digest: 1) { $0.next = "/a" })
        _ = try paginator.next(after: page(1, digest: 2) { $0.next = "/b" })
        #expect(throws: Paginator.Fault.self) { try paginator.next(after: page(1, digest: 3) { $0.next = "/a" }) }
    }

    @Test("takes an empty page that leads to itself for the end, but not one that leads further or back")
    func emptyEnd() throws {
        let path = try #require(JSONPath("next"))
        for last in [1, 2] {
            var paginator = Paginator(PaginatorSettings(.jsonLink(path: path)))
            _ = try paginator.next(after: page(1, digest: 1) { $0.next = "/a" })
            #expect(try paginator.next(after: page(0, digest: 2) { $0.next = "/b" }) == .link("/b"))
            #expect(try paginator.next(after: page(0, digest: last + 1) { $0.next = "/b" }) == nil)
        }
        var paginator = Paginator(PaginatorSettings(.jsonLink(path: path)))
        _ = try paginator.next(after: page(1, digest: 1) { $0.next = "/a" })
        _ = try paginator.next(after: page(1, digest: 2) { $0.next = "/b" })
        #expect(throws: Paginator.Fault.self) { try paginator.next(after: page(0, digest: 3) { $0.next = "/a" }) }
    }

    @Test("refuses a page that comes again")
    func repeated() throws {
        var paginator = Paginator(byNumber)
        _ = try paginator.next(after: page(10, digest: 1))
        #expect(throws: Paginator.Fault.self) { try paginator.next(after: page(10, digest: 1)) }
    }

    @Test("has the window read again where a total changes", arguments: [9, 21])
    func shrinks(total: Int64) throws {
        var paginator = Paginator(byNumber)
        _ = try paginator.next(after: page(10, digest: 1) { $0.total = 20 })
        let fault = #expect(throws: Paginator.Fault.self) {
            try paginator.next(after: page(10, digest: 2) { $0.total = total })
        }
        #expect(fault?.kind == .unknown)
    }

    @Test("refuses more pages than it may read")
    func maximum() throws {
        var settings = byNumber
        settings.maxPages = 2
        var paginator = Paginator(settings)
        _ = try paginator.next(after: page(10, digest: 1))
        #expect(throws: Paginator.Fault.self) { try paginator.next(after: page(10, digest: 2)) }
        var exact = Paginator(settings)
        _ = try exact.next(after: page(10, digest: 1))
        #expect(try exact.next(after: page(9, digest: 2)) == nil)
    }

    @Test(
        "reads the header Link",
        arguments: [
            ([#"<https://a/1>; rel="prev", <https://a/3?x=1,2>; rel="next""#], "https://a/3?x=1,2"),
            ([#"<https://a/1>; rel="prev""#, "</2>; title=x; rel=next"], "/2"),
            ([#"<https://a/1>; rel="last next""#], "https://a/1"), ([#"<https://a/1>; rel="last""#], nil), ([], nil),
        ] as [([String], String?)])
    func linkHeader(headers: [String], next: String?) {
        #expect(LinkHeader.next(in: headers) == next)
    }
}
