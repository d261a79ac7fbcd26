import LacunaSources

extension SettingsTable {
    static let auth = SettingsGroup(
        name: "auth",
        settings: [
            Setting(
                "type", .choice(["bearer", "api_key", "http_basic", "oauth2_client_credentials"]), "Who asks, and how.",
                required: true),
            Setting("token", .text, "bearer: the token."),
            Setting("header", .text, "api_key: the header that takes the key."),
            Setting("param", .text, "api_key: the query parameter that takes the key, instead of a header."),
            Setting("key", .text, "api_key: the key."),
            Setting("username", .text, "http_basic: the user."),
            Setting("password", .value, "http_basic: the password.", absent: "empty"),
            Setting("token_url", .text, "oauth2_client_credentials: where tokens are asked for."),
            Setting("client_id", .text, "oauth2_client_credentials: the client."),
            Setting("client_secret", .text, "oauth2_client_credentials: its secret."),
            Setting("scope", .text, "oauth2_client_credentials: the scope to ask for."),
        ])

    static let rateLimit = SettingsGroup(
        name: "rate_limit",
        settings: [
            Setting("requests", .integer(1...1_000_000), "How many requests.", required: true),
            Setting("per", .duration, "In any period of this length.", required: true),
            Setting(
                "on_exhausted", .choice(RateLimit.Exhaustion.allCases.map(\.rawValue)),
                "What happens when they are used up: the request waits, or the run is deferred.",
                absent: "defer for periods of a day and longer, else wait"),
            Setting(
                "shared", .boolean,
                "Whether all processes together keep to it that use the same database and a source of this name.",
                absent: "no: each process keeps to it"),
        ])

    static let timeouts = SettingsGroup(
        name: "timeout",
        settings: [
            Setting("connect", .duration, "Until a connection stands.", absent: "10s"),
            Setting("idle", .duration, "Without a byte of the answer.", absent: "30s"),
            Setting("total", .duration, "From the start to the last byte.", absent: "2m"),
        ])

    static let request = SettingsGroup(
        name: "request",
        settings: [
            Setting(
                "method", .choice(HTTPRequestSettings.Method.allCases.map(\.rawValue)), "The method of the request.",
                absent: "POST with a body, else GET"),
            Setting("path", .template(window: true), "Appended to base_url. Values are percent-encoded."),
            Setting("params", .map(.template(window: true), of: "parameter"), "The parameters of the query."),
            Setting("headers", .map(.template(window: true), of: "header"), "Headers of this request."),
            Setting("body", .body(window: true), bodySummary),
        ])

    static let tip = SettingsGroup(
        name: "tip",
        settings: [
            Setting(
                "method", .choice(HTTPRequestSettings.Method.allCases.map(\.rawValue)), "The method of the request.",
                absent: "POST with a body, else GET"),
            Setting("path", .template(window: false), "Appended to base_url."),
            Setting("params", .map(.template(window: false), of: "parameter"), "The parameters of the query."),
            Setting("headers", .map(.template(window: false), of: "header"), "Headers of this request."),
            Setting("body", .body(window: false), bodySummary),
            Setting("select", .path, "Where the answer holds the newest key.", absent: "the answer is the key"),
        ])

    static let verify = SettingsGroup(
        name: "verify",
        settings: [
            Setting("count", .group(count), "What is asked for the number of a window's records.", required: true)
        ])

    static let count = SettingsGroup(
        name: "count",
        settings: request.settings + [
            Setting("select", .path, "Where the answer holds the number.", absent: "the answer is the number")
        ])

