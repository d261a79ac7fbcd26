import Lacuna
import Testing

@testable import LacunaSources

@Suite("A request")
struct RequestBuilderTests {
    private var stream: StreamDefinition {
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
        stream.partitions = .product([PartitionColumn(name: "place", values: ["x"])])
        return stream
    }

    private func call(
        _ base: String, place: String = "x", _ change: (inout HTTPRequestSettings) throws -> Void = { _ in }
    ) throws -> HTTPCall {
        var settings = HTTPSettings(baseURL: try Template(base))
        try change(&settings.request)
        return try RequestBuilder(settings).call(
            FetchRequest(stream: stream, partition: Partition([place]), window: 10..<20))
    }

    @Test("puts base, path and parameters together")
    func puts() throws {
        let call = try call("https://api.example.com/v1/") {
            $0.path = try Template("/results/{partition.place}")
            $0.parameters = [
                NamedTemplate("from", try Template("{window.first}")), NamedTemplate("a b", try Template("c&d")),
            ]
        }
        #expect(call.address.url == "https://api.example.com/v1/results/x?from=10&a%20b=c%26d")
    }

    @Test(
        "encodes a value for its place in the path", arguments: [("a/b?c#d", "a%2Fb%3Fc%23d"), ("é", "%C3%A9")])
    func path(value: String, encoded: String) throws {
        let call = try call("https://h", place: value) { $0.path = try Template("/p/{partition.place}/q") }
        #expect(call.address.url == "https://h/p/\(encoded)/q")
    }

    @Test("goes to the hosts that are listed, and to an address only if it is listed itself")
    func listedHosts() throws {
        func host(_ place: String, base: String = "https://{partition.place}/v1", _ hosts: [String]) throws -> String {
            var settings = HTTPSettings(baseURL: try Template(base))
            settings.hosts = hosts
            settings.authentication = .bearer(token: "t")
            let builder = RequestBuilder(settings)
            try builder.check(stream)
            return try builder.call(FetchRequest(stream: stream, partition: Partition([place]), window: 10..<20))
                .address.origin.host
        }
        let listed = ["*.example.com", "api.example.org", "127.0.0.1"]
        for good in ["a.example.com", "A.B.example.com", "api.example.org", "127.0.0.1"] {
            #expect(try host(good, listed) == good.lowercased())
        }
        for bad in [
            "example.com", "evilexample.com", "example.com.evil.net", "x.api.example.org", "127.0.0.2", "127.1",
            "localhost",
            "169.254.169.254", "2130706433", "0x7f000001", "metadata.google.internal", "169.254.169.254.nip.io",
        ] {
            #expect(throws: TemplateError.self, "\(bad)") { try host(bad, listed) }
            #expect(throws: TemplateError.self, "\(bad)") { try host(bad, []) }
            #expect(throws: TemplateError.self, "\(bad)") { try host(bad, base: "https://{partition.place}.com", []) }
        }
        // Whatever stands before it, the domain is the config's.
        #expect(try host("x.evil", base: "https://{partition.place}.example.com", []) == "x.evil.example.com")
        #expect(throws: TemplateError.self) { try host("a", base: "https://api.example.net", listed) }
    }

