import Lacuna
import LacunaSources
import Testing

@testable import LacunaConfig

@Suite("An HTTP source in the config")
struct HTTPSettingsTests {
    static let source = """
        base_url: "https://{partition.place}.example.com/v1"
        auth: {type: http_basic, username: me, password: "${env:PASS}"}
        headers: {accept: application/json}
        rate_limit: [{requests: 2, per: 1s}, {requests: 1000, per: 1d, on_exhausted: wait, shared: true}]
        concurrency: 3
        stagger: 1s
        retry: {attempts: 5, backoff: 5s, max_backoff: 5m}
        timeout: 30s
        on_status: {404: empty, 410: unavailable}
        on_error:
          - {path: error.code, equals: -32007, do: empty}
          - {path: error.message, contains: no such day, do: unavailable}
          - {path: result, equals: "null", do: retry}
          - {path: warning, do: ignore}
        max_page_bytes: 1_000_000
        proxy: environment
        """

    static let stream = """
        partitions: {place: [a, b]}
        request: {path: /results, params: {from: "{window.first}"}, headers: {x-a: b}}
        record_selector: results
        paginator: {type: page_number, page_param: page_no, base_page: 0, page_size_param: size, page_size: 50, total_path: total}
        tip: {path: /tip, select: data.0.id}
        verify: {count: {path: /count, params: {to: "{window.last}"}, select: meta.count}}
        """

    private func config(_ stream: String, source: String = HTTPSettingsTests.source) -> String {
        integerConfig(stream, source: source).replacing("type: command", with: "type: http")
            .replacing("    command: [./fetch]\n", with: "")
    }

