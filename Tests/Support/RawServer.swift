import NIOCore
import NIOPosix
import Synchronization

/// A server that sends the same bytes for whatever comes in, HTTP or not.
public final class RawServer: Sendable {
    private let answers: [String]
    private let closes: Bool
    private let count = Mutex(0)
    private let boundPort = Mutex(0)

    /// Where it listens.
    public var url: String { "http://127.0.0.1:\(boundPort.withLock { $0 })" }
    /// How many requests came in.
    public var requestCount: Int { count.withLock { $0 } }

    private init(_ answers: [String], closes: Bool) {
        self.answers = answers
        self.closes = closes
    }

    /// Runs `body` beside a server.
    ///
    /// - Parameters:
    ///   - answers: what each request of a connection is answered; the connection is closed at the one behind the last.
    ///   - closes: whether it is closed behind each answer.
    public static func with<Value>(
        _ answers: [String], closes: Bool = false, _ body: (RawServer) async throws -> Value
    ) async throws -> Value {
        let server = RawServer(answers, closes: closes)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.boundPort.withLock { $0 = channel.localAddress?.port ?? 0 }
        do {
            let value = try await body(server)
            try await channel.close()
            return value
        } catch {
            // A test's own failure is the one to see.
            try? await channel.close()
            throw error
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let server: RawServer
        private var answered = 0

        init(_ server: RawServer) {
            self.server = server
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            // The requests of these tests fit into a packet.
            server.count.withLock { $0 += 1 }
            guard answered < server.answers.count else { return context.close(promise: nil) }
            let sent = context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: server.answers[answered])))
            answered += 1
            guard server.closes else { return }
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            sent.whenComplete { _ in bound.value.close(promise: nil) }
        }
    }
}