    @Test("keeps a value from climbing out of the path", arguments: ["..", ".", ""])
    func climbs(value: String) throws {
        #expect(throws: TemplateError.self) {
            try call("https://h", place: value) { $0.path = try Template("/p/{partition.place}/q") }
        }
    }

    @Test(
        "keeps a value from naming another host",
        arguments: ["evil.com/", "a@b", "a:80", "", "a b", "-", "a..b", "[::1]"])
    func host(value: String) throws {
        let good = try call("https://{partition.place}.example.com", place: "oak-land")
        #expect(good.address.url == "https://oak-land.example.com/")
        #expect(throws: TemplateError.self) { try call("https://{partition.place}.example.com/v1", place: value) }
    }

    private func keyCall(
        _ keys: [String], _ change: (inout HTTPRequestSettings) throws -> Void
    ) throws -> HTTPCall {
        var stream = StreamDefinition(name: "s", table: "t", keyColumn: "id", keyType: .text(.none))
        stream.batch = .units(Int64(keys.count))
        var settings = HTTPSettings(baseURL: try Template("https://h"))
        try change(&settings.request)
        return try RequestBuilder(settings).call(
            FetchRequest(stream: stream, partition: .whole, window: 0..<9, keys: keys))
    }

    @Test("names ids in a path, a parameter and a body")
    func keys() throws {
        let ids = ["a/b", "é", "o\"k"]
        let call = try keyCall(ids) {
            $0.path = try Template("/horses/{keys}/pro")
            $0.parameters = [NamedTemplate("ids", try Template("{keys}"))]
            $0.body = try Template.body(#"{"list": [{keys}], "text": "{keys}"}"#)
        }
        #expect(call.address.url == "https://h/horses/a%2Fb,%C3%A9,o%22k/pro?ids=a%2Fb%2C%C3%A9%2Co%22k")
        #expect(
            call.body.map { String(decoding: $0, as: UTF8.self) }
                == #"{"list": ["a/b","é","o\"k"], "text": "a/b,é,o\"k"}"#)
    }

    @Test("refuses ids that the commas between them would change", arguments: [["a,b", "c"], ["a", "b,"]])
    func separableKeys(ids: [String]) throws {
        #expect(throws: TemplateError.self) { try keyCall(ids) { $0.path = try Template("/{keys}") } }
        #expect(throws: Never.self) { try keyCall([ids[0]]) { $0.path = try Template("/{keys}") } }
    }

    @Test("refuses a header with a line end")
    func header() throws {
        #expect(throws: TemplateError.self) {
            try call("https://h", place: "a\r\nx-evil: 1") {
                $0.headers = [NamedTemplate("x-place", try Template("{partition.place}"))]
            }
        }
    }

    @Test("takes JSON as it is written, and escapes values in its strings")
    func body() throws {
        let call = try call("https://h", place: "o\"k\\\n") {
            $0.method = .post
            $0.body = try .body(
                #"{"method":"get","params":[{window.first},{"to":{window.last},"p":"{partition.place}"}]}"#)
        }
        #expect(
            String(decoding: call.body ?? [], as: UTF8.self)
                == #"{"method":"get","params":[10,{"to":19,"p":"o\"k\\\u000a"}]}"#)
        #expect(call.headers.first { $0.name == "content-type" }?.value == "application/json")
    }

    @Test("keeps a value outside quotes from being anything but a number", arguments: ["1,2", "true", "", "01", "1]"])
    func bodyNumber(value: String) throws {
        #expect(throws: TemplateError.self) {
            try call("https://h", place: value) { $0.body = try .body("[{partition.place}]") }
        }
    }

    @Test("refuses a body that is not JSON")
    func bodyShape() throws {
        #expect(throws: TemplateError.self) { try call("https://h") { $0.body = try .body(#"{"a":{window.first}"#) } }
    }

    @Test("refuses a base URL with a user, or of another kind", arguments: ["https://me:pw@h", "ftp://h", "h/v1"])
    func base(url: String) throws {
        #expect(throws: TemplateError.self) { try call(url) }
    }

    @Test(
        "holds links to an origin",
        arguments: [
            ("/v1/b?x=1", "https://h/v1/b?x=1"), ("b", "https://h/v1/b"), ("?p=2", "https://h/v1/a?p=2"),
            ("https://H:443/c", "https://h/c"), ("//evil.com/x", "https://evil.com/x"), ("https://me@h/c", nil),
            ("javascript:alert(1)", nil), ("https://h:65536/", nil), ("https://h:99999999999999999999/", nil),
            ("https://h:0/", nil), ("https:\\\\evil.com", nil), ("/a b", nil),
        ] as [(String, String?)])
    func resolves(link: String, url: String?) throws {
        let address = try #require(Address("https://h/v1/a?p=1"))
        #expect(address.resolving(link)?.url == url)
    }

    @Test("goes through the proxy that the environment names, but not to those it excepts")
    func proxies() throws {
        let rules = ProxyRules(environment: [
            "HTTPS_PROXY": "http://u:p@proxy:3128", "NO_PROXY": "localhost, .example.com",
        ])
        let ports = ["https://other.org", "https://api.example.com", "http://other.org"].map { url in
            Address(url).flatMap { rules.proxy(for: $0.origin) }?.port
        }
        #expect(ports == [3128, nil, nil])
    }
}
