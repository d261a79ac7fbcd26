import Lacuna
import Synchronization
import TestSupport
import Testing

@testable import LacunaSources

@Suite("A rate limit", .serialized)
struct RateLimiterTests {
    @Test("is never exceeded in any sliding second, as the server sees it, and is used to 97 %")
    func sliding() async throws {
        try await HTTPServer.with { _ in
            .init("[{\"n\":1}]")
        } _: { server in
            var fixture = try HTTPFixture(server)
            fixture.settings.limits.rates = [RateLimit(requests: 20, period: .seconds(1))]
            let source = fixture
            // Two streams of one source: they share its limit.
            let count = 120
            let next = Counter()
            let lag = LagMeter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { while next.next() < count { _ = try await source.fetch() } }
                }
                try await group.waitForAll()
            }
            // On a machine that is busy with other tests the server's own clock is read late.
            let late = lag.stop()
            let arrivals = server.requests.map(\.arrival).sorted()
            #expect(arrivals.count == count)
            for index in 20..<count {
                let spacing = arrivals[index] - arrivals[index - 20]
                #expect(spacing >= .seconds(1) - late, "request \(index) came \(spacing) after the twentieth before it")
            }
            // 120 requests are six allowances: the last of them starts after five periods.
            let took = arrivals[count - 20] - arrivals[0]
            // There, each of the hundred starts may have been late.
            #expect(took <= .seconds(5) / 0.97 + late * 100, "the first 101 requests took \(took)")
        }
    }

    @Test(
        "costs at most 3 % of the allowance, however long answers take",
        arguments: [1, 20, 100], [Duration.zero, .milliseconds(1), .milliseconds(20), .milliseconds(400)])
    func allowance(requests: Int, latency: Duration) {
        var chains = RateLimiter.Chains(RateLimit(requests: requests, period: .seconds(1)))
        let first = ContinuousClock.now
        var now = first
        let periods = 50
        for number in 0..<requests * periods + 1 {
            now = max(now, chains.earliest ?? now)
            chains.start(now)
            chains.answer(RateLimiter.Permit(number: number, place: 1, isCold: false), now + latency)
        }
        #expect(now - first >= .seconds(periods))
        #expect(now - first <= .seconds(periods) / 0.97)
    }

    @Test("holds several limits at once, in order of arrival")
    func several() async throws {
        var limits = HTTPLimits()
        limits.rates = [
            RateLimit(requests: 5, period: .milliseconds(100)), RateLimit(requests: 12, period: .milliseconds(500)),
        ]
        let limiter = RateLimiter(limits)
        let starts = Recorder<[ContinuousClock.Instant]>([])
        let lag = LagMeter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<30 {
                group.addTask { try await limiter.withPermit { _ in starts.value.withLock { $0.append(.now) } } }
            }
            try await group.waitForAll()
        }
        // A start that is noted late lies nearer to the next one.
        let late = lag.stop()
        let found = starts.value.withLock { $0 }
        for index in 5..<30 { #expect(found[index] - found[index - 5] >= .milliseconds(99) - late) }
        for index in 12..<30 { #expect(found[index] - found[index - 12] >= .milliseconds(499) - late) }
    }

    @Test("caps what is in flight, and lets in whoever waits longest")
    func concurrency() async throws {
        var limits = HTTPLimits()
        limits.concurrency = 2
        let limiter = RateLimiter(limits)
        let state = Recorder((now: 0, most: 0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await limiter.withPermit { _ in
                        state.value.withLock {
                            $0.now += 1
                            $0.most = max($0.most, $0.now)
                        }
                        try await Task.sleep(for: .milliseconds(5))
                        state.value.withLock { $0.now -= 1 }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(state.value.withLock { $0.most } == 2)
    }

    @Test("lets waiting tasks go when they are cancelled, and the others in")
    func cancellation() async throws {
        let gate = FairGate(permits: 1)
        let waiting = Task { try await gate.withPermit {} }
        try await gate.withPermit {
            let cancelled = Task { try await gate.withPermit {} }
            try await Task.sleep(for: .milliseconds(20))
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
        }
        try await waiting.value
        try await gate.withPermit {}
    }

    @Test("defers where a daily quota is used up, and says until when")
    func quota() async throws {
        var limits = HTTPLimits()
        limits.rates = [RateLimit(requests: 2, period: .seconds(86_400))]
        let limiter = RateLimiter(limits)
        for _ in 0..<2 { try await limiter.withPermit { _ in } }
        let error = await #expect(throws: SourceError.self) { try await limiter.withPermit { _ in } }
        #expect(error?.kind == .deferred)
        let message = error?.message ?? ""
        #expect(message.contains("2 requests per 1d is used up; it goes on at 20"), "\(message)")
    }

    @Test("starts requests apart where it is to stagger them, but only until all are under way")
    func stagger() async throws {
        var limits = HTTPLimits()
        limits.stagger = .milliseconds(50)
        let limiter = RateLimiter(limits)
        let starts = Recorder<[ContinuousClock.Instant]>([])
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    for _ in 0..<2 {
                        try await limiter.withPermit { _ in
                            starts.value.withLock { $0.append(.now) }
                            try await Task.sleep(for: .milliseconds(200))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let found = starts.value.withLock { $0 }
        #expect(found[1] - start >= .milliseconds(50))
        #expect(found[2] - start >= .milliseconds(100))
    }

    @Test("sends one request after the other while no second may be in flight, and makes none of them wait for more")
    func staggeredButQuick() async throws {
        var limits = HTTPLimits()
        limits.stagger = LongestWait.duration
        let limiter = RateLimiter(limits)
        let state = Recorder((inFlight: 0, most: 0))
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    for _ in 0..<5 {
                        try await limiter.withPermit { _ in
                            state.value.withLock {
                                $0.inFlight += 1
                                $0.most = max($0.most, $0.inFlight)
                            }
                            try await Task.sleep(for: .milliseconds(2))
                            state.value.withLock { $0.inFlight -= 1 }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(ContinuousClock.now - start < limits.stagger)
        #expect(state.value.withLock { $0.most } == 1)
    }

    @Test("tells the least time that requests take")
    func time() {
        var limits = HTTPLimits()
        #expect(limits.time(forRequests: 100) == .zero)
        limits.rates = [RateLimit(requests: 2, period: .seconds(1)), RateLimit(requests: 100, period: .seconds(60))]
        #expect(limits.time(forRequests: 0) == .zero)
        #expect(limits.time(forRequests: 130) == .seconds(64))
    }
}

/// Measures how late this process gets to do what it wanted to do.
private final class LagMeter: Sendable {
    private let worst = Recorder(Duration.zero)
    private let task: Task<Void, any Error>

    init() {
        let worst = worst
        task = Task {
            while true {
                let started = ContinuousClock.now
                try await Task.sleep(for: .milliseconds(2))
                let late = ContinuousClock.now - started - .milliseconds(2)
                worst.value.withLock { $0 = max($0, late) }
            }
        }
    }

    /// The most it was late; nothing where that is what an idle machine does.
    func stop() -> Duration {
        task.cancel()
        let late = worst.value.withLock { $0 }
        return late < .milliseconds(5) ? .zero : late
    }
}

/// A value that tasks share.
private final class Recorder<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }
}
