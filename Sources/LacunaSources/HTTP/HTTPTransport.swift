import AsyncHTTPClient
import LacunaModel
import LacunaRecords
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// What came back.
struct HTTPAnswer: Sendable {
    let status: Int
    let reason: String
    let headers: HTTPHeaders
    /// The body after decompression, between what it was asked to be put between.
    var body: [UInt8]
    /// Whether the end of the body was announced, so that it cannot have been cut off.
    let isWhole: Bool

    func header(_ name: String) -> String? { headers.first(name: name) }
}

/// Why nothing came back.
enum TransportError: Error, CustomStringConvertible {
    case timeout(String)
    case connection(String)
    case tooLarge(limit: Int)
    case decompression

    var description: String {
        switch self {
        case .timeout(let what): what
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
        var proxies: ProxyRules
        var bodyByteLimit: Int
        var connections: Int

        init(_ settings: HTTPSettings) {
            timeouts = settings.timeouts
            certificateFile = settings.certificateFile
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
    private let clients = Mutex<[ProxyRules.Proxy?: HTTPClient]>([:])

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    deinit {
        // A client keeps itself until its connections are closed.
        clients.withLock { clients in
            for client in clients.values { client.shutdown { _ in } }
        }
    }

    /// Sends a request and reads its answer whole.
    ///
    /// - Parameters:
    ///   - prefix: put before the body.
    ///   - suffix: put behind it.
    ///   - onHead: called as soon as the answer begins.
    /// - Throws: ``TransportError``; `CancellationError`.
    func send(
        _ call: HTTPCall, prefix: [UInt8], suffix: [UInt8], onHead: @escaping @Sendable () -> Void
    ) async throws -> HTTPAnswer {
        let total = configuration.timeouts.total
        do {
            return try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
                group.addTask {
                    try await self.exchange(call, prefix: prefix, suffix: suffix, onHead: onHead)
                }
                group.addTask {
                    try await Task.sleep(for: total)
                    throw TransportError.timeout("the answer was not complete after \(Wait.text(total))")
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() else { throw CancellationError() }
                return answer
            }
        } catch {
            // A request that is cancelled fails in many ways.
            try Task.checkCancellation()
            throw translated(error)
        }
    }

    private func exchange(
        _ call: HTTPCall, prefix: [UInt8], suffix: [UInt8], onHead: () -> Void
    ) async throws -> HTTPAnswer {
        var request = HTTPClientRequest(url: call.address.url)
        request.method = HTTPMethod(rawValue: call.method.rawValue)
        for header in call.headers { request.headers.add(name: header.name, value: header.value) }
        request.headers.replaceOrAdd(name: "accept-encoding", value: "gzip, deflate")
        if !request.headers.contains(name: "user-agent") { request.headers.add(name: "user-agent", value: "lacuna") }
        if let body = call.body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await client(for: call.address.origin).execute(
            request, timeout: .init(configuration.timeouts.total))
        onHead()
        let announced = response.headers.first(name: "content-length").flatMap { Int($0) }
        let limit = configuration.bodyByteLimit
        if let announced, announced > limit { throw TransportError.tooLarge(limit: limit) }
        var body = prefix
        body.reserveCapacity(prefix.count + (announced ?? 0) + suffix.count)
        for try await piece in response.body {
            guard body.count - prefix.count + piece.readableBytes <= limit else {
                throw TransportError.tooLarge(limit: limit)
            }
            body.append(contentsOf: piece.readableBytesView)
        }
        body += suffix
        let isChunked = response.headers[canonicalForm: "transfer-encoding"].contains { $0.lowercased() == "chunked" }
        return HTTPAnswer(
            status: Int(response.status.code), reason: response.status.reasonPhrase, headers: response.headers,
            body: body, isWhole: announced != nil || isChunked)
    }

    private func client(for origin: Origin) throws -> HTTPClient {
        let proxy = configuration.proxies.proxy(for: origin)
        return clients.withLock { clients in
            if let client = clients[proxy] { return client }
            let client = makeClient(proxy: proxy)
            clients[proxy] = client
            return client
        }
    }

    private func makeClient(proxy: ProxyRules.Proxy?) -> HTTPClient {
        var options = HTTPClient.Configuration(redirectConfiguration: .disallow)
        options.timeout.connect = .init(configuration.timeouts.connect)
        options.timeout.read = .init(configuration.timeouts.idle)
        options.decompression = .enabled(limit: .size(configuration.bodyByteLimit))
        options.httpVersion = .http1Only
        options.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connections
        // The caller retries, and says so.
        options.connectionPool.retryConnectionEstablishment = false
        if let file = configuration.certificateFile {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.additionalTrustRoots = [.file(file)]
            options.tlsConfiguration = tls
        }
        if let proxy {
            let authorization = proxy.username.map { name in
                HTTPClient.Authorization.basic(username: name, password: proxy.password ?? "")
            }
            options.proxy = .server(host: proxy.host, port: proxy.port, authorization: authorization)
        }
        return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: options)
    }

    private func translated(_ error: any Error) -> any Error {
        if error is TransportError { return error }
        guard let error = error as? HTTPClientError else {
            // Another module of async-http-client's, which cannot be imported through it.
            guard String(reflecting: type(of: error)).hasPrefix("NIOHTTPCompression.") else {
                return TransportError.connection(String(describing: error))
            }
            return String(describing: error).contains("limit")
                ? TransportError.tooLarge(limit: configuration.bodyByteLimit) : TransportError.decompression
        }
        switch error {
        case .readTimeout:
            return TransportError.timeout("nothing came for \(Wait.text(configuration.timeouts.idle))")
        case .deadlineExceeded:
            return TransportError.timeout("there was no answer after \(Wait.text(configuration.timeouts.total))")
        case .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout:
            return TransportError.timeout("no connection stood after \(Wait.text(configuration.timeouts.connect))")
        default: return TransportError.connection(error.shortDescription)
        }
    }
}
