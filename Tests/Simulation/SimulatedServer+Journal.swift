import Postgres

/// Runs, batches and the registry.
extension SimulatedServer {
    func journal(_ values: Values, _ backend: Backend) async throws -> Reply {
        switch values.statement.name {
        case "next_run": return Reply(columns: ["id"], rows: [[String(makeRun())]])
        case "select_stream":
            return Reply(
                columns: [
                    "relation", "relation_oid", "key_column", "key_type", "step", "anchor", "timezone",
                    "partition_columns",
                ],
                rows: visible(to: backend).stream.map { [$0] } ?? [])
        case "upsert_stream":
            try await lock(.stream, backend)
            backend.writes.stream = [
                try values["relation"], try values["relation_oid"], try values["key_column"], try values["key_type"],
                try values["step"],
                // As PostgreSQL prints an array of plain names.
                try values["anchor"], try values["timezone"], try values["columns"].filter { $0 != "\"" },
            ]
        case "select_failures": return selectFailures(visible(to: backend))
        case "find_newer_batches": return try findNewerBatches(values, visible(to: backend))
        case "prune_journal": return Reply(columns: ["batches"], rows: [["0"]])
        case "insert_run", "insert_finished_run": try await insertRun(values, backend)
        case "finish_run": try await finishRun(values, backend)
        case "insert_batch": return try await insertBatch(values, backend)
        case "finish_batch": try await finishBatch(values, backend)
        default: try await insertFailedBatch(values, backend)
        }
        return Reply(tag: "INSERT 0 1")
    }

    private func insertRun(_ values: Values, _ backend: Backend) async throws {
        let id = try values.int("id")
        try await waitForRow(.run(id), backend)
        guard visible(to: backend).runs[id] == nil else { return }
        try await lock(.run(id), backend)
        let isFinished = values.statement.name == "insert_finished_run"
        var row = RunRow(
            mode: try values["mode"], state: isFinished ? "done" : "running",
            planned: isFinished ? 0 : Int(try values.int("planned")))
        row.isEnded = isFinished
        backend.writes.runs[id] = row
    }

    private func finishRun(_ values: Values, _ backend: Backend) async throws {
        let id = try values.int("id")
        try await waitForRow(.run(id), backend)
        try await lock(.run(id), backend)
        let new = RunRow(mode: try values["mode"], state: "running", planned: 0)
        var row = visible(to: backend).runs[id] ?? new
        row.planned = Int(try values.int("planned"))
        row.state = try values["state"]
        row.committed = Int(try values.int("committed"))
        row.failed = Int(try values.int("failed"))
        row.missing = try values.optional("missing").flatMap { Int($0) }
        row.isEnded = true
        backend.writes.runs[id] = row
    }

    private func token(_ values: Values) throws -> Token {
        Token(run: try values.int("run"), batch: try values.int("batch"))
    }

    private func insertBatch(_ values: Values, _ backend: Backend) async throws -> Reply {
        let token = try token(values)
        try await waitForRow(.batch(token), backend)
        guard visible(to: backend).batches[token] == nil else { return Reply(columns: ["run"], tag: "INSERT 0 0") }
        try await lock(.batch(token), backend)
        backend.writes.batches[token] = BatchRow(
            partition: try values.partition, units: try values.range, state: "committed", endedAt: scheduler.tick())
        return Reply(columns: ["run"], rows: [[String(token.run)]], tag: "INSERT 0 1")
    }

    private func finishBatch(_ values: Values, _ backend: Backend) async throws {
        let token = try token(values)
        guard var row = backend.writes.batches[token] else { return }
        row.fetched = Int(try values.int("fetched"))
        row.inserted = Int(try values.int("inserted"))
        row.updated = Int(try values.int("updated"))
        row.deleted = Int(try values.int("deleted"))
        row.empty = Int(try values.int("empty"))
        row.endedAt = scheduler.tick()
        backend.writes.batches[token] = row
    }

    private func findNewerBatches(_ values: Values, _ state: StoredState) throws -> Reply {
        let run = try values.int("run")
        let batch = try values.optional("batch").flatMap { Int64($0) }
        let range = try values.range
        let started = try values.time("started", now: scheduler.microseconds)
        let newer = state.batches.filter { token, row in
            row.state == "committed" && row.endedAt > started && row.units.overlaps(range)
                && (token.run != run || batch.map { $0 != token.batch } ?? false)
        }
        let rows = newer.values.sorted { ($0.units.lowerBound, $0.partition) < ($1.units.lowerBound, $1.partition) }
        return Reply(
            columns: ["partition_values", "lower", "upper", "ended"],
            rows: rows.map { row in
                ["{\(row.partition)}", String(row.units.lowerBound), String(row.units.upperBound), String(row.endedAt)]
            })
    }

    /// Whether a window was committed after it failed.
    private func isCommitted(after failed: BatchRow, _ state: StoredState) -> Bool {
        state.batches.values.contains {
            $0.state == "committed" && $0.partition == failed.partition && $0.units.overlaps(failed.units)
                && $0.endedAt > failed.endedAt
        }
    }

    private func insertFailedBatch(_ values: Values, _ backend: Backend) async throws {
        let token = try token(values)
        try await waitForRow(.batch(token), backend)
        let state = visible(to: backend)
        guard state.batches[token] == nil else { return }
        try await lock(.batch(token), backend)
        let partition = try values.partition
        let units = try values.range
        let earlier = state.batches.filter { key, row in
            row.state == "failed" && row.partition == partition && row.units.overlaps(units) && key.run != token.run
                && !isCommitted(after: row, state)
        }
        var row = BatchRow(partition: partition, units: units, state: "failed", endedAt: scheduler.tick())
        row.failures = 1 + (earlier.values.map(\.failures).max() ?? 0)
        backend.writes.batches[token] = row
    }

    private func selectFailures(_ state: StoredState) -> Reply {
        var latest: [VerifiedRow: BatchRow] = [:]
        for row in state.batches.values where row.state == "failed" && !isCommitted(after: row, state) {
            let window = VerifiedRow(partition: row.partition, units: row.units)
            if let known = latest[window], known.endedAt >= row.endedAt { continue }
            latest[window] = row
        }
        let now = scheduler.microseconds
        let rows = latest.values.sorted {
            ($0.partition, $0.units.lowerBound, $0.units.upperBound) < (
                $1.partition, $1.units.lowerBound, $1.units.upperBound
            )
        }
        return Reply(
            columns: ["partition_values", "lower", "upper", "failures", "seconds_ago", "error"],
            rows: rows.map { row in
                [
                    "{\(row.partition)}", String(row.units.lowerBound), String(row.units.upperBound),
                    String(row.failures),
                    String((now - row.endedAt) / 1_000_000), "",
                ]
            })
    }
}
