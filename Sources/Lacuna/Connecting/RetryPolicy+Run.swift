import LacunaModel
import LacunaModel
import LacunaRecords
import Postgres

extension RetryPolicy {
    /// Runs `body`, and again after a wait if it fails in a way that may pass.
    ///
    /// - Parameters:
    ///   - mayPass: whether another attempt may do better after an error.
    ///   - onRetry: told of each failure and the wait before the next attempt.
    ///   - body: takes the number of the attempt, from 1.
    /// - Throws: the last error; `CancellationError`.
    func run<Value>(
        mayPass: (any Error) -> Bool, onRetry: (any Error, Duration) -> Void = { _, _ in },
        _ body: (Int) async throws -> Value
    ) async throws -> Value {
        var attempt = 1
        while true {
            do {
                return try await body(attempt)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                guard mayPass(error), attempt < attempts else { throw error }
                try Task.checkCancellation()
                let asked = (error as? SourceError)?.retryAfter ?? .zero
                let wait = max(Backoff.wait(ceiling: ceiling(afterAttempt: attempt)), min(asked, maxBackoff))
                onRetry(error, wait)
                try await Timing.sleep(wait)
                attempt += 1
            }
        }
    }
}

extension PostgresError {
    /// Whether another attempt may do better after an error of the server's or of the way to it.
    static func mayPass(_ error: any Error) -> Bool {
        (error as? PostgresError)?.isTransient == true
    }
}