    static let paginator = SettingsGroup(
        name: "paginator",
        settings: [
            Setting(
                "type",
                .choice(["single_page", "page_number", "offset", "cursor", "json_link", "header_link"]),
                "How the pages of a window follow each other.", required: true),
            Setting("page_param", .text, "page_number: the parameter that takes the number.", absent: "page"),
            Setting("base_page", .integer(0...1_000_000), "page_number: the first page's number.", absent: "1"),
            Setting("page_size_param", .text, "page_number: the parameter that takes the size."),
            Setting(
                "page_size", .integer(1...1_000_000),
                "page_number: records per page. A shorter page is the last, unless the pages say otherwise."),
            Setting("offset_param", .text, "offset: the parameter that takes the offset.", absent: "offset"),
            Setting("limit_param", .text, "offset: the parameter that takes the limit."),
            Setting(
                "limit", .integer(1...1_000_000),
                "offset: records per page. A shorter page is the last, unless the pages say otherwise."),
            Setting("cursor_path", .path, "cursor: where a page holds the next one's cursor."),
            Setting("cursor_param", .text, "cursor: the parameter that takes it."),
            Setting("next_path", .path, "json_link: where a page holds the next one's address."),
            Setting("total_path", .path, "Where a page says how many records there are; proven before the commit."),
            Setting("total_pages_path", .path, "Where a page says how many pages there are."),
            Setting("has_more_path", .path, "Where a page says true or false: whether another follows."),
            Setting("max_pages", .integer(1...10_000_000), "More pages than this are an error.", absent: "10000"),
        ])

    static let onError = SettingsGroup(
        name: "on_error",
        settings: [
            Setting("path", .path, "Where a page holds the code or the text of an error.", required: true),
            Setting(
                "equals", .value, "What stands there, as it is written: a code, a word, or null in quotes.",
                absent: "anything that is not null, false, 0 or empty"),
            Setting("contains", .text, "A part of what stands there, in whatever case, instead of equals."),
            Setting(
                "do", .choice(HTTPErrorRule.Action.allCases.map(\.rawValue)),
                "What that means: empty, unavailable, retry, halve (the window is too large), defer, fail or ignore.",
                required: true),
        ])

    static let tls = SettingsGroup(
        name: "tls",
        settings: [
            Setting("ca_file", .text, "A file of certificates (PEM) to trust beside the system's."),
            Setting("cert_file", .text, "The client's own certificate (PEM), for a server that asks for one."),
            Setting("key_file", .text, "The key of cert_file (PEM, without a password)."),
        ])

    static let http = SettingsGroup(
        name: "http source",
        settings: [
            Setting(
                "base_url", .template(window: true),
                "Where every path starts from: https://host/path, or unix:/run/api.sock:/path for a Unix socket. It has no "
                    + "query."),
            Setting(
                "hosts", .oneOrMany(.text),
                "Which hosts a placeholder in base_url may name: a host, or *.example.com for all below a domain.",
                absent: "base_url has to end its host with a domain"),
            Setting("auth", .group(auth), "The credentials."),
            Setting("headers", .map(.template(window: true), of: "header"), "Headers of every request."),
            Setting("rate_limit", .oneOrMany(.group(rateLimit)), "How fast all streams together may ask."),
            Setting(
                "concurrency", .integer(1...64), "How many requests may be in flight at once.",
                absent: "as many as workers"),
            Setting("stagger", .duration, "How far apart the first requests begin."),
            Setting(
                "timeout", .either([.duration, .group(timeouts)]), "How long a request may take, or its parts."),
            Setting(
                "on_status", .map(.choice(HTTPStatusAction.allCases.map(\.rawValue)), of: "status"),
                "What a status means: empty, accept (lost for good), unavailable, retry or fail."),
            Setting(
                "on_error", .oneOrMany(.group(onError)),
                "What a page of JSON means that says something at a place. The first rule that holds counts."),
            Setting(
                "max_page_bytes", .integer(1024...(1 << 30)),
                "How large a page may be after decompression.", absent: "67108864"),
            Setting("tls", .group(tls), "How the server is known, and the client to it."),
            Setting(
                "proxy", .choice(["environment", "none"]),
                "environment: the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY say which.", absent: "environment"),
            Setting(
                "format", .choice(HTTPFormat.allCases.map(\.rawValue)), "How a page is written.", absent: "json"),
            Setting("request", .group(request), "What is asked for a window."),
            Setting(
                "record_selector", .path,
                "Where a page holds its records: a list, or one record.", absent: "$, the page itself"),
            Setting("paginator", .group(paginator), "How pages follow each other.", absent: "single_page"),
            Setting("tip", .group(tip), "What is asked for the newest key."),
            Setting("verify", .group(verify), "How lacuna verify counts a window's records without fetching them."),
            retrying,
        ])

    private static let bodySummary =
        "JSON as text. Only {window.…} and {partition.…} are placeholders; without quotes around them they are numbers."
}
