/// How fast a source may be asked, by all workers and streams together.
public struct HTTPLimits: Sendable, Hashable {
    /// Each of them holds in every sliding period.
    public var rates: [RateLimit] = []
    /// How many requests may be in flight at once; nil: as many as there are workers.
    public var concurrency: Int?
    /// After how long one more request may be in flight than before: one at first, two after this time, three after twice it.
    public var stagger: Duration = .zero

    /// No limits.
    public init() {}

    /// The least time that `count` requests take from the first to the start of the last.
    package func time(forRequests count: Int) -> Duration {
        rates.map { $0.period * (max(count - 1, 0) / $0.requests) }.max() ?? .zero
    }
}

/// So many requests in any period of that length.
public struct RateLimit: Sendable, Hashable {
    /// What becomes of a request when the allowance is used up.
    public enum Exhaustion: String, Sendable, Hashable, CaseIterable {
        /// It waits.
        case wait
        /// The run ends as deferred.
        case `defer`
    }

    /// The most requests that a shared limit can have.
    public static let mostSharedRequests = 100_000

    /// How many requests.
    public let requests: Int
    /// The period.
    public let period: Duration
    /// What becomes of a request when the allowance is used up.
    public let onExhausted: Exhaustion
    /// Whether it holds for all processes together that use the same database.
    public let isShared: Bool

    /// A limit.
    ///
    /// - Parameters:
    ///   - onExhausted: nil: requests wait, but for a quota by the day or longer the run is deferred.
    ///   - isShared: whether it holds for all processes together that use the same database.
    public init(requests: Int, period: Duration, onExhausted: Exhaustion? = nil, isShared: Bool = false) {
        self.isShared = isShared
        self.requests = max(requests, 1)
        self.period = period
        self.onExhausted = onExhausted ?? (period >= .seconds(86_400) ? .defer : .wait)
    }
}

extension RateLimit {
    /// How far apart the requests of one turn are. Together with ``slack`` it costs less than the 3 % of the allowance that may
    /// stay unused.
    var spacing: Duration { period + min(period / 250, .milliseconds(200)) }
    /// How long a request is taken to be on its way while nothing better is known.
    var slack: Duration { min(period / 45, .seconds(1)) }
}
