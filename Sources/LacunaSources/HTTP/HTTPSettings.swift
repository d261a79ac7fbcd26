import LacunaModel
import LacunaRecords

/// The settings of a source that asks an HTTP API.
public struct HTTPSettings: Sendable, Hashable {
    /// Where every path starts from: scheme, host and, if there is one, the common part of the path; or a Unix socket.
    public var baseURL: Template
    /// The hosts that requests may go to, by name or as `*.example.com`; empty: those that the end of ``baseURL``'s host says.
    public var hosts: [String] = []
    /// What is asked for a window.
    public var request = HTTPRequestSettings()
    /// What is asked for the tip; nil: the source has no tip.
    public var tip: HTTPTipSettings?
    /// What is asked for the number of a window's records; nil: the source cannot tell it.
    package var count: HTTPTipSettings?
    /// Who asks.
    public var authentication: HTTPAuthentication = .none
    /// Headers of every request.
    public var headers: [NamedTemplate] = []
    /// How fast the source may be asked.
    public var limits = HTTPLimits()
    /// How long a request may take.
    public var timeouts = HTTPTimeouts()
    /// How a page is written.
    public var format: HTTPFormat = .json
    /// Where the records are in a page of JSON; nil: the page itself, an array of records or one record.
    public var recordSelector: JSONPath?
    /// How the pages of a window follow each other.
    public var paginator = PaginatorSettings()
    /// What a status means where it is not what it usually means.
    public var onStatus: [Int: HTTPStatusAction] = [:]
    /// What a page of JSON means that holds something at a place; the first that holds counts. At most 20.
    public var onError: [HTTPErrorRule] = []
    /// How large a page may be after decompression.
    public var pageByteLimit = 64 << 20
    /// A file of certificates (PEM) that are trusted beside the system's.
    public var certificateFile: String?
    /// Who the client is to a server that asks for a certificate; nil: it has none.
    public var clientCertificate: ClientCertificate?
    /// The proxies to use.
    public var proxies = ProxyRules()
    /// Values that must not be shown in messages.
    public var secrets: Set<String> = []

    /// Settings of an API.
    public init(baseURL: Template) {
        self.baseURL = baseURL
    }
}

/// A certificate and its key, which a client shows to a server.
public struct ClientCertificate: Sendable, Hashable {
    /// The file of the certificate and those that lead to its authority (PEM).
    public var certificateFile: String
    /// The file of the key (PEM, without a password).
    public var keyFile: String

    /// A certificate and its key.
    public init(certificateFile: String, keyFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// A name and a template for its value.
public struct NamedTemplate: Sendable, Hashable {
    /// The name of a parameter or header.
    public let name: String
    /// Its value.
    public let value: Template

    /// A name and its value.
    public init(_ name: String, _ value: Template) {
        self.name = name
        self.value = value
    }
}

/// What is asked for.
public struct HTTPRequestSettings: Sendable, Hashable {
    /// The verb.
    public enum Method: String, Sendable, Hashable, CaseIterable {
        /// Without a body.
        case get = "GET"
        /// With a body.
        case post = "POST"
    }

    /// The verb.
    public var method: Method = .get
    /// The path, appended to the base URL.
    public var path: Template?
    /// The parameters of the query, in order.
    public var parameters: [NamedTemplate] = []
    /// Headers beside those of the source; one of the same name replaces it.
    public var headers: [NamedTemplate] = []
    /// The body, made by ``Template/body(_:)``.
    public var body: Template?

    /// A GET of the base URL.
    public init() {}
}

/// How one value is asked for: the tip, or a number.
public struct HTTPTipSettings: Sendable, Hashable {
    /// What is asked.
    public var request: HTTPRequestSettings
    /// Where the value is in the answer; nil: the answer is the value.
    public var select: JSONPath?

    /// A request and where its answer holds the key.
    public init(request: HTTPRequestSettings, select: JSONPath?) {
        self.request = request
        self.select = select
    }
}

/// Who asks.
public enum HTTPAuthentication: Sendable, Hashable {
    /// Nobody in particular.
    case none
    /// `Authorization: Bearer …`
    case bearer(token: String)
    /// A key in a header of that name.
    case keyHeader(name: String, value: String)
    /// A key in a parameter of the query.
    case keyParameter(name: String, value: String)
    /// RFC 7617.
    case basic(username: String, password: String)
    /// A token that is renewed (RFC 6749, section 4.4).
    case clientCredentials(ClientCredentials)
}

/// Who asks for tokens, and where.
public struct ClientCredentials: Sendable, Hashable {
    /// The token endpoint, an absolute URL.
    public var tokenURL: String
    /// The client's id.
    public var clientID: String
    /// The client's secret.
    public var clientSecret: String
    /// The scope to ask for; nil: the server's default.
    public var scope: String?

    /// Credentials of a client.
    public init(tokenURL: String, clientID: String, clientSecret: String, scope: String? = nil) {
        self.tokenURL = tokenURL
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.scope = scope
    }
}

/// How long a request may take.
public struct HTTPTimeouts: Sendable, Hashable {
    /// Until a connection stands, TLS included.
    public var connect: Duration
    /// Without a byte of the answer.
    public var idle: Duration
    /// From the start to the last byte of the answer.
    public var total: Duration

    /// Timeouts; by default 10 s, 30 s and 2 min.
    public init(connect: Duration = .seconds(10), idle: Duration = .seconds(30), total: Duration = .seconds(120)) {
        self.connect = connect
        self.idle = idle
        self.total = total
    }
}

/// How a page is written.
public enum HTTPFormat: String, Sendable, Hashable, CaseIterable {
    /// One JSON document.
    case json
    /// One JSON object a line.
    case ndjson
    /// Comma-separated values with a header.
    case csv
}

/// What is made of a status.
public enum HTTPStatusAction: String, Sendable, Hashable, CaseIterable {
    /// The window, or what follows the last page, has no records.
    case empty
    /// The source has lost the window for good: its units without rows are accepted as missing.
    case accept
    /// The source does not have this history.
    case unavailable
    /// It may work in a moment.
    case retry
    /// The same request would fail again.
    case fail
}
