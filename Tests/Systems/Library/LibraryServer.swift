import Foundation
import Synchronization
import TestSupport

/// A library's catalogue, made up from a seed: books with the days of their publication, their input and their last change.
///
/// It wants a key, gives at most 100 books a page and 40 days a request, and declares how many books there are.
final class LibraryServer: Sendable {
    struct Book: Hashable, Sendable {
        var isbn: String
        var title: String
        var published: SystemDay
        var input: SystemDay
        var updated: SystemDay

        /// As the tables hold it.
        var row: String {
            "\(isbn)|\(title)|Author of \(isbn)|Publisher \(isbn.suffix(2))|\(published.iso)|\(input.iso)|\(updated.iso)"
        }

        fileprivate var json: String {
            #"{"EA_ISBN":"\#(isbn)","TITLE":"\#(title)","AUTHOR":"Author of \#(isbn)","#
                + #""PUBLISHER":"Publisher \#(isbn.suffix(2))","PUBLISH_PREDATE":"\#(published.compact)","#
                + #""INPUT_DATE":"\#(input.compact)","UPDATE_DATE":"\#(updated.compact)","FORM":"paper"}"#
        }
    }

    /// What goes wrong with requests by publication day whose window holds a day.
    enum Fault: Sendable {
        /// They are answered 500.
        case down(SystemDay)
        /// They declare a book more than there is.
        case lyingTotal(SystemDay)
        /// While their pages are read, once, a book is entered that comes before all others.
        case shift(SystemDay)
        /// Every page but the first comes too late for anybody.
        case stalls(SystemDay)
        /// A book moves to another day of publication once they were answered.
        case moves(SystemDay, isbn: String, to: SystemDay)
    }

    static let environment = ["LIBRARY_KEY": "s3cret-library-key"]
    /// The expression that gives the rows of a table or view as ``Book/row`` does.
    static let rowOfTable = "concat_ws('|', isbn, title, author, publisher, published_on, input_on, updated_on)"

    private struct State {
        var books: [Book]
        var faults: [Fault] = []
    }

    private let state: Mutex<State>
    private let rules: APIRules

    /// A catalogue of the days from `first` to `last`.
    init(from first: SystemDay, through last: SystemDay, seed: UInt64 = 7, badMoments: Bool = false) {
        var random = TestSupport.SeededGenerator(seed: seed)
        var books: [Book] = []
        for day in first...last {
            // Now and then nothing is published, and on some days much.
            let count = day.number.isMultiple(of: 11) ? 0 : Int.random(in: 1...8, using: &random)
            for _ in 0..<count {
                let input = min(day.advanced(by: Int.random(in: -20...5, using: &random)), last)
                books.append(LibraryServer.book(books.count, published: day, input: input))
            }
        }
        state = Mutex(State(books: books))
        rules = APIRules(perSecond: 200, badMoments: badMoments) { $0["cert_key"] == "s3cret-library-key" }
    }

    /// A book that nobody has entered yet.
    static func book(_ number: Int, published: SystemDay, input: SystemDay) -> Book {
        Book(
            isbn: "979" + String(1_000_000_000 + number), title: "Book \(number), \\\"first\\\" edition",
            published: published, input: input, updated: input)
    }

    var books: [Book] { state.withLock { $0.books } }

    /// How many requests came above the limit.
    var refusedCount: Int { rules.refusedCount }

    func set(_ faults: Fault...) {
        state.withLock { $0.faults = faults }
    }

    func enter(_ book: Book) {
        state.withLock { $0.books.append(book) }
    }

    func correct(_ isbn: String, title: String, on day: SystemDay) {
        state.withLock { state in
            for index in state.books.indices where state.books[index].isbn == isbn {
                state.books[index].title = title
                state.books[index].updated = day
            }
        }
    }

    func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
        if let refusal = rules.refusal(of: request) { return refusal }
        let isByPublication = request["start_publish_date"] != nil
        let name = isByPublication ? "publish" : "input"
        guard request.path == "/seoji/SearchApi.do", request["result_style"] == "json",
            let start = request["start_\(name)_date"], start.count == 8, let first = SystemDay(start),
            let end = request["end_\(name)_date"], end.count == 8, let last = SystemDay(end),
            first <= last, last.number - first.number < 40,
            let page = request["page_no"].flatMap({ Int($0) }), page >= 1,
            let size = request["page_size"].flatMap({ Int($0) }), (1...100).contains(size)
        else { return .init(#"{"ERROR": "a parameter is wrong"}"#, status: 400) }
        return state.withLock { state in
            answer(first, last, page: page, size: size, isByPublication: isByPublication, &state)
        }
    }

    private func answer(
        _ first: SystemDay, _ last: SystemDay, page: Int, size: Int, isByPublication: Bool, _ state: inout State
    ) -> HTTPServer.Response {
        func found(_ books: [Book]) -> [Book] {
            books.filter { (first...last).contains(isByPublication ? $0.published : $0.input) }
                .sorted { ($0.published, $0.isbn) < ($1.published, $1.isbn) }
        }
        let books = found(state.books)
        var total = books.count
        var delay = Duration.zero
        for (index, fault) in state.faults.enumerated().reversed() where isByPublication {
            switch fault {
            case .down(let day) where (first...last).contains(day):
                return .init(#"{"ERROR": "a query took too long"}"#, status: 500)
            case .lyingTotal(let day) where (first...last).contains(day): total += 1
            case .stalls(let day) where (first...last).contains(day) && page > 1: delay = .seconds(600)
            case .shift(let day) where (first...last).contains(day) && total > size:
                state.books.append(LibraryServer.book(-1, published: first, input: first))
                state.faults.remove(at: index)
            case .moves(let day, let isbn, let target) where (first...last).contains(day):
                for index in state.books.indices where state.books[index].isbn == isbn {
                    state.books[index].published = target
                }
            default: break
            }
        }
        let docs = books.dropFirst((page - 1) * size).prefix(size).map(\.json).joined(separator: ",")
        var response = HTTPServer.Response(#"{"PAGE_NO":"\#(page)","TOTAL_COUNT":"\#(total)","docs":[\#(docs)]}"#)
        response.delay = delay
        return response
    }
}
