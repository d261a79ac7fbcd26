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

    @Test("of 20 a second holds for three processes together, although they are killed, and is used to 97 %")
    func shared() async throws {
        var counts: [Count] = []
        for _ in 0..<3 where counts.allSatisfy({ $0.use < 0.97 }) {
            let watch = LatenessWatch()
            let arrivals = try await arrivals(processes: 3, killingAfter: Self.sharedRequests / 3)
            let count = Count(arrivals, limit: Self.limit, lateness: watch.end())
            print(
                "shared rate limit: \(arrivals.count) requests, at most \(count.most) in a second, \(count.use * 100) % of the "
                    + "allowance used, the machine late by up to \(count.lateness)")
            counts.append(count)
        }
        #expect(counts.allSatisfy { $0.most <= Self.limit }, "\(counts)")
        #expect(counts.contains { $0.use >= 0.97 || $0.lateness > .milliseconds(5) }, "\(counts)")
    }

    /// How many requests the processes that share a limit send: what `LACUNA_SHARED_REQUESTS` says, or a few.
    private static let sharedRequests =
        ProcessInfo.processInfo.environment["LACUNA_SHARED_REQUESTS"].flatMap(Int.init) ?? 400

    /// When the requests of a fill came in.
    private func arrivals() async throws -> [ContinuousClock.Instant] {
        try await withServer(requests: Self.requests) { server, config in
            try await Installation.with(Self.schema, config: config) { installation in
                let run = try await installation.lacuna("reconcile")
                #expect(run.status == 0, "\(run.output)\(run.errors)")
                #expect(try await installation.database.number(Self.right) == Self.requests * 10)
                let arrivals = server.requests.map(\.arrival).sorted()
                #expect(arrivals.count == Self.requests)
                return arrivals
            }
        }
    }

    /// When the requests of processes came in that fill one table together.
    ///
    /// - Parameter step: after how many requests one of them is killed and started anew.
    private func arrivals(processes count: Int, killingAfter step: Int) async throws -> [ContinuousClock.Instant] {
        try await withServer(requests: Self.sharedRequests, limit: ", shared: true") { server, config in
            try await Installation.with(Self.schema, config: config) { installation in
                var processes = try (0..<count).map { _ in try installation.start(["reconcile"]) }
                var kills = 0
                while server.requests.count < Self.sharedRequests, processes.contains(where: \.isRunning) {
                    if server.requests.count >= step * (kills + 1), processes[kills % count].isRunning {
                        processes[kills % count].send(signal: SIGKILL)
                        _ = try await processes[kills % count].wait()
                        processes[kills % count] = try installation.start(["reconcile"])
                        kills += 1
                    }
                    try await Task.sleep(for: .milliseconds(20))
                }
                for process in processes { _ = try await process.wait() }
                #expect(kills > 0)
                let last = try await installation.lacuna("reconcile")
                #expect(last.status == 0, "\(last.output)\(last.errors)")
                #expect(try await installation.database.number(Self.right) == Self.sharedRequests * 10)
                // A window whose process was killed was asked for twice. At the end fewer than three processes ask.
                return Array(server.requests.map(\.arrival).sorted().prefix(Self.sharedRequests - Self.limit))
            }
        }
    }

    private static let schema = "CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL)"
    private static let right = "SELECT count(*) FROM numbers WHERE v = 'v' || n"

    /// Runs `body` with a server of so many windows of ten numbers, and a config for it.
    private func withServer<Value: Sendable>(
        requests: Int, limit: String = "", _ body: @Sendable (HTTPServer, String) async throws -> Value
    ) async throws -> Value {
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
                    rate_limit: {requests: \(Self.limit), per: 1s\(limit)}
                    proxy: none
                streams:
                  numbers:
                    source: api
                    table: numbers
                    key: {column: n, type: integer}
                    expect: {from: 0, to: \(requests * 10 - 1)}
                    batch: 10
                    workers: 4
                    request: {path: /, params: {from: "{window.first}", to: "{window.last}"}}
                """
            return try await body(server, config)
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
