import NIOCore
import NIOPosix
import Synchronization

/// Stands between a client and a PostgreSQL server and breaks what a network, a middlebox or a machine can break.
///
/// It listens on the loopback interface; the server may listen there too, or on a Unix socket. Nothing is encrypted.
public final class FaultProxy: Sendable {
    /// Where the server listens.
    public enum Server: Sendable {
        /// The path of its socket's file.
        case unix(String)
        /// Host and port.
        case tcp(String, Int)
    }

    /// What happens to a `COMMIT`.
    public enum CommitFault: Sendable, CaseIterable {
        /// It arrives, and so does its answer.
        case none
        /// It arrives, and its answer is lost: both sides are cut once the server has answered.
        case loseAnswer
        /// It arrives, and the client is cut at once, so that it may be back before the server has committed.
        case loseClient
        /// It never arrives: both sides are cut.
        case loseCommit
        /// It never arrives, and nobody is told: from here on the connection swallows all.
        case swallow
    }

    private struct State {
        var channel: (any Channel)?
        var links: [ObjectIdentifier: Link] = [:]
        var delay: Duration = .zero
        var isSwallowing = false
        var isRefusing = false
        var commits = 0
        var faults = 0
        var bytes = 0
        var onCommit: @Sendable (Int) -> CommitFault = { _ in .none }
    }

    private let server: Server
    private let state = Mutex(State())

    private init(_ server: Server) {
        self.server = server
    }

    /// Runs `body` beside a proxy to `server`.
    public static func with<Value>(
        to server: Server, _ body: (FaultProxy) async throws -> Value
    ) async throws -> Value {
        let proxy = try await start(to: server)
        do {
            let value = try await body(proxy)
            await proxy.stop()
            return value
        } catch {
            await proxy.stop()
            throw error
        }
    }

    /// Starts a proxy to `server`; ``stop()`` ends it.
    public static func start(to server: Server) async throws -> FaultProxy {
        let proxy = FaultProxy(server)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ClientSide(Link(proxy, client: channel)))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        proxy.state.withLock { $0.channel = channel }
        return proxy
    }

    /// Closes the proxy and all connections through it.
    public func stop() async {
        let channel = state.withLock { $0.channel }
        try? await channel?.close()
        cutAll()
    }

    /// The port on 127.0.0.1.
    public var port: Int { state.withLock { $0.channel?.localAddress?.port ?? 0 } }

    /// A libpq connection string that leads through the proxy.
    public func connectionString(user: String, database: String) -> String {
        "host=127.0.0.1 port=\(port) user=\(user) dbname=\(database) sslmode=disable gssencmode=disable"
    }

    // MARK: Faults

    /// How many COMMITs clients have sent.
    public var commits: Int { state.withLock { $0.commits } }
    /// How many of them met a fault.
    public var commitFaults: Int { state.withLock { $0.faults } }

    /// How many bytes have passed, in both directions.
    public var byteCount: Int { state.withLock { $0.bytes } }

    /// Decides what happens to each COMMIT; it is told its number, from 1.
    public func onCommit(_ decide: @escaping @Sendable (Int) -> CommitFault) {
        state.withLock { $0.onCommit = decide }
    }

    /// How long everything is on its way, in each direction.
    public var delay: Duration {
        get { state.withLock { $0.delay } }
        set { state.withLock { $0.delay = newValue } }
    }

    /// Whether new connections are closed at once.
    public var isRefusing: Bool {
        get { state.withLock { $0.isRefusing } }
        set { state.withLock { $0.isRefusing = newValue } }
    }

    /// Whether everything disappears, new connections' bytes too, and nobody is told. A connection that has lost bytes
    /// stays so until it is cut.
    public var isSwallowing: Bool {
        get { state.withLock { $0.isSwallowing } }
        set { state.withLock { $0.isSwallowing = newValue } }
    }

    /// Cuts all connections, on both sides.
    public func cutAll() {
        for link in state.withLock({ Array($0.links.values) }) { link.cut() }
    }

    /// Cuts those connections through which nothing comes any more since something was swallowed.
    public func cutSwallowed() {
        for link in state.withLock({ Array($0.links.values) }) { link.cutIfSwallowing() }
    }

    // MARK: For the connections

    fileprivate func decideCommit() -> CommitFault {
        let (number, decide) = state.withLock { state in
            state.commits += 1
            return (state.commits, state.onCommit)
        }
        let fault = decide(number)
        if fault != .none { state.withLock { $0.faults += 1 } }
        return fault
    }

    fileprivate func count(_ bytes: ByteBuffer) { state.withLock { $0.bytes += bytes.readableBytes } }

    fileprivate func add(_ link: Link) { state.withLock { $0.links[ObjectIdentifier(link)] = link } }
    fileprivate func remove(_ link: Link) {
        state.withLock { _ = $0.links.removeValue(forKey: ObjectIdentifier(link)) }
    }

    fileprivate func connect(on loop: any EventLoop, _ link: Link) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(ServerSide(link))
            }
        }
        switch server {
        case .unix(let path): return bootstrap.connect(unixDomainSocketPath: path)
        case .tcp(let host, let port): return bootstrap.connect(host: host, port: port)
        }
    }
}

