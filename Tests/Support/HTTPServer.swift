import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server on the loopback interface that answers as a test scripts it and remembers what it was asked.
public final class HTTPServer: Sendable {
    /// What came in.
    public struct Request: Sendable {
        /// The verb.
        public let method: String
        /// Path and query as they were sent.
        public let target: String
        /// The headers; names in lower case.
        public let headers: [String: String]
        /// The body.
        public let body: String
        /// When its head arrived.
        public let arrival: ContinuousClock.Instant

        /// The host that was asked, without a port; of a client that takes the server for its proxy, any.
        public var host: String { headers["host"]?.split(separator: ":").first.map(String.init) ?? "" }

        /// The path without the query.
        public var path: String { target.split(separator: "?").first.map(String.init) ?? target }

        /// A parameter of the query, decoded.
        public subscript(parameter: String) -> String? {
            URLComponents(string: target)?.queryItems?.first { $0.name == parameter }?.value
        }
    }

    /// What goes out.
    public struct Response: Sendable {
        /// The status.
        public var status: Int
        /// The headers beside the length.
        public var headers: [(String, String)]
        /// The body.
        public var body: [UInt8]
        /// Wait before the head.
        public var delay: Duration = .zero
        /// Close the connection after so many bytes of the body.
        public var cutAfter: Int?
        /// Send the body a byte at a time, so far apart.
        public var drip: Duration?

        /// A response.
        public init(
            _ body: String, status: Int = 200, type: String? = "application/json", headers: [(String, String)] = []
        ) {
            self.init(Array(body.utf8), status: status, type: type, headers: headers)
        }

        /// A response of bytes.
        public init(
            _ body: [UInt8], status: Int = 200, type: String? = "application/json", headers: [(String, String)] = []
        ) {
            self.status = status
            self.body = body
            self.headers = (type.map { [("content-type", $0)] } ?? []) + headers
        }
    }

    /// What answers.
    public typealias Handler = @Sendable (Request) async -> Response

    private let log = Mutex<[Request]>([])
    private let handler: Handler
    private let channel: Mutex<(any Channel)?> = Mutex(nil)

    private let tunnelLog = Mutex<[String]>([])
    private let terminator: TLSTerminator?

    /// Where it listens: `http://127.0.0.1:PORT`.
    public var url: String { "\(terminator == nil ? "http" : "https")://127.0.0.1:\(port)" }
    /// The port.
    public var port: Int { terminator?.port ?? channel.withLock { $0?.localAddress?.port ?? 0 } }
    /// What it was asked to lead a tunnel to, as a proxy: `127.0.0.1:PORT`.
    public var tunnels: [String] { tunnelLog.withLock { $0 } }
    /// What was asked so far, in the order of arrival.
    public var requests: [Request] { log.withLock { $0 } }

    private init(_ handler: @escaping Handler, terminator: TLSTerminator?) {
        self.handler = handler
        self.terminator = terminator
    }

    /// Runs `body` beside a server.
    ///
    /// - Parameters:
    ///   - identity: certificate and key (PEM) of a server that speaks TLS, and HTTP/2 with who wants to.
    ///   - clientAuthority: the certificate (PEM) of who must have signed a client's.
    ///   - socket: the path of the Unix socket at which it listens in place of a port.
    public static func with<Value>(
        identity: (certificate: String, key: String)? = nil, clientAuthority: String? = nil, socket: String? = nil,
        _ handler: @escaping Handler, _ body: (HTTPServer) async throws -> Value
    ) async throws -> Value {
        let terminator = try identity.map {
            try TLSTerminator(certificate: $0.certificate, key: $0.key, clientAuthority: clientAuthority)
        }
        let server = HTTPServer(handler, terminator: terminator)
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: socket == nil ? 1 : 0)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Tunnel(server))
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withPipeliningAssistance: false, withErrorHandling: false)
                    try channel.pipeline.syncOperations.addHandler(Connection(server))
                }
            }
        let channel =
            if let socket {
                try await bootstrap.bind(unixDomainSocketPath: socket).get()
            } else {
                try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            }
        server.channel.withLock { $0 = channel }
        do {
            try await terminator?.start(inFrontOf: channel.localAddress?.port ?? 0)
            let value = try await body(server)
            terminator?.stop()
            try await channel.close()
            return value
        } catch {
            terminator?.stop()
            // A test's own failure is the one to see.
            try? await channel.close()
            throw error
        }
    }

    /// Ends what speaks TLS in front of the server without a word to those who are connected.
    public func killTerminator() {
        terminator?.stop()
    }

    fileprivate func note(tunnel: String) {
        tunnelLog.withLock { $0.append(tunnel) }
    }

    fileprivate func answer(_ request: Request) async -> Response {
        log.withLock { $0.append(request) }
        return await handler(request)
    }
}

