import Foundation
import Synchronization
import TestSupport
import Testing

/// What the APIs of the systems have in common: they want to know who asks, hold him to a limit of requests in any second,
/// and have a bad moment now and then.
final class APIRules: Sendable {
    private struct State {
        var arrivals: [ContinuousClock.Instant] = []
        var asked = 0
        var refused = 0
    }

    private let perSecond: Int
    private let badMoments: Bool
    private let state = Mutex(State())
    private let isAuthorised: @Sendable (HTTPServer.Request) -> Bool

    /// Rules.
    ///
    /// - Parameters:
    ///   - perSecond: one request more in any second is answered 429.
    ///   - badMoments: whether every 29th request is answered 500 and every 43rd 429, whoever asks.
    ///   - isAuthorised: whether a request says who asks; 401 otherwise.
    init(perSecond: Int, badMoments: Bool, isAuthorised: @escaping @Sendable (HTTPServer.Request) -> Bool) {
        self.perSecond = perSecond
        self.badMoments = badMoments
        self.isAuthorised = isAuthorised
    }

    /// How many requests came above the limit.
    var refusedCount: Int { state.withLock { $0.refused } }

    /// The answer to a request that the rules are against; nil where they are not.
    func refusal(of request: HTTPServer.Request) -> HTTPServer.Response? {
        let (isTooMuch, number) = state.withLock { state in
            state.arrivals.append(request.arrival)
            state.asked += 1
            let recent = state.arrivals.suffix(perSecond + 1)
            guard recent.count > perSecond, let first = recent.first, request.arrival - first < .seconds(1) else {
                return (false, state.asked)
            }
            state.refused += 1
            return (true, state.asked)
        }
        if isTooMuch || badMoments && number.isMultiple(of: 43) {
            return .init(#"{"error": "too many requests"}"#, status: 429, headers: [("retry-after", "1")])
        }
        guard isAuthorised(request) else { return .init(#"{"error": "who are you?"}"#, status: 401) }
        if badMoments, number.isMultiple(of: 29) { return .init(#"{"error": "a bad moment"}"#, status: 500) }
        return nil
    }
}

/// What every system is held to.
extension Installation {
    /// Runs the program and expects it to end with a status.
    @discardableResult
    func run(
        _ arguments: String..., status: Int32 = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> LacunaProcess.Result {
        let result = try await start(arguments).wait()
        #expect(
            result.status == status, "\(arguments): \(result.output)\(result.errors)", sourceLocation: sourceLocation)
        return result
    }

    /// Changes a file that the template wrote, where the test needs another time or another part of history than a user.
    func edit(_ file: String, _ written: String, to replacement: String) throws {
        let url = directory.url.appendingPathComponent(file)
        let text = try String(contentsOf: url, encoding: .utf8)
        try #require(text.contains(written), "\(file) of the template does not say \(written)")
        try directory.write(text.replacing(written, with: replacement), to: file)
    }

    /// Starts a run, kills it when the server was asked so many times more, and sees that it left nothing half done.
    func kill(_ arguments: String..., after count: Int, requestsTo server: HTTPServer) async throws {
        let process = try start(arguments)
        let before = server.requests.count
        while process.isRunning, server.requests.count < before + count {
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(process.isRunning, "the run was over before it could be killed")
        process.send(signal: SIGKILL)
        _ = try await process.wait()
        try await waitUntilBackendsAreGone()
        // A live ingester beside it may well be in a transaction.
        #expect(try await leftovers().filter { $0 != "transaction psql" } == [])
    }

    /// Expects every row to be the server's.
    ///
    /// - Parameters:
    ///   - query: gives a text a row.
    ///   - expected: the same of what the server has, in any order.
    func expectRows(
        _ query: String, _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let rows = try await database.column(query).sorted()
        let expected = expected.sorted()
        #expect(rows.count == expected.count, sourceLocation: sourceLocation)
        let difference = zip(rows, expected).first { $0 != $1 }
        #expect(
            difference == nil, "the first row that differs: \(String(describing: difference))",
            sourceLocation: sourceLocation)
    }

    /// Expects that nothing is missing, by the report, the status and what another run would do.
    func expectComplete(_ streams: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let report = try await run("gaps", "--report", sourceLocation: sourceLocation)
        let completeCount = report.output.split(separator: "\n").count { $0.hasPrefix("  complete: 100 %") }
        #expect(completeCount == streams.count, "\(report.output)", sourceLocation: sourceLocation)
        let gaps = try await run("gaps", "--exit-code", sourceLocation: sourceLocation)
        #expect(gaps.output == streams.map { "\($0)  no gaps\n" }.joined(), sourceLocation: sourceLocation)
        #expect(try await leftovers() == [], sourceLocation: sourceLocation)
    }
}

/// A file of `Tests/Systems/Data`.
func systemData(_ folder: String, _ name: String, _ type: String) throws -> String {
    let file = try #require(
        Bundle.module.url(forResource: name, withExtension: type, subdirectory: "Data/\(folder)"))
    return try String(contentsOf: file, encoding: .utf8)
}
