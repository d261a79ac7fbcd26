import LacunaRecords
import TestSupport
import Testing

@testable import LacunaSources

@Suite("What the body of an answer says went wrong")
struct BodyFaultTests {
    private func fault(
        _ body: String, selected: String?, _ rules: [HTTPErrorRule] = [], isTip: Bool = false
    ) throws -> BodyFault? {
        var set = JSONPathSet()
        _ = set.add(["data", "items"])
        let paths = BodyFaultPaths(rules, selected: selected.flatMap(JSONPath.init), isTip: isTip, in: &set)
        return paths.fault(in: try JSONDocument(Array(body.utf8), finding: set))
    }

    @Test(
        "is found beside the records and in their place",
        arguments: [
            ("result", #"{"result":[],"error":{"code":-1,"message":"no"}}"#, "error", "-1: no"),
            ("result", #"{"error":{"code":-1,"message":"no","data":"more"}}"#, "error", "-1: no: more"),
            ("result", #"{"error":{"message":"no","data":{"message":"more"}}}"#, "error", "no: more"),
            ("result", #"{"error":"no"}"#, "error", "no"), ("result", #"{"error":7}"#, "error", "7"),
            ("result", #"{"error":{"reason":{}}}"#, "error", #"{"reason":{}}"#),
            ("items", #"{"error":true,"message":"gone"}"#, "error", "true: gone"),
            ("data.blocks", #"{"data":{"blocks":[]},"errors":[{"message":"one"},{"message":"two"}]}"#, "errors", "one"),
            (
                "data.blocks", #"{"data":null,"errors":[{"message":"slow","extensions":{"code":"THROTTLED"}}]}"#,
                "errors", "THROTTLED: slow"
            ),
            ("data.blocks", #"{"data":{"error":"no","blocks":[]}}"#, "data.error", "no"),
            ("result", #"{"result":[],"errors":["EQuery:Unknown"]}"#, "errors", "EQuery:Unknown"),
            // The answer to the first of several calls.
            ("0.result", #"[{"id":1,"error":{"code":-1,"message":"no"}}]"#, "0.error", "-1: no"),
            ("0.result", #"{"id":null,"error":{"code":-1,"message":"no"}}"#, "error", "-1: no"),
            // Answers to calls that are themselves the records.
            (
                nil, #"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"error":{"message":"no"}}]"#,
                "1.error", "no"
            ), ("$", #"[{"jsonrpc":"2.0","error":{"message":"no"}}]"#, "0.error", "no"),
        ] as [(String?, String, String, String)])
    func found(selected: String?, body: String, path: String, words: String) throws {
        let fault = try #require(try fault(body, selected: selected))
        #expect(fault.path == path)
        #expect(fault.words == words)
    }

    @Test(
        "is none where nothing is said, or where the fields are data",
        arguments: [
            ("result", #"{"result":[],"error":null,"errors":[]}"#), ("result", #"{"result":[],"error":false}"#),
            ("result", #"{"result":[],"error":"","errors":{}}"#), ("result", #"{"result":[],"error":0,"errors":[ ]}"#),
            // A list of errors is what is asked for.
            ("errors", #"{"errors":[{"message":"no"}]}"#), ("error.items", #"{"error":{"items":[{"message":"no"}]}}"#),
            ("data.errors", #"{"data":{"errors":[1]}}"#),
            (nil, #"{"error":"no"}"#), ("$", #"[{"error":"no"}]"#), (nil, #"{"errors":[1]}"#),
            ("result", #"{"result":[{"error":"no"}]}"#),
            (nil, #"[{"jsonrpc":"2.0","id":1,"result":{"error":"no"},"error":null}]"#),
        ] as [(String?, String)])
    func none(selected: String?, body: String) throws {
        #expect(try fault(body, selected: selected) == nil)
    }

    @Test(
        "means what its code and its text mean",
        arguments: [
            ("-32005", "", .limit), ("-32029", "", .limit), ("429", "", .limit), ("THROTTLED", "", .limit),
            (nil, "Rate limit reached", .limit), ("-32000", "Too Many Requests", .limit),
            ("-32007", "50/second request limit reached - reduce calls per second", .limit),
            ("-32005", "daily request count exceeded, request rate limited", .limit),
            ("-32005", "query returned more than 10000 results", .tooLarge),
            ("-32600", "block range is too wide", .tooLarge),
            ("-32000", "Log response size exceeded", .tooLarge), (nil, "Range too large", .tooLarge),
            ("-32614", "eth_getLogs is limited to a 10,000 range", .tooLarge), (nil, "limit exceeded", .tooLarge),
            // Nodes say so of either.
            ("-32005", "limit exceeded", .unknown),
            ("-32000", "invalid block range params", .unknown),
            ("-32602", "block range extends beyond current head block", .fail),
            ("-32000", "header not found", .unknown), ("-32603", "", .unknown),
            ("-28", "Loading block index", .unknown),
            ("INTERNAL_SERVER_ERROR", "", .unknown), (nil, "query timeout", .unknown), ("503", "", .unknown),
            ("-32601", "the method does not exist", .fail), ("-8", "Block height out of range", .fail),
            (nil, "no such league", .fail), ("1", "", .fail),
        ] as [(String?, String, BodyFault.Action)])
    func meaning(code: String?, text: String, action: BodyFault.Action) {
        #expect(BodyFault.action(code: code, text: text) == action)
    }

    @Test(
        "means what the first rule says that holds",
        arguments: [
            (
                #"{"result":null,"error":{"code":-32007,"message":"Slot 7 was skipped"}}"#, .empty,
                "-32007: Slot 7 was skipped"
            ),
            (
                #"{"result":null,"error":{"code":-32009,"message":"Slot 7 was SKIPPED"}}"#, .unavailable,
                "-32009: Slot 7 was SKIPPED"
            ),
            (#"{"result":null,"error":{"code":"-32007"}}"#, .empty, "-32007"),
            (#"{"result":null}"#, .retry, "null"), (#"{"result":[],"status":"late"}"#, .deferral, "late"),
            (#"{"result":[],"error":{"code":1}}"#, nil, ""), (#"{"result":[],"error":{"code":2}}"#, .fail, "2"),
            (#"{"result":[],"status":"ok"}"#, nil, ""), (#"{"result":[],"partial":false}"#, nil, ""),
            (#"{"result":[],"partial":true}"#, .tooLarge, "true"),
        ] as [(String, BodyFault.Action?, String)])
    func rules(body: String, action: BodyFault.Action?, words: String) throws {
        func rule(
            _ path: String, _ condition: HTTPErrorRule.Condition, _ action: HTTPErrorRule.Action
        ) throws -> HTTPErrorRule {
            HTTPErrorRule(path: try #require(JSONPath(path)), condition: condition, action: action)
        }
        let rules = [
            try rule("error.code", .equals("-32007"), .empty),
            try rule("error.message", .contains("skipped"), .unavailable),
            try rule("result", .equals("null"), .retry), try rule("status", .equals("late"), .defer),
            try rule("error.code", .equals("1"), .ignore), try rule("partial", .present, .halve),
        ]
        let fault = try fault(body, selected: "result", rules)
        #expect(fault?.action == action)
        #expect(fault?.words ?? "" == words)
    }

    @Test("is looked for beside a tip, but not in the object that holds it")
    func tip() throws {
        #expect(
            try fault(#"{"result":{"blocks":7,"errors":"a pre-release"}}"#, selected: "result.blocks", isTip: true)
                == nil)
        #expect(try fault(#"{"result":null,"error":"no"}"#, selected: "result.blocks", isTip: true)?.words == "no")
    }

    @Test("takes no more paths than a walk has, however many rules and however deep the records")
    func limit() throws {
        var set = JSONPathSet()
        let rules = try (0..<HTTPErrorRule.limit).map {
            HTTPErrorRule(path: try #require(JSONPath("a.b\($0)")), action: .fail)
        }
        _ = BodyFaultPaths(rules, selected: JSONPath("0.1.2.3.4.5.6.7.8.9.result"), in: &set)
        let left = JSONPathSet.limit - set.add(["last"]) - 1
        #expect(left >= 20)
    }
}
