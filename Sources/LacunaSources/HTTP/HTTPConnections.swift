import LacunaRecords
import Synchronization

/// What the streams of a program share of their HTTP sources: the limits and the credentials of a source, and connections.
///
/// A stream whose settings for one of these differ from its source's has its own.
public final class HTTPConnections: Sendable {
    private struct LimitKey: Hashable {
        let source: String
        let limits: HTTPLimits
    }

    private struct LoginKey: Hashable {
        let authentication: HTTPAuthentication
        let transport: HTTPTransport.Configuration
    }

    private struct State {
        var limiters: [LimitKey: RateLimiter] = [:]
        var transports: [HTTPTransport.Configuration: HTTPTransport] = [:]
        var authenticators: [LoginKey: Authenticator] = [:]
    }

    private let state = Mutex(State())
    private let book: (any TurnBook)?

    /// Nothing is opened before the first request. Shared limits hold within this program only.
    public init() { book = nil }

    /// Nothing is opened before the first request.
    ///
    /// - Parameter book: where turns of shared limits are kept.
    package init(book: any TurnBook) { self.book = book }

    func limiter(of source: String, _ settings: HTTPSettings) -> RateLimiter {
        let key = LimitKey(source: source, limits: settings.limits)
        return state.withLock { state in
            if let limiter = state.limiters[key] { return limiter }
            let limiter = RateLimiter(settings.limits, source: source, book: book)
            state.limiters[key] = limiter
            return limiter
        }
    }

    func transport(_ settings: HTTPSettings) -> HTTPTransport {
        let key = HTTPTransport.Configuration(settings)
        return state.withLock { state in
            if let transport = state.transports[key] { return transport }
            let transport = HTTPTransport(key)
            state.transports[key] = transport
            return transport
        }
    }

    func authenticator(_ settings: HTTPSettings) -> Authenticator {
        let transport = transport(settings)
        let key = LoginKey(
            authentication: settings.authentication, transport: HTTPTransport.Configuration(settings))
        return state.withLock { state in
            if let authenticator = state.authenticators[key] { return authenticator }
            let authenticator = Authenticator(settings.authentication, transport: transport)
            state.authenticators[key] = authenticator
            return authenticator
        }
    }
}
