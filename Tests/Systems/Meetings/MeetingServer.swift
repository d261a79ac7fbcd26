import Foundation
import Synchronization
import TestSupport

/// Meetings of many municipalities, each a host `NAME.civic.test`, which the server is the proxy of.
///
/// It wants a secret in a header, gives at most 1,000 pages of text an answer, continues where `_next` says, and declares how
/// many there are.
final class MeetingServer: Sendable {
    /// A page of a document of a meeting.
    struct Page: Sendable {
        let id: String
        let date: SystemDay
        let number: Int

        /// As the table holds it.
        func row(_ municipality: String, _ kind: String) -> String {
            "\(municipality)|\(kind)|\(id)|Council|\(date.iso)|\(number)|Text of \(id)|/\(id).png"
        }

        fileprivate var json: String {
            #"{"id":"\#(id)","meeting":"Council","date":"\#(date.iso)","page":\#(number),"text":"Text of \#(id)","#
                + #""page_image":"/\#(id).png"}"#
        }
    }

    static let environment = ["MEETINGS_DOMAIN": "civic.test", "MEETINGS_SECRET": "s3cret-of-the-service"]
    /// The expression that gives the rows of the table as ``Page/row(_:_:)`` does.
    static let rowOfTable = "concat_ws('|', municipality, kind, id, meeting, date, page, text, page_image)"
    static let kinds = ["agendas", "minutes"]

    private struct State {
        /// By municipality and kind, as `oakland/agendas`, in the order of date and id.
        var pages: [String: [Page]] = [:]
        var down: Set<String> = []
        var liesAbout: SystemDay?
    }

    private let state = Mutex(State())
    private let rules: APIRules

    init(badMoments: Bool = false) {
        rules = APIRules(perSecond: 200, badMoments: badMoments) { request in
            request.headers["x-service-secret"] == "s3cret-of-the-service"
        }
    }

    /// How many requests came above the limit.
    var refusedCount: Int { rules.refusedCount }

    /// Makes up a municipality's meetings, about every second week, with some pages each.
    func add(_ municipality: String, from first: SystemDay, through last: SystemDay, seed: UInt64) {
        var random = TestSupport.SeededGenerator(seed: seed)
        for kind in MeetingServer.kinds {
            var pages: [Page] = []
            var day = first.advanced(by: Int.random(in: 0...13, using: &random))
            while day <= last {
                for number in 1...Int.random(in: 1...9, using: &random) {
                    pages.append(Page(id: "\(kind.prefix(1))\(day.compact)-\(number)", date: day, number: number))
                }
                day = day.advanced(by: Int.random(in: 7...21, using: &random))
            }
            state.withLock { $0.pages["\(municipality)/\(kind)"] = pages }
        }
    }

    /// Gives a municipality so many pages of agendas, a thousand a day up to a day, and no minutes.
    func add(_ municipality: String, pageCount: Int, through last: SystemDay) {
        let days = (pageCount + 999) / 1000
        let pages = (0..<pageCount).map { index in
            Page(
                id: String(10_000_000 + index), date: last.advanced(by: index / 1000 - days + 1),
                number: index % 1000 + 1)
        }
        state.withLock { state in
            state.pages["\(municipality)/agendas"] = pages
            state.pages["\(municipality)/minutes"] = []
        }
    }

    func publish(_ page: Page, _ municipality: String, _ kind: String) {
        state.withLock { state in
            state.pages["\(municipality)/\(kind)", default: []].append(page)
            state.pages["\(municipality)/\(kind)"]?.sort { ($0.date, $0.id) < ($1.date, $1.id) }
        }
    }

    func setDown(_ municipalities: String...) {
        state.withLock { $0.down = Set(municipalities) }
    }

    /// Has every answer for a range that holds a day declare a page more than there is; nil: none.
    func lie(about day: SystemDay?) {
        state.withLock { $0.liesAbout = day }
    }

    /// Every row as the table should hold it.
    func rows(of municipalities: [String]) -> [String] {
        state.withLock { state in
            municipalities.flatMap { municipality in
                MeetingServer.kinds.flatMap { kind in
                    (state.pages["\(municipality)/\(kind)"] ?? []).map { $0.row(municipality, kind) }
                }
            }
        }
    }

    func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
        if let refusal = rules.refusal(of: request) { return refusal }
        let municipality = request.host.split(separator: ".").first.map(String.init) ?? ""
        let path = request.path.split(separator: "/")
        guard request.host == "\(municipality).civic.test", path.count == 2, path[0] == "meetings",
            path[1].hasSuffix(".json")
        else { return .init(#"{"error": "there is no such host or table"}"#, status: 404) }
        let partition = "\(municipality)/\(path[1].dropLast(5))"
        return state.withLock { state in
            if state.down.contains(municipality) { return .init(#"{"error": "out of order"}"#, status: 500) }
            guard let pages = state.pages[partition] else { return .init(#"{"error": "no such table"}"#, status: 404) }
            guard let size = request["_size"].flatMap({ Int($0) }), (1...1000).contains(size),
                let first = request["date__gte"].flatMap({ SystemDay($0) }),
                let last = request["date__lte"].flatMap({ SystemDay($0) })
            else { return .init(#"{"error": "a parameter is wrong"}"#, status: 400) }
            let lies = state.liesAbout.map { (first...last).contains($0) } ?? false
            return answer(pages, first, last, size: size, next: request["_next"], lies: lies)
        }
    }

    private func answer(
        _ pages: [Page], _ first: SystemDay, _ last: SystemDay, size: Int, next: String?, lies: Bool
    ) -> HTTPServer.Response {
        let lower = MeetingServer.index(in: pages) { $0.date >= first }
        let upper = MeetingServer.index(in: pages) { $0.date > last }
        // Tokens are the date and id of the last page before.
        let begin = next.map { token in MeetingServer.index(in: pages) { "\($0.date.iso),\($0.id)" > token } } ?? lower
        let end = min(begin + size, upper)
        let rows = pages[min(begin, end)..<end]
        let token = end < upper ? rows.last.map { "\"\($0.date.iso),\($0.id)\"" } ?? "null" : "null"
        return .init(
            #"{"rows":[\#(rows.map(\.json).joined(separator: ","))],"next":\#(token),"#
                + #""filtered_table_rows_count":\#(upper - lower + (lies ? 1 : 0)),"truncated":false}"#)
    }

    /// The first index whose page is past a point of the order.
    private static func index(in pages: [Page], where isPast: (Page) -> Bool) -> Int {
        var (lower, upper) = (0, pages.count)
        while lower < upper {
            let middle = (lower + upper) / 2
            if isPast(pages[middle]) { upper = middle } else { lower = middle + 1 }
        }
        return lower
    }
}
