import LacunaModel
import LacunaRecords

/// Decides from each page whether another follows and how it is asked for. Pure: pages in, steps out.
///
/// What a page says decides first (`has_more_path`), then the totals; without them the pages end with an empty one, or
/// with one that is shorter than what was asked for and than the longest that the source ever gave: a source may give fewer
/// records a page than it is asked for, and then a short page is not the last.
struct Paginator {
    /// How a page is asked for.
    enum Step: Sendable, Hashable {
        /// The window's request with these parameters beside its own.
        case parameters([Parameter])
        /// The address that the page before gave.
        case link(String)
    }

    /// A parameter of the query.
    struct Parameter: Sendable, Hashable {
        let name: String
        let value: String
    }

    /// What a page said.
    struct Page: Sendable {
        var recordCount = 0
        var total: Int64?
        var totalPages: Int64?
        var hasMore: Bool?
        /// The cursor or address of the next page.
        var next: String?
        /// Whether the place where a page names the next one was there, if only with null.
        var namesNext = false
        /// Tells pages apart: the records, not what is said beside them.
        var digest = 0
    }

    /// A page that cannot follow those before it.
    struct Fault: Error, Hashable {
        let kind: SourceError.Kind
        let reason: String
    }

    private let settings: PaginatorSettings
    /// The most records that a page of the source had.
    private(set) var longestPage: Int
    private(set) var pageCount = 0
    private(set) var recordCount = 0
    /// How many records the pages say there are.
    private(set) var total: Int64?
    private var totalPages: Int64?
    /// Whether the last page says that another follows.
    private var hasMore: Bool?
    private var digests: Set<Int> = []
    private var tokens: Set<String> = []
    /// The cursor or address that the page which is awaited was asked for by.
    private var token: String?
    /// Whether a page was shorter than what was asked for.
    private var hadShortPage = false
    /// Whether pages are numbered by another size than the one that is asked for, so that some records are in none.
    private(set) var skipsRecords = false
    /// Whether a page had the place where it names the next one.
    private(set) var nextWasNamed = false
    /// Whether the last page had no records.
    private(set) var endsEmpty = false

    /// - Parameters:
    ///   - longestPage: the most records that a page of the source had before.
    ///   - nextWasNamed: whether a page before had the place where it names the next one.
    init(_ settings: PaginatorSettings, longestPage: Int = 0, nextWasNamed: Bool = false) {
        self.settings = settings
        self.longestPage = longestPage
        self.nextWasNamed = nextWasNamed
    }

    /// The first page.
    var first: Step { .parameters(parameters) }

    /// The page that follows; nil if that was the last one.
    mutating func next(after page: Page) throws(Fault) -> Step? {
        pageCount += 1
        recordCount += page.recordCount
        try remember(page)
        let isFollowed = try isFollowed(page)
        longestPage = max(longestPage, page.recordCount)
        endsEmpty = page.recordCount == 0
        nextWasNamed = nextWasNamed || page.namesNext
        if let size, page.recordCount > 0 {
            if hadShortPage, case .pageNumber = settings.kind { skipsRecords = true }
            if page.recordCount < size { hadShortPage = true }
        }
        // The last page too: a source that ignores what the next one is asked for by gives the first again.
        guard page.recordCount == 0 || digests.insert(page.digest).inserted else {
            throw Fault(
                kind: .permanent,
                reason: "it is the same as an earlier page; the source ignores what the next page is asked for by")
        }
        guard isFollowed else { return nil }
        guard pageCount < settings.maxPages else {
            throw Fault(
                kind: .permanent,
                reason: "it is page \(pageCount) and not the last; `max_pages` allows \(settings.maxPages)")
        }
        switch settings.kind {
        case .undeclared, .singlePage: return nil
        case .pageNumber, .offset: return .parameters(parameters)
        case .cursor(_, let parameter):
            guard let cursor = try fresh(page.next, "cursor") else { return nil }
            return .parameters([Parameter(name: parameter, value: cursor)])
        case .jsonLink, .headerLink: return try fresh(page.next, "address of the next page").map(Step.link)
        }
    }

    /// Ends the pages where the source has nothing in the place of the one that was asked for.
    ///
    /// - Throws: ``Fault`` if the page before it promised one.
    mutating func end() throws(Fault) {
        pageCount += 1
        endsEmpty = true
        let isPromised =
            switch settings.kind {
            case .undeclared, .singlePage: false
            case .cursor, .jsonLink, .headerLink: token != nil
            case .pageNumber, .offset: hasMore ?? totalPages.map { pageCount <= $0 } ?? false
            }
        guard isPromised, pageCount > 1 else { return }
        throw Fault(kind: .unknown, reason: "it has nothing, but the page before it says that it follows")
    }

