import Foundation
import Synchronization
import TestSupport

/// A Bitcoin node that speaks JSON-RPC, and a Horizon that gives the ledgers of Stellar, both with the real chains.
final class LedgerServer: Sendable {
    /// A block or a ledger, in the form that the tables' rows are compared in.
    struct Link: Sendable {
        let number: Int
        let hash: String
        let previous: String
        var details = ""
        var fields: [String: String] = [:]
    }

    /// What can be wrong with the answers.
    struct Faults: Sendable {
        /// A call that spans this block is answered 500.
        var broken: Int?
        /// Blocks and ledgers that the answers leave out.
        var withheld: Set<Int> = []
    }

    let blocks: [Link]
    let ledgers: [Link]
    /// The newest block that the node has.
    let tip: Mutex<Int>
    let faults = Mutex(Faults())
    let nodeRules: APIRules
    let horizonRules: APIRules

    static let environment = [
        "NODE_USER": "reader", "NODE_PASSWORD": "s3cret-node", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    ]

    init(tip: Int? = nil, badMoments: Bool = true) throws {
        let hashes = try systemData("bitcoin-blocks", "hashes", "txt").split(separator: "\n").map {
            String(repeating: "0", count: 64 - $0.count) + $0
        }
        blocks = zip(hashes, hashes.dropFirst()).enumerated().map { index, pair in
            Link(number: 777_617 + index, hash: pair.1, previous: pair.0)
        }
        let lines = try systemData("stellar-ledgers", "ledgers", "csv").split(separator: "\n").dropFirst().map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        ledgers = zip(lines, lines.dropFirst()).map { before, line in
            Link(
                number: Int(line[0]) ?? 0, hash: line[1], previous: before[1],
                details: line[2...].joined(separator: ","),
                fields: [
                    "closed_at": line[2], "successful_transaction_count": line[3], "operation_count": line[4],
                    "base_fee_in_stroops": line[5],
                ])
        }
        self.tip = Mutex(tip ?? blocks[blocks.count - 1].number)
        let credentials = Data("reader:s3cret-node".utf8).base64EncodedString()
        nodeRules = APIRules(perSecond: 20, badMoments: badMoments) {
            $0.headers["authorization"] == "Basic \(credentials)"
        }
        horizonRules = APIRules(perSecond: 20, badMoments: badMoments) {
            $0.headers["accept"] == "application/hal+json"
        }
    }

    func answer(_ request: HTTPServer.Request) -> HTTPServer.Response {
        request.path.hasPrefix("/ledgers") ? horizon(request) : node(request)
    }

    // MARK: JSON-RPC

    private struct Call: Decodable {
        let jsonrpc: String
        let id: String
        let method: String
        let params: [Int]
    }

    private func node(_ request: HTTPServer.Request) -> HTTPServer.Response {
        if let refusal = nodeRules.refusal(of: request) { return refusal }
        guard request.method == "POST" else { return .init("", status: 405) }
        guard let call = try? JSONDecoder().decode(Call.self, from: Data(request.body.utf8)), call.jsonrpc == "2.0"
        else { return rpcError(-32700, "that is no call") }
        switch call.method {
        case "getblockcount": return .init(#"{"id": "\#(call.id)", "error": null, "result": \#(tip.withLock { $0 })}"#)
        case "getblocks":
            guard call.params.count == 2, call.params[0] <= call.params[1] else {
                return rpcError(-32602, "two heights are wanted")
            }
            return blocks(call.params[0]...call.params[1])
        default: return rpcError(-32601, "no such method")
        }
    }

    private func blocks(_ range: ClosedRange<Int>) -> HTTPServer.Response {
        let faults = faults.withLock { $0 }
        guard range.count <= 500 else { return rpcError(-8, "at most 500 blocks") }
        guard range.upperBound <= tip.withLock({ $0 }) else { return rpcError(-8, "height out of range") }
        if let broken = faults.broken, range.contains(broken) { return .init("", status: 500) }
        let first = blocks[0].number
        let records = blocks[(range.lowerBound - first)...(range.upperBound - first)].filter {
            !faults.withheld.contains($0.number)
        }.map { #"{"height":\#($0.number),"hash":"\#($0.hash)","previousblockhash":"\#($0.previous)"}"# }
        return .init(#"{"id": "1", "error": null, "result": [\#(records.joined(separator: ","))]}"#)
    }

    private func rpcError(_ code: Int, _ message: String) -> HTTPServer.Response {
        .init(#"{"id": null, "result": null, "error": {"code": \#(code), "message": "\#(message)"}}"#)
    }

    // MARK: REST

    /// As Horizon does, each page names the next, and the page behind the last one is empty.
    private func horizon(_ request: HTTPServer.Request) -> HTTPServer.Response {
        if let refusal = horizonRules.refusal(of: request) { return refusal }
        guard request.method == "GET", let limit = request["limit"].flatMap({ Int($0) }), (1...50).contains(limit)
        else {
            return .init(#"{"title": "Bad Request"}"#, status: 400, type: "application/problem+json")
        }
        let withheld = faults.withLock { $0.withheld }
        let isAscending = request["order"] != "desc"
        let from = request["from"].flatMap { Int($0) } ?? 0
        let to = request["to"].flatMap { Int($0) } ?? .max
        let cursor = request["cursor"].flatMap { Int($0) } ?? (isAscending ? 0 : .max)
        let chain = ledgers.filter { (from...max(from, to)).contains($0.number) && !withheld.contains($0.number) }
        let ahead =
            isAscending ? chain.filter { $0.number > cursor } : chain.reversed().filter { $0.number < cursor }
        let page = ahead.prefix(limit)
        let records = page.map { ledger in
            let fields = ledger.fields.sorted { $0.key < $1.key }.map { #""\#($0.key)":"\#($0.value)""# }
            return #"{"sequence":\#(ledger.number),"hash":"\#(ledger.hash)","prev_hash":"\#(ledger.previous)","#
                + fields.joined(separator: ",") + "}"
        }
        let next =
            "/ledgers?from=\(from)&to=\(to)&order=\(isAscending ? "asc" : "desc")&limit=\(limit)"
            + "&cursor=\(page.last?.number ?? cursor)"
        let embedded = #"{"records": [\#(records.joined(separator: ","))]}"#
        return .init(
            #"{"_links": {"next": {"href": "\#(next)"}}, "_embedded": \#(embedded)}"#,
            type: "application/hal+json; charset=utf-8")
    }

    // MARK: Rows

    static let blockRows = "SELECT concat_ws(',', height, hash, prev_hash) FROM blocks"
    static let ledgerRows = """
        SELECT concat_ws(',', sequence, hash, prev_hash,
            to_char(closed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), successful_transaction_count,
            operation_count, base_fee)
        FROM ledgers
        """

    /// What ``blockRows`` and ``ledgerRows`` are to give.
    func rows(of chain: [Link], from first: Int = 0) -> [String] {
        chain.filter { $0.number >= first }.map {
            [String($0.number), $0.hash, $0.previous, $0.details].filter { !$0.isEmpty }.joined(separator: ",")
        }
    }
}
