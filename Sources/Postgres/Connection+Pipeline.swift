import CLibPQ

/// Statements that go to the server together and cost one round trip
/// (<https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>).
extension Connection {
    func query(_ statements: [BoundStatement], deadline: Duration, cancellable: Int) async throws -> Answers {
        if cancellable == 0 { interrupt.disarm() }
        guard let last = statements.last else { return ([], nil) }
        return try exchange(last.name, deadline) { limit in
            try statements.forEach(requireNoNUL)
            var isKnown = false
            defer { if !isKnown { prepared.forget() } }
            let steps = statements.map { prepared.steps(for: $0) }
            let ahead = steps.prefix(cancellable).joined().count
            try sendPipeline(statements, steps, cancellable: cancellable)
            // Sent in part, nobody would know how far the server gets.
            try flush(until: limit, interrupt: cancellable < statements.count ? nil : interrupt)
            let count = steps.joined().count
            var results =
                cancellable < statements.count
                ? try resultsToTheEnd(count, cancellable: ahead, until: limit)[...]
                : try results(count) { try nextResult(until: limit, interrupt: interrupt) }[...]
            var rows: [Rows] = []
            var failure: (any Error)?
            for (statement, steps) in zip(statements, steps) {
                var taken = 0
                while failure == nil, taken < steps.count {
                    guard let result = results.popFirst() else { throw lost(last.name) }
                    do {
                        try check(result, statement.name)
                        if steps[taken].isAnswer { rows.append(Rows(handle: result, statement: statement.name)) }
                        taken += 1
                    } catch {
                        failure = error
                    }
                }
                prepared.takeBack(steps[taken...], of: statement)
            }
            isKnown = true
            return (rows, failure)
        }
    }

    private func sendPipeline(
        _ statements: [BoundStatement], _ steps: [[PreparedStatements.Step]], cancellable: Int
    ) throws {
        guard PQenterPipelineMode(pointer) == 1 else { throw lost() }
        do {
            for (index, statement) in statements.enumerated() {
                // The server would keep the answers back until all are there, and nobody would know that what may be
                // cancelled is over.
                if index == cancellable, index > 0, PQsendFlushRequest(pointer) != 1 { throw lost() }
                for step in steps[index] { try send(statement, step) }
            }
            guard PQpipelineSync(pointer) == 1 else { throw lost() }
        } catch {
            // The server would wait for the end of what it has been sent in part.
            markBroken()
            throw error
        }
    }

    private func send(_ statement: BoundStatement, _ step: PreparedStatements.Step) throws {
        switch step {
        case .run: try send(statement)
        case .execute(let name): try send(statement, preparedAs: name)
        case .prepare(let name):
            guard PQsendPrepare(pointer, name, statement.sql, 0, nil) == 1 else { throw lost(statement.name) }
        case .deallocate(let name): try send(BoundStatement(name: statement.name, sql: "DEALLOCATE \(name)"))
        }
    }

    /// Reads all answers, so that the session stays usable.
    ///
    /// - Returns: the result of each step. The one that failed is the last: what follows it is not run.
    private func results(_ count: Int, next: () throws -> ResultHandle?) throws -> [ResultHandle] {
        var results: [ResultHandle] = []
        for _ in 0..<count {
            while let result = try next() {
                if result.status != PGRES_PIPELINE_ABORTED { results.append(result) }
            }
        }
        if try next()?.status != PGRES_PIPELINE_SYNC || PQexitPipelineMode(pointer) != 1 { markBroken() }
        return results
    }

    /// Reads all answers, of which an interruption cuts none off: the first `cancellable` steps are cancelled at the
    /// server, and what it says then is the truth.
    private func resultsToTheEnd(
        _ count: Int, cancellable: Int, until deadline: ContinuousClock.Instant
    ) throws -> [ResultHandle] {
        var answered = 0
        var limit = deadline
        var isCancelled = false
        return try results(count) {
            while true {
                do {
                    let result = try nextResult(until: limit, interrupt: interrupt)
                    if result == nil { answered += 1 }
                    if answered == cancellable { interrupt.disarm() }
                    return result
                } catch WaitFailure.interrupted {
                    interrupt.disarm()
                    guard let end = requestCancel() else { throw lost() }
                    limit = min(limit, end)
                    isCancelled = true
                } catch WaitFailure.deadline where isCancelled {
                    markBroken()
                    throw PostgresError.connectionLost(statement: "", message: "no answer though it was cancelled")
                }
            }
        }
    }

    /// Reads what is still to come of a pipeline, and ends it.
    func drainPipeline(until deadline: ContinuousClock.Instant) throws {
        while try nextResult(until: deadline, interrupt: nil)?.status != PGRES_PIPELINE_SYNC {
            if PQstatus(pointer) != CONNECTION_OK { throw lost() }
        }
        if PQexitPipelineMode(pointer) != 1 { markBroken() }
    }
}
