import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Errors in answers with status 200")
struct BodyFaultSystemTests {
    /// A node that speaks JSON-RPC. It has the blocks 0 to 2,999.
    fileprivate final class Node: Sendable {
        private let calls = Mutex<(answered: Int, refused: Int)>((0, 0))
        private let handler: @Sendable (ClosedRange<Int>) async -> HTTPServer.Response?

        /// - Parameter handler: answers in the place of the node; nil: the node does.
        init(_ handler: @escaping @Sendable (ClosedRange<Int>) async -> HTTPServer.Response?) {
            self.handler = handler
        }

        var counts: (answered: Int, refused: Int) { calls.withLock { $0 } }

        func answer(_ request: HTTPServer.Request) async -> HTTPServer.Response {
            let numbers = request.body.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }.suffix(2)
            guard let first = numbers.first, let last = numbers.last, first <= last else {
                return .init("", status: 400)
            }
            if let refusal = await handler(first...last) {
                calls.withLock { $0.refused += 1 }
                return refusal
            }
            calls.withLock { $0.answered += 1 }
            let blocks = (first...last).map { #"{"height":\#($0),"hash":"h\#($0)"}"# }
            return .init(#"{"jsonrpc":"2.0","id":1,"error":null,"result":[\#(blocks.joined(separator: ","))]}"#)
        }
    }

    fileprivate static func error(_ code: Int, _ message: String, result: String = "null") -> HTTPServer.Response {
        .init(#"{"jsonrpc":"2.0","id":1,"result":\#(result),"error":{"code":\#(code),"message":"\#(message)"}}"#)
    }

    fileprivate func with(
        _ node: Node, to last: Int = 2999, source: String = "", _ body: (Installation, HTTPServer) async throws -> Void
    ) async throws {
        try await HTTPServer.with {
            await node.answer($0)
        } _: { server in
            let config = """
                sources:
                  node:
                    type: http
                    base_url: \(server.url)
                    proxy: none
                    \(source)
                streams:
                  blocks:
                    source: node
                    table: blocks
                    key: {column: height, type: integer}
                    expect: {from: 0, to: \(last)}
                    batch: 100
                    request:
                      body: '{"jsonrpc": "2.0", "id": 1, "method": "blocks", "params": [{window.first}, {window.last}]}'
                    record_selector: result
                """
            try await Installation.with("CREATE TABLE blocks (height bigint PRIMARY KEY, hash text)", config: config) {
                try await body($0, server)
            }
        }
    }

    fileprivate static let whole = "SELECT count(*) FROM blocks WHERE hash = 'h' || height"

    @Test("that call a range too large have it cut: few more calls than the least, and no failure")
    func tooLarge() async throws {
        let node = Node { range in
            range.count > 30 ? Self.error(-32005, "query returned more than 30 results", result: "[]") : nil
        }
        try await with(node) { (installation, _) async throws -> Void in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await installation.database.number(Self.whole) == 3000)
            let counts = node.counts
            print("3,000 blocks, batch 100, at most 30 a call: \(counts.answered) answered, \(counts.refused) refused")
            #expect(counts.answered + counts.refused <= 144, "\(counts)")
            #expect(
                try await installation.database.number("SELECT count(*) FROM lacuna.batch WHERE state = 'failed'") == 0)
        }
    }

    @Test("and answers that take too long above 30 blocks: all rows come in one run")
    func hangs() async throws {
        let node = Node { range in
            guard range.count > 30 else { return nil }
            var response = HTTPServer.Response("[]")
            response.delay = .seconds(30)
            return response
        }
        try await with(node, to: 299, source: "timeout: 1s\n    retry: {attempts: 2, backoff: 1s}") {
            (installation, _) async throws -> Void in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await installation.database.number(Self.whole) == 300)
        }
    }

    @Test("beside half of the records are believed: nothing of the window is stored or called empty")
    func half() async throws {
        let isBroken = Mutex(true)
        let node = Node { range in
            guard range.contains(150), isBroken.withLock({ $0 }) else { return nil }
            return Self.error(
                -32602, "block 150 is pruned", result: #"[{"height":\#(range.lowerBound),"hash":"half"}]"#)
        }
        try await with(node, to: 299) { (installation, server) async throws -> Void in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1)
            #expect(
                run.errors.contains(
                    "lacuna: blocks 150: page 1, POST \(server.url)/: answered 200, but 'error' says: -32602: block 150 is "
                        + "pruned"), "\(run.errors)")
            #expect(try await installation.database.number(Self.whole) == 299)
            #expect(try await installation.database.number("SELECT count(*) FROM blocks WHERE hash = 'half'") == 0)
            #expect(try await installation.lacuna("gaps").output == "blocks  150  1 unit\n")
            isBroken.withLock { $0 = false }
            #expect(try await installation.lacuna("reconcile", "--retry-now").status == 0)
            #expect(try await installation.database.number(Self.whole) == 300)
        }
    }

    @Test("mean what `on_error` says: a slot that was skipped is empty")
    func rules() async throws {
        let node = Node { range in
            range == 150...150
                ? Self.error(-32007, "Slot 150 was skipped") : range.contains(150) ? Self.error(-1, "no") : nil
        }
        try await with(node, to: 299, source: "on_error: {path: error.code, equals: -32007, do: empty}") {
            (installation, _) async throws -> Void in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await installation.database.number(Self.whole) == 299)
            #expect(try await installation.lacuna("gaps", "--exit-code").status == 0)
        }
    }

    @Test("and `result: null` for a whole window are asked for again")
    func null() async throws {
        let asked = Mutex<Set<Int>>([])
        let node = Node { range in
            let isFirst = asked.withLock { $0.insert(range.lowerBound).inserted }
            return isFirst ? .init(#"{"jsonrpc":"2.0","id":1,"result":null}"#) : nil
        }
        try await with(node, to: 299, source: "retry: {attempts: 3, backoff: 1s}") {
            (installation, _) async throws -> Void in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await installation.database.number(Self.whole) == 300)
            #expect(try await installation.database.number("SELECT count(*) FROM lacuna.verified_empty") == 0)
        }
    }
}

/// Runs by itself (scripts/test): beside other tests it would see when the machine lets calls through.
@Suite("Answers that say that calls come too fast")
struct TooFastCallsTests {
    @Test("slow them down: all rows come in one run, and few calls are refused")
    func tooFast() async throws {
        let arrivals = Mutex<[ContinuousClock.Instant]>([])
        let node = BodyFaultSystemTests.Node { _ in
            let isTooFast = arrivals.withLock { arrivals in
                let now = ContinuousClock.now
                let isTooFast = arrivals.count >= 5 && now - arrivals[arrivals.count - 5] < .seconds(1)
                if !isTooFast { arrivals.append(now) }
                return isTooFast
            }
            return isTooFast ? BodyFaultSystemTests.error(-32005, "too many requests: 5 a second are allowed") : nil
        }
        try await BodyFaultSystemTests().with(node, source: "retry: {attempts: 5, backoff: 1s}") {
            (installation, _) async throws -> Void in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try await installation.database.number(BodyFaultSystemTests.whole) == 3000)
            let counts = node.counts
            print("5 calls a second, 30 are needed: \(counts.answered) answered, \(counts.refused) refused")
            // What the four workers had under way when the first call was refused, and one more.
            #expect(counts.refused <= 5, "\(counts)")
        }
    }
}
