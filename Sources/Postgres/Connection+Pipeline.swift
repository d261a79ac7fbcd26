import CLibPQ

/// Statements that go to the server together and cost one round trip
/// (<https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>).
extension Connection {
    func query(_ statements: [BoundStatement], deadline: Duration, cancellable: Bool) async throws -> Answers {
        if !cancellable { interrupt.disarm() }
        guard let last = statements.last else { return ([], nil) }
        return try exchange(last.name, deadline) { limit in
            try statements.forEach(requireNoNUL)
            try sendPipeline(statements)
            try flush(until: limit, interrupt: interrupt)
            var rows: [Rows] = []
            for (statement, result) in zip(statements, try pipelineResults(statements.count, until: limit)) {
                do {
                    try check(result, statement.name)
                    rows.append(Rows(handle: result, statement: statement.name))
                } catch {
                    return (rows, error)
                }
            }
            guard rows.count == statements.count else { throw lost(last.name) }
            return (rows, nil)
        }
    }

    private func sendPipeline(_ statements: [BoundStatement]) throws {
        guard PQenterPipelineMode(pointer) == 1 else { throw lost() }
        do {
            for statement in statements { try send(statement) }
            guard PQpipelineSync(pointer) == 1 else { throw lost() }
        } catch {
            // The server would wait for the end of what it has been sent in part.
            markBroken()
            throw error
        }
    }

    /// Reads all answers, so that the session stays usable.
    ///
    /// - Returns: the result of each statement. The one that failed is the last: what follows it is not run.
    private func pipelineResults(_ count: Int, until deadline: ContinuousClock.Instant) throws -> [ResultHandle] {
        var results: [ResultHandle] = []
        for _ in 0..<count {
            while let result = try nextResult(until: deadline, interrupt: interrupt) {
                if result.status != PGRES_PIPELINE_ABORTED { results.append(result) }
            }
        }
        let end = try nextResult(until: deadline, interrupt: interrupt)
        if end?.status != PGRES_PIPELINE_SYNC || PQexitPipelineMode(pointer) != 1 { markBroken() }
        return results
    }

    /// Reads what is still to come of a pipeline, and ends it.
    func drainPipeline(until deadline: ContinuousClock.Instant) throws {
        while try nextResult(until: deadline, interrupt: nil)?.status != PGRES_PIPELINE_SYNC {
            if PQstatus(pointer) != CONNECTION_OK { throw lost() }
        }
        if PQexitPipelineMode(pointer) != 1 { markBroken() }
    }
}