/// Lets a client take the server for its proxy. A tunnel (RFC 9110, section 9.3.6) to this machine is led there; what comes
/// through any other is answered here, whatever host it is meant for.
private final class Tunnel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let verb = Array("CONNECT ".utf8)
    private static let end = Array("\r\n\r\n".utf8)
    private static let answer = "HTTP/1.1 200 OK\r\n\r\n"
    private let server: HTTPServer
    private var received = ByteBuffer()
    private var isConnecting = false

    init(_ server: HTTPServer) {
        self.server = server
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        guard !isConnecting else { return }
        guard Tunnel.verb.starts(with: received.readableBytesView.prefix(Tunnel.verb.count)) else {
            return pass(context)
        }
        guard received.readableBytesView.suffix(Tunnel.end.count).elementsEqual(Tunnel.end) else { return }
        let target = String(buffer: received).split(separator: " ").dropFirst().first.map(String.init) ?? ""
        received.clear()
        server.note(tunnel: target)
        if target.hasPrefix("127.0.0.1:"), let port = Int(target.dropFirst("127.0.0.1:".count)) {
            return lead(context, to: port)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: Tunnel.answer)), promise: nil)
        pass(context)
    }

    private func lead(_ context: ChannelHandlerContext, to port: Int) {
        isConnecting = true
        let pipes = NIOLoopBound((near: Pipe(), far: Pipe()), eventLoop: context.eventLoop)
        pipes.value.near.other = pipes.value.far
        pipes.value.far.other = pipes.value.near
        let own = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        // The same loop, so that the two can hand each other what comes.
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { far in
                far.eventLoop.makeCompletedFuture { try far.pipeline.syncOperations.addHandler(pipes.value.far) }
            }
            .connect(host: "127.0.0.1", port: port)
            .whenComplete { result in
                let (tunnel, context) = own.value
                guard case .success = result else { return context.close(promise: nil) }
                // First in the channel: nothing of the tunnel is read or written as HTTP.
                try? context.pipeline.syncOperations.addHandler(pipes.value.near, position: .first)
                context.writeAndFlush(
                    tunnel.wrapOutboundOut(ByteBuffer(string: Tunnel.answer)), promise: nil)
            }
    }

    private func pass(_ context: ChannelHandlerContext) {
        if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

/// Hands what comes in to the end of another channel, and closes that with its own. Both channels are of one event loop.
private final class Pipe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var other: Pipe?
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        other = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // From this handler on: the other ones of the channel speak HTTP.
        other?.context?.writeAndFlush(wrapOutboundOut(unwrapInboundIn(data)), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        other?.context?.close(promise: nil)
        context.fireChannelInactive()
    }
}

/// One connection: gathers a request, has it answered, sends the answer.
private final class Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: HTTPServer
    private var head: HTTPRequestHead?
    private var arrival = ContinuousClock.now
    private var body = ""

    init(_ server: HTTPServer) {
        self.server = server
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            arrival = .now
            body = ""
        case .body(let chunk): body += String(buffer: chunk)
        case .end:
            guard let head else { return }
            let request = HTTPServer.Request(
                method: head.method.rawValue, target: Connection.target(head.uri),
                headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first },
                body: body, arrival: arrival)
            let channel = context.channel
            let server = server
            // Unstructured: a channel's handler has no task to be a child of. It ends with the answer.
            Task {
                let response = await server.answer(request)
                try? await Connection.send(response, on: channel)
            }
        }
    }

    /// Path and query, where a client that takes the server for its proxy names the whole address.
    private static func target(_ address: String) -> String {
        guard let scheme = address.range(of: "://") else { return address }
        let rest = address[scheme.upperBound...]
        return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
    }

    private static func send(_ response: HTTPServer.Response, on channel: any Channel) async throws {
        if response.delay > .zero { try await Task.sleep(for: response.delay) }
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: response.status))
        for (name, value) in response.headers { head.headers.add(name: name, value: value) }
        if response.status != 204, !head.headers.contains(name: "transfer-encoding") {
            head.headers.add(name: "content-length", value: String(response.body.count))
        }
        try await channel.writeAndFlush(HTTPServerResponsePart.head(head))
        if let drip = response.drip {
            for byte in response.body {
                try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: [byte]))))
                try await Task.sleep(for: drip)
            }
        } else {
            let sent = response.cutAfter.map { Array(response.body.prefix($0)) } ?? response.body
            try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: sent))))
        }
        if response.cutAfter != nil { return try await channel.close() }
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil))
    }
}
