import LacunaModel
import LacunaRecords
import Synchronization

/// Keeps the requests of a source inside its limits, whichever worker sends them.
///
/// A limit of R requests per period P is R chains: request n follows request n − R by at least P. A period that is shorter
/// than P then holds at most one request of each chain, so that no sliding period ever holds more than R, in whatever order
/// the requests arrive. One request at a time waits for its turn and is stamped when it really starts.
///
/// What counts is when a request reaches the server, which is known only to lie between its start and the beginning of its
/// answer. So the stamp is the beginning of the answer, but at most a small part of the period after the start: a source
/// that answers slowly is still asked as often as it allows. A request that had to open its connection may have been on its
/// way for much longer; its stamp is the beginning of the answer, however late.
final class RateLimiter: Sendable {
    /// The starts of a limit's requests. Pure: it reads no clock.
    struct Chains {
        let limit: RateLimit
        let spacing: Duration
        let slack: Duration
        var stamps: [ContinuousClock.Instant] = []
        var count = 0

        init(_ limit: RateLimit) {
            self.limit = limit
            spacing = limit.spacing
            slack = limit.slack
        }

        /// A limit that holds from a request on.
        ///
        /// - Parameter number: how many came before it.
        init(_ limit: RateLimit, after number: Int, at instant: ContinuousClock.Instant) {
            self.init(limit)
            count = number
            stamps = Array(repeating: instant - spacing, count: limit.requests)
        }

        /// When the next request may start; nil: at once.
        var earliest: ContinuousClock.Instant? {
            stamps.count < limit.requests ? nil : stamps[count % limit.requests] + spacing
        }

        mutating func start(_ instant: ContinuousClock.Instant) {
            if stamps.count < limit.requests {
                stamps.append(instant + slack)
            } else {
                stamps[count % limit.requests] = instant + slack
            }
            count += 1
        }

        mutating func answer(_ permit: Permit, _ instant: ContinuousClock.Instant) {
            guard count - permit.number <= limit.requests else { return }
            stamps[permit.number % limit.requests] =
                permit.isCold ? instant : min(instant, stamps[permit.number % limit.requests])
        }
    }

    fileprivate struct State {
        var chains: [Chains]
        /// The limits that are shared with other processes.
        var hands: [TurnsInHand]
        var started = 0
        var inFlight = 0
        /// The most in flight for which connections stood.
        var warm = 0
        var firstStart: ContinuousClock.Instant?
        var pausedUntil: ContinuousClock.Instant?
        /// What the source's refusals show of its own limit, and the starts by it.
        var learned = LearnedRate()
        var learnedChains: Chains?
    }

    private enum Turn {
        case now(Permit)
        case sleep(until: ContinuousClock.Instant)
        case exhausted(RateLimit, wait: Duration)
        /// Another turn of a shared limit is needed first.
        case ask(Int)
    }

    /// A request that may be sent.
    struct Permit: Sendable {
        let number: Int
        let place: Int
        let isCold: Bool
    }

    private let limits: HTTPLimits
    private let state: Mutex<State>
    private let turnstile = FairGate(permits: 1)
    private let room: FairGate?
    private let book: (any TurnBook)?

    /// A limiter.
    ///
    /// - Parameters:
    ///   - source: the name of the source: processes share the limits of one name.
    ///   - book: where turns of shared limits are kept; nil: nobody shares them.
    init(_ limits: HTTPLimits, source: String = "", book: (any TurnBook)? = nil) {
        self.limits = limits
        self.book = book
        let shared = book == nil ? [] : limits.rates.filter(\.isShared)
        state = Mutex(
            State(
                chains: limits.rates.filter { !shared.contains($0) }.map(Chains.init),
                hands: shared.map { TurnsInHand($0, source: source) }))
        room = limits.concurrency.map { FairGate(permits: $0) }
    }

    /// Runs `body`, which sends one request, when its turn has come.
    ///
    /// - Parameter body: calls ``answered(_:)`` with its permit as soon as the answer begins.
    /// - Throws: ``SourceError`` of the kind deferred if a quota is used up; what `body` throws; `CancellationError`.
    func withPermit<Value>(_ body: (Permit) async throws -> Value) async throws -> Value {
        guard let room else { return try await admitted(body) }
        return try await room.withPermit { try await admitted(body) }
    }

    /// Notes that a request has reached the server.
    func answered(_ permit: Permit) {
        state.withLock { state in
            state.warm = max(state.warm, permit.place)
            for index in state.chains.indices { state.chains[index].answer(permit, .now) }
            for index in state.hands.indices { state.hands[index].answer(permit.number, at: .now) }
            state.learnedChains?.answer(permit, .now)
        }
    }

