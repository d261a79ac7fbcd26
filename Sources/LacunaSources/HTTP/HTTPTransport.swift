import CURL
import LacunaModel
import LacunaRecords
import Synchronization

/// What came back.
struct HTTPAnswer: Sendable {
    let status: Int
    let reason: String
    let headers: HTTPHeaders
    /// The body after decompression.
    let body: [UInt8]
    /// Whether the end of the body was announced, so that it cannot have been cut off.
    let isWhole: Bool

    func header(_ name: String) -> String? { headers[name].first }
}

/// The headers of an answer, in their order.
struct HTTPHeaders: Sendable, Hashable {
    let pairs: [CURL.Header]

    /// The values of a header, whatever the case of its name.
    subscript(name: String) -> [String] {
        pairs.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }
}

/// Why nothing came back.
enum TransportError: Error, CustomStringConvertible {
    /// The answer did not come in time.
    case timeout(String)
    /// No connection stood in time.
    case unreachable(String)
    case connection(String)
    case tooLarge(limit: Int)
    case decompression

    var description: String {
        switch self {
        case .timeout(let what), .unreachable(let what): what
        case .connection(let what): "no answer: \(what)"
        case .tooLarge(let limit): "the answer is larger than \(limit) bytes after decompression"
        case .decompression: "the answer could not be decompressed"
        }
    }
}

/// Sends requests. Follows no redirects; its connections are opened with the first request.
final class HTTPTransport: Sendable {
    /// What a transport is made of; sources with the same share one.
    struct Configuration: Sendable, Hashable {
        var timeouts: HTTPTimeouts
        var certificateFile: String?
        var clientCertificate: ClientCertificate?
        var proxies: ProxyRules
        var bodyByteLimit: Int
        var connections: Int

        init(_ settings: HTTPSettings) {
            timeouts = settings.timeouts
            certificateFile = settings.certificateFile
            clientCertificate = settings.clientCertificate
            proxies = settings.proxies
            bodyByteLimit = settings.pageByteLimit
            connections = max(settings.limits.concurrency ?? 64, 8)
        }

        /// A transport of a few requests.
        init(timeouts: HTTPTimeouts, proxies: ProxyRules, bodyByteLimit: Int) {
            self.timeouts = timeouts
            self.proxies = proxies
            self.bodyByteLimit = bodyByteLimit
            connections = 8
        }
    }

    private let configuration: Configuration
    private let client: Client

    init(_ configuration: Configuration) {
        self.configuration = configuration
        var settings = Client.Settings()
        settings.connect = configuration.timeouts.connect
        settings.idle = configuration.timeouts.idle
        settings.total = configuration.timeouts.total
        settings.bodyByteLimit = configuration.bodyByteLimit
        settings.connections = configuration.connections
        settings.authorityFile = configuration.certificateFile
        settings.identity = configuration.clientCertificate.map {
            Client.Identity(certificateFile: $0.certificateFile, keyFile: $0.keyFile)
        }
        client = Client(settings)
    }

    /// Sends a request and reads its answer whole.
    ///
    /// - Parameter onHead: called as soon as the answer begins. It must not wait.
    /// - Throws: ``TransportError``; `CancellationError`.
    func send(_ call: HTTPCall, onHead: @escaping @Sendable () -> Void) async throws -> HTTPAnswer {
        let body = Body()
        let limit = configuration.bodyByteLimit
        do {
            let head = try await client.perform(request(call)) { head in
                body.reserve(min(head.announcedLength ?? 0, limit))
                onHead()
            } onChunk: { chunk in
                body.append(chunk)
            }
            return HTTPAnswer(
                status: head.status, reason: head.reason, headers: HTTPHeaders(pairs: head.headers),
                body: body.taken(), isWhole: head.marksEnd && !head.isCoded)
        } catch let error as CURLError {
            // A request that is cancelled may fail in another way first.
            try Task.checkCancellation()
            throw translated(error)
        }
    }

    private func request(_ call: HTTPCall) -> CURL.Request {
        var request = CURL.Request(call.address.requestURL)
        if call.method == .post { request.method = .post(call.body ?? []) }
        // Where a body ends and how it is compressed is between the client and the server.
        let own: Set = ["accept-encoding", "content-length", "transfer-encoding"]
        request.headers = call.headers.filter { !own.contains($0.name) }.map { CURL.Header($0.name, $0.value) }
        if !request.headers.contains(where: { $0.name == "user-agent" }) {
            request.headers.append(CURL.Header("user-agent", "lacuna"))
        }
        request.acceptEncoding = call.mayBeCompressed ? Library.codings.joined(separator: ", ") : "identity"
        request.socket = call.address.origin.socket
        request.proxy = configuration.proxies.proxy(for: call.address.origin).map { proxy in
            CURL.Request.Proxy(
                host: proxy.host, port: proxy.port,
                credentials: proxy.username.map {
                    CURL.Request.Credentials(username: $0, password: proxy.password ?? "")
                })
        }
        return request
    }

    private func translated(_ error: CURLError) -> TransportError {
        let timeouts = configuration.timeouts
        switch error {
        case .late(.connect): return .unreachable("no connection stood after \(Wait.text(timeouts.connect))")
        case .late(.idle): return .timeout("nothing came for \(Wait.text(timeouts.idle))")
        case .late(.answer): return .timeout("there was no answer after \(Wait.text(timeouts.total))")
        case .late(.whole): return .timeout("the answer was not complete after \(Wait.text(timeouts.total))")
        case .tooLarge(.body): return .tooLarge(limit: configuration.bodyByteLimit)
        case .tooLarge(.head): return .connection("the headers of the answer are too large")
        case .undecodable: return .decompression
        case .malformed(let what): return .connection(what)
        case .failed(_, let message): return .connection(message)
        }
    }
}

/// The bytes of a body as they come.
private final class Body: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func reserve(_ count: Int) {
        bytes.withLock { $0.reserveCapacity(count) }
    }

    func append(_ chunk: UnsafeRawBufferPointer) {
        bytes.withLock { $0.append(contentsOf: chunk) }
    }

    /// The bytes, which are not kept here.
    func taken() -> [UInt8] {
        bytes.withLock { bytes in
            defer { bytes = [] }
            return bytes
        }
    }
}
