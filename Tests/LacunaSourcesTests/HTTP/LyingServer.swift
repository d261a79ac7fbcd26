import Foundation
import Lacuna
import Synchronization
import TestSupport

@testable import LacunaSources

/// How a source answers wrongly. Each lie can be seen through, by a total, by an edge, or by what comes later.
enum Lie: Hashable, CustomStringConvertible {
    /// The truth.
    case none
    /// At most so many records of a window that has one page.
    case cap(Int, newestFirst: Bool)
    /// Nothing beyond a unit is there yet.
    case lag(behind: Int)
    /// A page begins with the last record of the one before it, so that its own last one is in none.
    case shift
    /// The first page, whichever is asked for.
    case repeated
    /// Half of the records, and an error beside them.
    case halfError
    /// A total that is too large. One that is too small, and ends the pages, is the source's word.
    case total(off: Int)
    /// Every second answer ends too early.
    case cut
    /// More is there, and nothing that was declared says so.
    case sign

    var isLag: Bool { if case .lag = self { true } else { false } }

    var description: String {
        switch self {
        case .none: "truth"
        case .cap(let count, let newestFirst): "cap \(count) \(newestFirst ? "newest" : "oldest") first"
        case .lag(let count): "lag \(count)"
        case .shift: "shift"
        case .repeated: "repeated"
        case .halfError: "half error"
        case .total(let off): "total off by \(off)"
        case .cut: "cut"
        case .sign: "sign"
        }
    }
}

/// How the pages of the server follow each other.
enum Paging: CaseIterable {
    case none, pageNumber, pageNumberTotal, offset, offsetTotal, cursor, link, header

    func settings() throws -> PaginatorSettings {
        func path(_ text: String) throws -> JSONPath {
            guard let path = JSONPath(text) else { throw TestEnvironmentError("no path: \(text)") }
            return path
        }
        var settings: PaginatorSettings
        switch self {
        case .none: settings = PaginatorSettings(.undeclared)
        case .pageNumber, .pageNumberTotal:
            settings = PaginatorSettings(.pageNumber(parameter: "page", base: 1, sizeParameter: "size", size: 5))
        case .offset, .offsetTotal:
            settings = PaginatorSettings(.offset(parameter: "offset", limitParameter: "size", limit: 5))
        case .cursor: settings = PaginatorSettings(.cursor(path: try path("meta.cursor"), parameter: "after"))
        case .link: settings = PaginatorSettings(.jsonLink(path: try path("meta.link")))
        case .header: settings = PaginatorSettings(.headerLink)
        }
        if self == .pageNumberTotal || self == .offsetTotal { settings.totalPath = try path("total") }
        return settings
    }
}

/// A server of a growing history of numbers that lies as it is told.
final class LyingServer: Sendable {
    struct State {
        var rows: [Int: Int] = [:]
        var tip = 0
        var lie = Lie.none
        var answers = 0
    }

    private static let pageSize = 5
    let paging: Paging
    let state: Mutex<State>

    init(_ paging: Paging, rows: [Int: Int], tip: Int) {
        self.paging = paging
        state = Mutex(State(rows: rows, tip: tip))
    }

    func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
        let state = state.withLock { state in
            state.answers += 1
            return state
        }
        if request.path.hasSuffix("/tip") { return .init("\(state.tip)") }
        guard let from = request["from"].flatMap({ Int($0) }), let to = request["to"].flatMap({ Int($0) }) else {
            return .init("", status: 400)
        }
        var end = min(to, state.tip)
        if case .lag(let behind) = state.lie { end = min(end, state.tip - behind) }
        var records =
            from <= end ? (from...end).flatMap { unit in (0..<(state.rows[unit] ?? 0)).map { (unit, $0) } } : []
        let total = records.count
        var fields: [String] = []
        if case .total(let off) = state.lie {
            fields.append("\"total\":\(max(total + off, 0))")
        } else if paging == .pageNumberTotal || paging == .offsetTotal {
            fields.append("\"total\":\(total)")
        }
        if state.lie == .halfError, state.answers % 2 == 0 {
            records = Array(records.prefix(records.count / 2))
            fields.append("\"error\":{\"code\":-32000,\"message\":\"node is busy\"}")
        }
        if case .cap(let count, let newestFirst) = state.lie, paging == .none {
            records = Array(newestFirst ? records.suffix(count) : records.prefix(count))
        }
        var headers: [(String, String)] = []
        let page = self.page(of: records, request, state, &fields, &headers)
        let items = page.map { "{\"n\":\($0.0),\"part\":\($0.1)}" }.joined(separator: ",")
        fields.append("\"items\":[\(items)]")
        var response = HTTPServer.Response("{\(fields.joined(separator: ","))}", headers: headers)
        if state.lie == .cut, state.answers % 2 == 0 { response.cutAfter = response.body.count / 2 }
        return response
    }

    private func page(
        of records: [(Int, Int)], _ request: HTTPServer.Request, _ state: State, _ fields: inout [String],
        _ headers: inout [(String, String)]
    ) -> [(Int, Int)] {
        let size = LyingServer.pageSize
        var start = 0
        switch paging {
        case .none:
            guard state.lie == .sign, records.count > 1 else { return records }
            fields.append("\"next\":\"/more\"")
            return Array(records.prefix(records.count / 2))
        case .pageNumber, .pageNumberTotal: start = ((request["page"].flatMap { Int($0) } ?? 1) - 1) * size
        case .offset, .offsetTotal: start = request["offset"].flatMap { Int($0) } ?? 0
        case .cursor, .link, .header: start = request["after"].flatMap { Int($0) } ?? 0
        }
        let hasMore = start + size < records.count
        switch paging {
        case .cursor: fields.append("\"meta\":{\"cursor\":\(hasMore ? "\"\(start + size)\"" : "null")}")
        case .link, .header:
            var target = request.target
            if let range = target.firstRange(of: "&after=") { target = String(target[..<range.lowerBound]) }
            let next = "\(target)&after=\(start + size)"
            if paging == .link {
                fields.append("\"meta\":{\"link\":\(hasMore ? "\"\(next)\"" : "null")}")
            } else {
                headers.append(("Link", hasMore ? "<\(next)>; rel=\"next\"" : "</first>; rel=\"first\""))
            }
        default: break
        }
        if state.lie == .repeated { start = 0 }
        // Pages that are counted move if a record comes in before them; those that name the next one do not.
        let isCounted = [.pageNumber, .pageNumberTotal, .offset, .offsetTotal].contains(paging)
        if state.lie == .shift, isCounted, start > 0 { start -= 1 }
        return Array(records.dropFirst(start).prefix(size))
    }
}