    /// Notes that a request was answered with what it asked for.
    func succeeded() {
        state.withLock { state in
            if state.learned.answered(at: .now) { state.followLearned() }
        }
    }

    /// Slows down because the source refused a request that came too fast.
    ///
    /// - Parameter wait: how long it asked to be left alone; nil: it did not say.
    func refused(wait: Duration?) {
        state.withLock { state in
            let now = ContinuousClock.now
            let isWaiting = state.pausedUntil.map { $0 > now } ?? false
            if state.learned.refused(at: now, isWaiting: isWaiting) { state.followLearned() }
            state.pausedUntil = max(state.pausedUntil ?? now, now + (wait ?? LearnedRate.period))
        }
    }

    /// Starts no request for a while, because the source asked for that.
    func pause(for duration: Duration) {
        state.withLock { $0.pausedUntil = max($0.pausedUntil ?? .now, .now + duration) }
    }

    private func admitted<Value>(_ body: (Permit) async throws -> Value) async throws -> Value {
        let permit = try await turnstile.withPermit {
            while true {
                switch state.withLock({ turn(&$0) }) {
                case .now(let permit): return permit
                case .sleep(let instant): try await Task.sleep(until: instant, tolerance: .zero, clock: .continuous)
                case .exhausted(let limit, let wait): throw RateLimiter.exhausted(limit, wait: wait)
                case .ask(let index): try await takeTurns(index)
                }
            }
        }
        defer { state.withLock { $0.inFlight -= 1 } }
        return try await body(permit)
    }

    /// Asks the book for turns of a shared limit, and waits for a moment if there are none.
    private func takeTurns(_ index: Int) async throws {
        guard let book else { return }
        let sent = ContinuousClock.now
        let wish = state.withLock { $0.hands[index].wish(at: sent) }
        let taken = try await book.exchange(wish)
        let hand = state.withLock { state in
            state.hands[index].take(taken, sent: sent, received: .now)
            return state.hands[index]
        }
        guard taken.turns.isEmpty else { return }
        if let next = taken.next, hand.isExhausted(next: next) {
            throw RateLimiter.exhausted(hand.limit, wait: next)
        }
        try await Task.sleep(for: hand.pause(next: taken.next))
    }

    private func turn(_ state: inout State) -> Turn {
        let now = ContinuousClock.now
        var earliest = max(state.pausedUntil ?? now, now)
        var wanting: Int?
        for index in state.hands.indices {
            switch state.hands[index].next(at: now) {
            case .now: break
            case .at(let instant): earliest = max(earliest, instant)
            case .ask: wanting = index
            }
        }
        if let next = state.learnedChains?.earliest { earliest = max(earliest, next) }
        for chains in state.chains {
            guard let next = chains.earliest, next > now else { continue }
            if chains.limit.onExhausted == .defer { return .exhausted(chains.limit, wait: next - now) }
            earliest = max(earliest, next)
        }
        if limits.stagger > .zero, let first = state.firstStart {
            // One more may be in flight after each `stagger`. Who waits for that also takes the place of one that is done,
            // and so looks again soon.
            let places = 1 + Int((now - first) / limits.stagger)
            if state.inFlight >= places {
                earliest = max(earliest, min(first + limits.stagger * places, now + .milliseconds(5)))
            }
        }
        if earliest > now { return .sleep(until: earliest) }
        if let wanting { return .ask(wanting) }
        let number = state.started
        state.started += 1
        state.inFlight += 1
        state.firstStart = state.firstStart ?? now
        for index in state.chains.indices { state.chains[index].start(now) }
        state.learnedChains?.start(now)
        let permit = Permit(number: number, place: state.inFlight, isCold: state.inFlight > state.warm)
        for index in state.hands.indices { state.hands[index].start(number, isCold: permit.isCold, at: now) }
        return .now(permit)
    }

    private static func exhausted(_ limit: RateLimit, wait: Duration) -> SourceError {
        SourceError(
            .deferred,
            "the quota of \(limit.requests) requests per \(Wait.text(limit.period)) is used up; it goes on at "
                + "\(Wait.instant(after: wait)), in \(Wait.text(wait))",
            retryAfter: wait)
    }
}

extension RateLimiter.State {
    /// Makes requests keep to the limit that was learned.
    fileprivate mutating func followLearned() {
        guard let limit = learned.limit else { return }
        learnedChains = RateLimiter.Chains(
            RateLimit(requests: limit, period: LearnedRate.period, onExhausted: .wait), after: started, at: .now)
    }
}