    /// What the pages say of their end, after the last one.
    var answerEnd: FetchSummary.End {
        if total != nil { return .proven }
        if skipsRecords { return .unproven }
        if totalPages != nil || hasMore == false { return .proven }
        switch settings.kind {
        case .undeclared, .singlePage: return .open
        // Without totals they end with an empty page, or with one that is shorter than others were.
        case .pageNumber, .offset: return .proven
        case .cursor, .jsonLink, .headerLink: return nextWasNamed || pageCount > 1 ? .proven : .open
        }
    }

    /// The path at which no page named the next one, or named that there is none; nil if it was there, or is not needed.
    var unseenPath: JSONPath? {
        guard answerEnd == .open, recordCount > 0 else { return nil }
        switch settings.kind {
        case .cursor(let path, _), .jsonLink(let path): return path
        default: return nil
        }
    }

    /// Whether signs of more pages count that nobody declared: unless the totals say that all came, or there is one page
    /// whatever it says.
    var mindsSigns: Bool {
        guard total == nil, totalPages == nil else { return false }
        if case .singlePage = settings.kind { return false }
        return true
    }

    /// Totals are a promise: one that changes while the pages are read says that records moved between them.
    private mutating func remember(_ page: Page) throws(Fault) {
        for (now, before, what) in [(page.total, total, "records"), (page.totalPages, totalPages, "pages")] {
            guard let now else { continue }
            if now < 0 { throw Fault(kind: .permanent, reason: "it declares \(now) \(what) in all") }
            if let before, before != now {
                throw Fault(
                    kind: .unknown,
                    reason: "it declares \(now) \(what) in all where an earlier page declared \(before); the records "
                        + "changed while they were read, and the window is to be read again")
            }
        }
        hasMore = page.hasMore
        total = total ?? page.total
        totalPages = totalPages ?? page.totalPages
    }

    private func isFollowed(_ page: Page) throws(Fault) -> Bool {
        switch settings.kind {
        case .undeclared, .singlePage: return false
        // A cursor or address is itself the word on whether there is more. Some sources name one for ever: behind their last
        // record is an empty page that leads to itself.
        case .cursor, .jsonLink, .headerLink:
            if page.recordCount == 0, token != nil, page.next == token { return false }
            return page.hasMore ?? true
        case .pageNumber, .offset:
            if let hasMore = page.hasMore { return hasMore }
            if let totalPages { return pageCount < totalPages }
            if page.recordCount == 0 { return false }
            if let total { return recordCount < total }
            return size.map { page.recordCount >= min($0, longestPage) } ?? true
        }
    }

    private mutating func fresh(_ token: String?, _ what: String) throws(Fault) -> String? {
        guard let token, !token.isEmpty else { return nil }
        guard tokens.insert(token).inserted else {
            throw Fault(
                kind: .permanent, reason: "it gives the same \(what) as an earlier page: the pages go in a circle")
        }
        self.token = token
        return token
    }

    private var size: Int? {
        switch settings.kind {
        case .pageNumber(_, _, _, let size): size
        case .offset(_, _, let limit): limit
        default: nil
        }
    }

    private var parameters: [Parameter] {
        func pair(_ name: String?, _ value: Int?) -> [Parameter] {
            guard let name, let value else { return [] }
            return [Parameter(name: name, value: String(value))]
        }
        switch settings.kind {
        case .pageNumber(let name, let base, let sizeName, let size):
            return [Parameter(name: name, value: String(base + Int64(pageCount)))] + pair(sizeName, size)
        case .offset(let name, let limitName, let limit):
            // Counted in what came, so that a source that gives less than it was asked for leaves nothing out.
            return [Parameter(name: name, value: String(recordCount))] + pair(limitName, limit)
        default: return []
        }
    }
}

/// The header `Link` (RFC 8288): `<target>; name=value; name="value", <target> …`.
enum LinkHeader {
    /// The target of the first link whose relation is `next`.
    static func next(in headers: [String]) -> String? {
        for header in headers {
            var rest = header[...]
            while let open = rest.firstIndex(of: "<"), let close = rest[open...].firstIndex(of: ">") {
                let target = String(rest[rest.index(after: open)..<close])
                rest = rest[rest.index(after: close)...]
                if parameters(&rest).contains(where: isNext) { return target }
            }
        }
        return nil
    }

    /// Takes what stands between a target and the comma that ends its link. A quoted value may hold anything.
    private static func parameters(_ rest: inout Substring) -> [String] {
        var parameters = [""]
        var isQuoted = false
        while let character = rest.first {
            rest.removeFirst()
            switch character {
            case "\\" where isQuoted: parameters[parameters.count - 1].append(rest.popFirst() ?? " ")
            case "\"": isQuoted.toggle()
            case ";" where !isQuoted: parameters.append("")
            case "," where !isQuoted: return parameters
            default: parameters[parameters.count - 1].append(character)
            }
        }
        return parameters
    }

    private static func isNext(_ parameter: String) -> Bool {
        let parts = parameter.split(separator: "=", maxSplits: 1).map { String($0).trimmingWhitespace.lowercased() }
        return parts.count == 2 && parts[0] == "rel" && parts[1].split(separator: " ").contains("next")
    }
}
