import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("A rate limit, as the server sees it")
struct RateLimitTests {
    private static let limit = 20
    private static let requests = 300

    /// What the server counted of one fill.
    private struct Count {
        /// How late the machine let anybody run: client and server may each have been kept waiting so long.
        let lateness: Duration
        /// The most requests in any sliding second, less what the machine was late on both sides.
        let most: Int
        /// The part of the allowance that was used.
        let use: Double

        init(_ arrivals: [ContinuousClock.Instant], limit: Int, lateness: Duration) {
            self.lateness = lateness
            let window = .seconds(1) - lateness * 2
            var most = 0
            var first = 0
            for (index, arrival) in arrivals.enumerated() {
                while arrival - arrivals[first] >= window { first += 1 }
                most = max(most, index - first + 1)
            }
            self.most = most
            // The last allowance begins with its first request: up to there, every second has been paid for.
            let paid = arrivals.count - limit
            use = Double(paid) / Double(limit) / ((arrivals[paid] - arrivals[0]) / .seconds(1))
        }
    }

    @Test("of 20 requests a second is never exceeded by a whole fill, and used to 97 %")
    func fill() async throws {
        var counts: [Count] = []
        // A machine that is busy with something else may keep requests from starting in time; it never lets in too many.
        for _ in 0..<3 where counts.allSatisfy({ $0.use < 0.97 }) {
            let watch = LatenessWatch()
            let arrivals = try await arrivals()
            let count = Count(arrivals, limit: Self.limit, lateness: watch.end())
            print(
                "rate limit: at most \(count.most) requests in a second, \(count.use * 100) % of the allowance used, "
                    + "the machine late by up to \(count.lateness)")
            counts.append(count)
        }
        #expect(counts.allSatisfy { $0.most <= Self.limit }, "\(counts)")
        #expect(counts.allSatisfy { $0.use <= 1 || $0.lateness > .milliseconds(5) }, "\(counts)")
        // Of a machine that wakes nobody in time it cannot be asked to start requests in time.
        #expect(counts.contains { $0.use >= 0.97 || $0.lateness > .milliseconds(5) }, "\(counts)")
    }

    /// When the requests of a fill came in.
    private func arrivals() async throws -> [ContinuousClock.Instant] {
        try await HTTPServer.with { request in
            let first = request["from"].flatMap { Int($0) } ?? 0
            let last = request["to"].flatMap { Int($0) } ?? 0
            let records = (first...last).map { #"{"n": \#($0), "v": "v\#($0)"}"# }
            return .init("[\(records.joined(separator: ","))]")
        } _: { server in
            let config = """
                sources:
                  api:
                    type: http
                    base_url: \(server.url)
                    rate_limit: {requests: \(Self.limit), per: 1s}
                    proxy: none
                streams:
                  numbers:
                    source: api
                    table: numbers
                    key: {column: n, type: integer}
                    expect: {from: 0, to: \(Self.requests * 10 - 1)}
                    batch: 10
                    workers: 4
                    request: {path: /, params: {from: "{window.first}", to: "{window.last}"}}
                """
            return try await Installation.with(
                "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL)", config: config
            ) { installation in
                let run = try await installation.lacuna("reconcile")
                #expect(run.status == 0, "\(run.output)\(run.errors)")
                #expect(
                    try await installation.database.number("SELECT count(*) FROM numbers WHERE v = 'v' || n")
                        == Self.requests * 10)
                let arrivals = server.requests.map(\.arrival).sorted()
                #expect(arrivals.count == Self.requests)
                return arrivals
            }
        }
    }
}

/// Measures how late the machine wakes a thread that wants to run every millisecond.
private final class LatenessWatch: Sendable {
    private let most = Mutex(Duration.zero)
    private let hasEnded = Mutex(false)

    init() {
        Thread.detachNewThread { [self] in
            while !hasEnded.withLock({ $0 }) {
                let wanted = ContinuousClock.now + .milliseconds(1)
                Thread.sleep(forTimeInterval: 0.001)
                let late = ContinuousClock.now - wanted
                most.withLock { $0 = max($0, late) }
            }
        }
    }

    /// Ends the watch.
    ///
    /// - Returns: the greatest lateness.
    func end() -> Duration {
        hasEnded.withLock { $0 = true }
        return most.withLock { $0 }
    }
}