/// One connection through the proxy.
///
/// `@unchecked Sendable`: everything but `cut` runs on the client channel's event loop, which is the server channel's too.
private final class Link: @unchecked Sendable {
    private let proxy: FaultProxy
    private let client: any Channel
    private var server: (any Channel)?
    private var messages = FrontendMessages()
    private var waiting: [FrontendMessages.Chunk] = []
    private var isSwallowing = false
    private var losesAnswer = false
    private var isCut = false
    /// When the last chunk of each direction is delivered: a delay that shrinks must not reorder them.
    private var due = (toServer: NIODeadline.now(), toClient: NIODeadline.now())

    init(_ proxy: FaultProxy, client: any Channel) {
        self.proxy = proxy
        self.client = client
    }

    private var loop: any EventLoop { client.eventLoop }

    func open() {
        proxy.add(self)
        if proxy.isRefusing { return close() }
        if proxy.isSwallowing {
            isSwallowing = true
            return
        }
        proxy.connect(on: loop, self).whenComplete { result in
            self.loop.execute {
                guard case .success(let channel) = result else { return self.close() }
                guard !self.isCut else { return channel.close(promise: nil) }
                self.server = channel
                let waiting = self.waiting
                self.waiting = []
                waiting.forEach(self.forward)
            }
        }
    }

    func fromClient(_ bytes: ByteBuffer) {
        if proxy.isSwallowing { isSwallowing = true }
        guard !isSwallowing else { return }
        for chunk in messages.take(bytes) {
            if server == nil { waiting.append(chunk) } else { forward(chunk) }
        }
    }

    private func forward(_ chunk: FrontendMessages.Chunk) {
        guard !isSwallowing, !isCut else { return }
        switch chunk.isCommit ? proxy.decideCommit() : .none {
        case .none: break
        case .loseAnswer: losesAnswer = true
        case .loseClient:
            losesAnswer = true
            client.close(promise: nil)
        case .loseCommit: return close()
        case .swallow:
            isSwallowing = true
            return
        }
        guard let server else { return }
        due.toServer = max(due.toServer, .now() + TimeAmount(proxy.delay))
        deliver(chunk.bytes, to: server, at: due.toServer)
    }

    func fromServer(_ bytes: ByteBuffer) {
        if proxy.isSwallowing { isSwallowing = true }
        guard !isSwallowing else { return }
        // Nothing comes between a COMMIT and its answer.
        guard !losesAnswer else { return close() }
        due.toClient = max(due.toClient, .now() + TimeAmount(proxy.delay))
        deliver(bytes, to: client, at: due.toClient)
    }

    private func deliver(_ bytes: ByteBuffer, to channel: any Channel, at time: NIODeadline) {
        proxy.count(bytes)
        if time <= .now() {
            channel.writeAndFlush(bytes, promise: nil)
        } else {
            loop.scheduleTask(deadline: time) { channel.writeAndFlush(bytes, promise: nil) }
        }
    }

    func clientIsGone() {
        // Behind a middlebox that swallows all the server does not hear of it; and a lost answer is waited for.
        if !isSwallowing, !losesAnswer { close() }
    }

    func serverIsGone() {
        if !isSwallowing { close() }
    }

    func cut() {
        loop.execute { self.close() }
    }

    func cutIfSwallowing() {
        loop.execute { if self.isSwallowing { self.close() } }
    }

    private func close() {
        guard !isCut else { return }
        isCut = true
        client.close(promise: nil)
        server?.close(promise: nil)
        proxy.remove(self)
    }
}

private final class ClientSide: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: Link

    init(_ link: Link) { self.link = link }

    func channelActive(context: ChannelHandlerContext) { link.open() }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { link.fromClient(unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { link.clientIsGone() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

private final class ServerSide: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: Link

    init(_ link: Link) { self.link = link }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { link.fromServer(unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { link.serverIsGone() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
