import Foundation
import Lacuna
import TestSupport
import Testing

@testable import LacunaSources

/// Random and mutated input for everything that reads what a server or a person wrote. `LACUNA_FUZZ` says how much.
@Suite("Under random input", .timeLimit(.minutes(30)))
struct HeaderFuzzTests {
    private static let pieces = [
        "<", ">", ";", ",", "\"", "\\", "=", " ", "\t", "rel", "rel=next", "rel=\"next\"", "next", "https://", "//",
        "h", "H",
        "evil.com", ":443", ":80", ":", "@", "me:pw@", "/", "..", ".", "?", "#", "%2f", "%", "é", "🐎", "\u{0}", "\r\n",
        "[::1]",
        "120", "0", "-1", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Nov", "1994", "GMT", "{", "}", "{{",
        "{window.first}", "{window.", "yyyyMMdd", "'", "$",
    ]

    private static let waits = [
        "retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-remaining", "ratelimit-reset",
        "ratelimit-remaining",
    ]

    /// What such a header may hold; nil: there is none.
    private static func numbers(_ random: inout SeededGenerator) -> String? {
        let pieces = ["0", "1", "2.5", ", ", ",", ".", "784111800", "784111800000", "1e9", " ", "99999999999999999999"]
        let count = Int.random(in: 0...4, using: &random)
        return count == 0
            ? nil : (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }

    @Test("a Retry-After is a wait within its bounds or none, and each date means itself")
    func retryAfter() throws {
        var random = SeededGenerator("Retry-After")
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = .gmt
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        for _ in 0..<Fuzzing.rounds(5000) {
            if let wait = RetryAfter.wait(Self.text(&random), now: 784_111_777) {
                #expect((.zero...RetryAfter.limit).contains(wait))
            }
            let header = Dictionary(
                uniqueKeysWithValues: Self.waits.map { ($0, Self.numbers(&random)) }
            ).compactMapValues(\.self)
            for wait in [
                RetryAfter.wait(header: { header[$0] }, now: 784_111_777),
                RetryAfter.reset(header: { header[$0] }, now: 784_111_777),
            ].compactMap(\.self) {
                #expect((.zero...RetryAfter.limit).contains(wait), "\(header)")
            }
            let seconds = Int64.random(in: 0..<253_402_300_800, using: &random)
            let text = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
            #expect(HTTPDate.seconds(text) == seconds, "\(text)")
            // Larger ones may be instants.
            let number = UInt32.random(in: 0...500_000_000, using: &random)
            #expect(RetryAfter.wait(" \(number)\t") == min(.seconds(Int64(number)), RetryAfter.limit))
        }
    }

    @Test("a Link leads to the first address that it calls next, whatever else it says in quotes")
    func links() throws {
        var random = SeededGenerator("Link")
        let relations = ["prev", "last", "next", "next last", "NEXT", "nextpage", "x-next"]
        let others = [
            "title=\"a, b; rel=next\"", "title=\"<https://evil.com>; rel=\\\"next\\\"\"", "type=text", "hreflang=en",
            "title*=UTF-8''x", "x", "anchor=\"#a\"",
        ]
        for _ in 0..<Fuzzing.rounds(5000) {
            _ = LinkHeader.next(in: [Self.text(&random), Self.text(&random)])
            var expected: String?
            let links = (0..<Int.random(in: 0...4, using: &random)).map { index in
                let relation = relations.randomElement(using: &random) ?? ""
                let target = "https://h/\(index)?a=1,2;b=3"
                if expected == nil, relation.lowercased().split(separator: " ").contains("next") { expected = target }
                let isQuoted = relation.contains(" ") || Bool.random(using: &random)
                var parameters = [isQuoted ? "rel=\"\(relation)\"" : "rel=\(relation)"]
                parameters += others.shuffled(using: &random).prefix(Int.random(in: 0...2, using: &random))
                // Of several relations the first counts (RFC 8288, section 3.3); here there is one.
                parameters.shuffle(using: &random)
                let space = Bool.random(using: &random) ? " " : ""
                return "<\(target)>\(space);\(space)" + parameters.joined(separator: "\(space);\(space)")
            }
            #expect(LinkHeader.next(in: [links.joined(separator: " , ")]) == expected, "\(links)")
            #expect(LinkHeader.next(in: links) == expected, "\(links)")
        }
    }

    @Test("an address that a server gives is inside the origin that it names, or is none")
    func addresses() throws {
        var random = SeededGenerator("addresses")
        let base = try #require(Address("https://h:8443/v1/a?p=1"))
        for _ in 0..<Fuzzing.rounds(20_000) {
            let link = Self.text(&random)
            guard let address = base.resolving(link) else { continue }
            #expect(address.target.hasPrefix("/"), "\(link)")
            #expect(address.target.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "\(link)")
            #expect(address.url == address.origin.description + address.target)
            // By the regular expression of RFC 3986, appendix B: whoever reads the link so must come to the same host.
            let parts = try #require(
                link.wholeMatch(
                    of: /(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?:\/\/([^\/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?/))
            // A name of other letters is another name in the network.
            if let authority = parts.output.2, authority.utf8.allSatisfy({ $0 < 0x80 }) {
                #expect(!authority.contains("@"), "\(link)")
                let scheme = parts.output.1.map { $0.lowercased() } ?? "https"
                let named = try #require(
                    authority.wholeMatch(of: /(\[[^\]]*\]|[^:]*)(?::([0-9]*))?/), "\(link) is \(address.origin)")
                let written = named.output.2 ?? ""
                let port = written.isEmpty ? (scheme == "https" ? 443 : 80) : Int(written)
                let isSame =
                    address.origin.scheme == scheme && address.origin.port == port
                    && address.origin.host == named.output.1.lowercased()
                #expect(isSame, "\(link) is not \(address.origin)")
            } else if parts.output.1 == nil, parts.output.2 == nil {
                #expect(address.origin == base.origin, "\(link)")
            }
        }
    }

    @Test("a content type is a page, a failure or nothing, and never a page in another charset")
    func contentTypes() throws {
        var random = SeededGenerator("content types")
        let check = ResponseCheck(HTTPSettings(baseURL: try Template("https://h")))
        let charsets = ["utf-8", "UTF-8", "\"utf-8\"", "us-ascii", "iso-8859-1", "utf-16", "\"latin1\"", "cp1252"]
        for _ in 0..<Fuzzing.rounds(3000) {
            let rubbish = Self.text(&random)
            _ = check.verdict(
                status: Int.random(in: 0...999, using: &random), header: { _ in rubbish }, longestWait: .seconds(10))
            let charset = charsets.randomElement(using: &random) ?? ""
            let more = Bool.random(using: &random) ? "; q=1" : ""
            let type = "application/json\(more);  charset=\(charset)"
            let verdict = check.verdict(status: 200, header: { $0 == "content-type" ? type : nil }, longestWait: .zero)
            let isText = ["utf-8", "us-ascii"].contains(charset.lowercased().filter { $0 != "\"" })
            #expect((verdict == .page) == isText, "\(type)")
        }
    }

    @Test("a template is refused or keeps every character that is no placeholder")
    func templates() throws {
        var random = SeededGenerator("templates")
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "k", keyType: .date(timezone: .utc))
        stream.partitions = .product([PartitionColumn(name: "p", values: ["{v}"])])
        let request = FetchRequest(stream: stream, partition: Partition(["{v}"]), window: 0..<31)
        let placeholders = [
            ("{window.first}", "1970-01-01"), ("{window.last}", "1970-01-31"), ("{window.end:yyyyMMdd}", "19700201"),
            ("{window.size}", "31"), ("{partition.p}", "{v}"), ("{window.first:epoch}", "0"),
        ]
        for _ in 0..<Fuzzing.rounds(5000) {
            let rubbish = Self.text(&random)
            if let template = try? Template(rubbish) { _ = try? template.render(request) }
            var text = ""
            var expected = ""
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                if let placeholder = placeholders.randomElement(using: &random), Bool.random(using: &random) {
                    text += placeholder.0
                    expected += placeholder.1
                } else {
                    let literal = Self.text(&random)
                    text += literal.replacing("{", with: "{{").replacing("}", with: "}}")
                    expected += literal
                }
            }
            #expect(try Template(text).render(request) == expected, "\(text)")
        }
    }

    @Test("a document is taken where Foundation takes it, and each path leads to the same value")
    func documents() throws {
        var random = SeededGenerator("documents")
        let names = ["a", "b.c", "é", "", "0", "\"", "\\n"]
        func value(_ depth: Int) -> Any {
            switch Int.random(in: 0..<(depth < 4 ? 6 : 4), using: &random) {
            case 0: return Int.random(in: -1000...1000, using: &random)
            case 1: return Self.text(&random).replacing("\u{0}", with: "")
            case 2: return Bool.random(using: &random)
            case 3: return NSNull()
            case 4: return (0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth + 1) }
            default:
                return Dictionary(
                    uniqueKeysWithValues: names.shuffled(using: &random).prefix(3).map { ($0, value(depth + 1)) })
            }
        }
        func find(_ path: [String], in value: Any) -> Any? {
            path.reduce(value as Any?) { value, name in
                if let object = value as? [String: Any] { return object[name] }
                guard let list = value as? [Any], let index = Int(name), list.indices.contains(index) else {
                    return nil
                }
                return list[index]
            }
        }
        for _ in 0..<Fuzzing.rounds(1000) {
            let root = ["d": value(0)]
            var bytes = Array(try JSONSerialization.data(withJSONObject: root))
            var set = JSONPathSet()
            var places: [(path: [String], wanted: WantedPath)] = []
            for _ in 0..<20 {
                let path = (["d"] + (0..<3).map { _ in ["a", "é", "0", "1", "2"].randomElement(using: &random) ?? "" })
                    .prefix(Int.random(in: 1...4, using: &random))
                let place = try #require(JSONPath(path.joined(separator: ".")))
                places.append((Array(path), set.want(place)))
            }
            let document = try JSONDocument(bytes, finding: set)
            for (path, wanted) in places {
                let found = document[wanted]
                let expected = find(path, in: root)
                #expect((found == nil) == (expected == nil), "\(wanted.path)")
                if let found, let text = expected as? String { #expect(document.text(found) == text) }
                if let found, found.kind == .number {
                    #expect(document.integer(found) == (expected as? NSNumber)?.int64Value)
                }
            }
            for _ in 0..<5 where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = Array("{}[]\",:\\0e-. x".utf8).randomElement(using: &random) ?? 0
                let taken = try? JSONDocument(bytes, finding: set)
                if let taken { for (_, wanted) in places { _ = taken[wanted].map(taken.text) } }
                // Foundation takes a number with leading zeros nowhere, and neither does this. Of numbers it takes
                // those that a double can hold; PostgreSQL has others.
                let isLarge = String(decoding: bytes, as: UTF8.self).contains(/[0-9]e-?[0-9]{3}/)
                let isTaken =
                    isLarge
                    || (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
                if taken != nil { #expect(isTaken, "\(String(decoding: bytes, as: UTF8.self))") }
            }
        }
    }

    @Test("a document that is cut anywhere is refused, and said to end too early")
    func truncation() throws {
        for text in [#"{"data": [{"n": 1, "v": "é€𝄞"}, {"n": -1.5e+3}], "more": true}"#, #"["\ud83d\ude00"]"#, "null"] {
            for mark in ["", "\u{FEFF}"] {
                let bytes = Array((mark + text).utf8)
                for count in mark.utf8.count..<bytes.count {
                    let fault = #expect(throws: JSONDocument.Fault.self) {
                        try JSONDocument(Array(bytes[..<count]))
                    }
                    #expect(fault?.reason == "it ends too early", "the first \(count) bytes of \(text)")
                }
                #expect(throws: Never.self) { try JSONDocument(bytes) }
            }
        }
    }

    @Test("a mask leaves no secret in any text, in whatever form it is repeated")
    func masks() throws {
        var random = SeededGenerator("masks")
        for _ in 0..<Fuzzing.rounds(3000) {
            let secret = Self.text(&random) + "c0re" + Self.text(&random)
            let json = String(decoding: try JSONEncoder().encode([secret]), as: UTF8.self)
            let said = [
                secret, json, PercentEncoding.encode(secret), Data(secret.utf8).base64EncodedString(),
                secret.replacing("'", with: "''"), secret + "\u{301}", "x" + secret + secret,
            ]
            let masked = SecretMask([secret])(said.joined(separator: " "))
            #expect(!masked.contains("c0re"), "\(secret.debugDescription): \(masked)")
            #expect(SecretMask([secret])("nothing of it") == "nothing of it")
        }
    }
}