    private func settings(_ text: String) throws -> HTTPSettings {
        try withFixture { fixture in
            let configuration = try fixture.parse(text, ["PASS": "canary", "HTTPS_PROXY": "http://proxy:3128"])
            guard case .http(let settings) = try #require(configuration.streams.first).source else {
                throw HTTPSettingsProblem()
            }
            return settings
        }
    }

    @Test("reads to exactly these settings")
    func reads() throws {
        var expected = HTTPSettings(baseURL: try Template("https://{partition.place}.example.com/v1"))
        expected.authentication = .basic(username: "me", password: "canary")
        expected.headers = [NamedTemplate("accept", try Template("application/json"))]
        expected.limits.rates = [
            RateLimit(requests: 2, period: .seconds(1)),
            RateLimit(requests: 1000, period: .seconds(86_400), onExhausted: .wait, isShared: true),
        ]
        expected.limits.concurrency = 3
        expected.limits.stagger = .seconds(1)
        expected.timeouts = HTTPTimeouts(connect: .seconds(10), idle: .seconds(30), total: .seconds(30))
        expected.onStatus = [404: .empty, 410: .unavailable]
        func path(_ text: String) throws -> JSONPath { try #require(JSONPath(text)) }
        expected.onError = [
            HTTPErrorRule(path: try path("error.code"), condition: .equals("-32007"), action: .empty),
            HTTPErrorRule(path: try path("error.message"), condition: .contains("no such day"), action: .unavailable),
            HTTPErrorRule(path: try path("result"), condition: .equals("null"), action: .retry),
            HTTPErrorRule(path: try path("warning"), action: .ignore),
        ]
        expected.pageByteLimit = 1_000_000
        expected.proxies = ProxyRules(environment: ["HTTPS_PROXY": "http://proxy:3128"])
        expected.secrets = ["canary"]
        expected.request.path = try Template("/results")
        expected.request.parameters = [NamedTemplate("from", try Template("{window.first}"))]
        expected.request.headers = [NamedTemplate("x-a", try Template("b"))]
        expected.recordSelector = JSONPath("results")
        expected.paginator = PaginatorSettings(
            .pageNumber(parameter: "page_no", base: 0, sizeParameter: "size", size: 50))
        expected.paginator.totalPath = JSONPath("total")
        var tip = HTTPRequestSettings()
        tip.path = try Template("/tip")
        expected.tip = HTTPTipSettings(request: tip, select: JSONPath("data.0.id"))
        var count = HTTPRequestSettings()
        count.path = try Template("/count")
        count.parameters = [NamedTemplate("to", try Template("{window.last}"))]
        expected.count = HTTPTipSettings(request: count, select: JSONPath("meta.count"))
        #expect(try settings(config(HTTPSettingsTests.stream)) == expected)
    }

    @Test(
        "takes a host with placeholders that ends with a domain, and any other with the hosts that it may be",
        arguments: [
            ("https://{partition.p}.example.com", []), ("https://x-{partition.p}-api.example.com:8443/v1", []),
            ("http://{partition.p}.localhost:80", []), ("http://127.0.0.1:{partition.p}", []),
            ("https://{partition.p}", ["*.example.com", "localhost"]), ("https://[::1]/{partition.p}", ["[::1]"]),
        ] as [(String, [String])])
    func hosts(url: String, hosts: [String]) throws {
        let list = hosts.isEmpty ? "" : "\nhosts: [\(hosts.map { "\"\($0)\"" }.joined(separator: ", "))]"
        let read = try settings(config("partitions: {p: [a]}", source: "base_url: \"\(url)\"\(list)"))
        #expect(read.hosts == hosts)
    }

    @Test("posts where there is a body, whose braces are its own")
    func body() throws {
        let read = try settings(
            config(
                #"request: {body: '{"params":[{window.first},{"a":{}}]}'}"#, source: "base_url: https://h\nproxy: none")
        )
        #expect(read.request.method == .post)
        let expected = try Template.body(#"{"params":[{window.first},{"a":{}}]}"#)
        #expect(read.request.body == expected)
        #expect(read.proxies == ProxyRules())
    }

    @Test(
        "knows every way to page",
        arguments: [
            ("type: single_page", .singlePage),
            ("type: page_number", .pageNumber(parameter: "page", base: 1, sizeParameter: nil, size: nil)),
            (
                "type: offset, limit_param: limit, limit: 100",
                .offset(parameter: "offset", limitParameter: "limit", limit: 100)
            ), ("type: header_link", .headerLink),
        ] as [(String, PaginatorSettings.Kind)])
    func paginators(text: String, kind: PaginatorSettings.Kind) throws {
        let read = try settings(config("paginator: {\(text)}", source: "base_url: https://h"))
        #expect(read.paginator.kind == kind)
    }

    @Test("names the client's certificate and a Unix socket")
    func certificate() throws {
        let read = try settings(
            config("", source: "base_url: unix:/run/s:/v1\ntls: {cert_file: /dev/null, key_file: /dev/zero}"))
        #expect(read.clientCertificate == ClientCertificate(certificateFile: "/dev/null", keyFile: "/dev/zero"))
        #expect(read.certificateFile == nil)
        #expect(read.baseURL.text == "unix:/run/s:/v1")
        // A socket's path is a file's, and may be called anything.
        #expect(try settings(config("", source: "base_url: 'unix:/run/a#1?:/v1'")).baseURL.text == "unix:/run/a#1?:/v1")
    }

    static let wrong: [(stream: String, source: String, message: String)] = [
        ("", "headers: {a: b}", "neither stream 'blocks' nor its source has 'base_url'"),
        ("", "base_url: ftp://h", "make no address"),
        ("", "base_url: https://me:pw@h", "without a user"),
        ("", "base_url: https://h:99999", "from 1 to 65535"),
        ("", "base_url: https://h\nauth: {type: bearer}", "6:11: 'auth' of type bearer needs 'token'"),
        (
            "", "base_url: https://h\nauth: {type: bearer, token: x, username: y}",
            "'username' is for 'auth' of type http_basic"
        ),
        ("", "base_url: https://h\nauth: {type: api_key, key: x}", "either 'header' or 'param'"),
        ("", "base_url: https://h\nauth: {type: bearr}", "did you mean 'bearer'?"),
        ("", "base_url: https://h\nrate_limit: {requests: 0, per: 1s}", "from 1 to 1000000, found '0'"),
        ("", "base_url: https://h\nrate_limit: {requests: 1}", "has no 'per'"),
        (
            "", "base_url: https://h\nrate_limit: {requests: 200000, per: 1d, shared: true}",
            "has at most 100000 requests"
        ),
        ("", "base_url: https://h\non_status: {4040: empty}", "a status from 200 to 599, found '4040'"),
        ("", "base_url: https://h\non_status: {404: emty}", "did you mean 'empty'?"),
        ("", "base_url: https://h\non_error: {path: error.code, do: emty}", "did you mean 'empty'?"),
        ("", "base_url: https://h\non_error: {path: error.code}", "has no 'do'"),
        ("", "base_url: https://h\non_error: [{equals: 1, do: empty}]", "has no 'path'"),
        (
            "", "base_url: https://h\non_error: {path: a, equals: 1, contains: b, do: empty}",
            "either 'equals' or 'contains'"
        ),
        (
            "",
            "base_url: https://h\non_error: [\(Array(repeating: "{path: a, do: fail}", count: 21).joined(separator: ", "))]",
            "'on_error' has 21 rules; at most 20 are allowed"
        ),
        ("format: csv\non_error: {path: a, do: fail}", "base_url: https://h", "'on_error' is for pages of JSON"),
        ("", "base_url: https://h\ntimeout: {conect: 1s}", "did you mean 'connect'?"),
        ("", "base_url: https://h\ntls: {ca_file: none.pem}", "no file that could be read"),
        ("", "base_url: https://h\ntls: {cert_file: /dev/null}", "'cert_file' needs 'key_file'"),
        ("", "base_url: https://h\ntls: {key_file: /dev/null}", "'key_file' needs 'cert_file'"),
        ("", "base_url: https://h\ntls: {cert_file: none.pem, key_file: /dev/null}", "no file that could be read"),
        ("", "base_url: https://h/v1?key=1", "5:15: base_url ends before a query: write what follows the '?'"),
        ("", "base_url: 'https://h/v1#top'", "5:15: base_url ends before a fragment: leave out the '#'"),
        ("partitions: {p: [a]}", "base_url: 'https://h/{partition.p}?x'", "5:15: base_url ends before a query"),
        ("", "base_url: unix:/run/a#1?:/v1?x", "5:15: base_url ends before a query"),
        ("partitions: {p: [a]}", "base_url: \"https://{partition.p}/v1\"", "5:15: base_url leaves it to a placeholder"),
        (
            "partitions: {p: [a]}", "base_url: \"https://api.{partition.p}\"",
            "5:15: base_url leaves it to a placeholder"
        ),
        (
            "partitions: {p: [a]}", "base_url: \"https://{partition.p}.com\"",
            "5:15: base_url leaves it to a placeholder"
        ),
        (
            "partitions: {p: [a]}", "base_url: \"https://{partition.p}.0.0.1\"",
            "5:15: base_url leaves it to a placeholder"
        ),
        (
            "partitions: {p: [a]}", "base_url: \"https://{partition.p}com:80\"",
            "5:15: base_url leaves it to a placeholder"
        ),
        ("partitions: {p: [a]}", "base_url: \"https://{partition.p}\"\nhosts: [\"*\"]", "'hosts': expected a host"),
        (
            "partitions: {p: [a]}", "base_url: \"https://{partition.p}\"\nhosts: [\"*.com\"]",
            "6:13: 'hosts': expected a host"
        ),
        (
            "partitions: {p: [a]}", "base_url: \"https://{partition.p}\"\nhosts: [\"*.0.0.1\"]",
            "'hosts': expected a host"
        ),
        (
            "partitions: {p: [a]}", "base_url: \"https://{partition.p}\"\nhosts: [a.example.com/x]",
            "'hosts': expected a host"
        ),
        ("", "base_url: https://api.example.com\nhosts: other.example.com", "is none of those under 'hosts'"),
        ("", "base_url: unix:run/s", "make no address"),
        ("partitions: {p: [a]}", "base_url: \"unix:/run/{partition.p}:/v1\"", "cannot be part of a socket's path"),
        ("", "base_url: https://h\nformat: xml", "json, ndjson or csv"),
        ("", "base_url: https://h\nheaders: {\"a b\": c}", "cannot be the name of a header"),
        ("record_selector: a..b", "base_url: https://h", "11:22: 'record_selector': expected a dotted path"),
        ("format: csv\nrecord_selector: a", "base_url: https://h", "for pages of JSON"),
        ("paginator: {type: cursor, cursor_param: c}", "base_url: https://h", "needs 'cursor_path'"),
        (
            "paginator: {type: offset, page_size: 1}", "base_url: https://h",
            "'page_size' is for 'paginator' of type page_number"
        ),
        ("paginator: {type: offset, limit_param: l}", "base_url: https://h", "'limit_param' needs 'limit'"),
        ("request: {path: \"/{partition.x}\"}", "base_url: https://h", "has no partitions"),
        ("request: {method: GET, body: \"{}\"}", "base_url: https://h", "'body' needs 'method: POST'"),
        ("request: {body: '{\"a\": '}", "base_url: https://h", "the body is not JSON"),
        ("tip: {path: \"/{window.first}\"}", "base_url: https://h", "a tip has none"),
        ("tip: [a]", "base_url: https://h", "'tip' of stream 'blocks': expected a map"),
        ("verify: {count: {path: \"/{partition.x}\"}}", "base_url: https://h", "has no partitions"),
        ("verify: {rows: 3}", "base_url: https://h", "unknown setting 'rows'"),
    ]

    @Test("is refused with its place where it cannot work", arguments: wrong.indices)
    func refuses(index: Int) throws {
        let (stream, source, message) = HTTPSettingsTests.wrong[index]
        try withFixture { fixture in
            let error = try #require(fixture.error(config(stream, source: source)))
            #expect(error.description.contains(message), "\(error)")
            #expect(error.line != nil)
        }
    }
}

private struct HTTPSettingsProblem: Error {}
