import Foundation
import Lacuna
import TestSupport
import Testing

@testable import Postgres
@testable import Simulation

/// The simulated server against PostgreSQL: what a simulated history asked the one is asked of the other, statement by
/// statement, and every answer has to be the same.
@Suite("The simulated server")
struct SimulatedServerTests {
    @Test("answers as PostgreSQL does, and is left with the same rows", .serialized, arguments: 0..<6)
    func sameAnswers(number: UInt64) async throws {
        let base = ProcessInfo.processInfo.environment["LACUNA_TEST_SEED"].flatMap { UInt64($0) }
        let seed = base ?? UInt64.random(in: 0 ... .max)
        print("simulated against real: seed \(seed)")
        let setting = Setting(seed: seed &+ (base == nil ? 0 : number), calmRuns: 6)
        let (trace, state, violations) = await record(setting)
        #expect(violations.isEmpty, "\(setting)")
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            await session.close()
            try await database.execute(
                """
                CREATE TABLE public.facts (region text, n bigint, part integer, v text NOT NULL, PRIMARY KEY (region, n, part))
                WITH (autovacuum_enabled = false)
                """)
            let differences = try await Replay(database).differences(trace)
            #expect(differences.isEmpty, "\(setting)")
            let left = try await Replay.stored(in: database).difference(from: Replay.stored(in: state))
            #expect(left.isEmpty || !differences.isEmpty, "\(setting)")
        }
        #expect(trace.count > 100)
    }

    /// Runs an episode without crashes.
    private func record(_ setting: Setting) async -> ([TraceEvent], StoredState, [String]) {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                let episode = SimulatedEpisode(setting)
                var trace: [TraceEvent] = []
                episode.server.onEvent = { trace.append($0) }
                let violations = episode.run()
                continuation.resume(returning: (trace, episode.server.state, violations))
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}

/// Does on a real server what was done on a simulated one, on a thread of its own: each call blocks it.
private actor Replay {
    private let executor = ThreadExecutor(label: "replay")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Columns that are of the server's own: its clock, what depends on it, and the numbers of tables.
    private static let ownColumns: Set<String> = [
        "now", "epoch", "asked", "ended", "seconds_ago", "error", "most_rows", "user_path", "set_config", "lock", "oid",
    ]
    /// Statements on what is remembered of gaps. The simulated server remembers nothing, and nothing is decided by it.
    private static let unmodelled: Set<String> = [
        "select_gap_record", "measure_journal", "survey_is_newest", "select_gaps", "delete_gaps", "upsert_gaps",
        "write_survey",
    ]
    private let database: TestDatabase
    private var observer: Connection?
    private var connections: [Int: Connection] = [:]
    /// Of each time that the simulated server named the time that the real one named in its place.
    private var times: [String: String] = [:]

    init(_ database: TestDatabase) {
        self.database = database
    }

    /// Where the real server answers something else, up to the first three places.
    func differences(_ trace: [TraceEvent]) async throws -> [String] {
        var differences: [String] = []
        for event in trace where differences.count < 3 {
            switch event {
            case .end(let backend): try await close(backend)
            case .change(let before, let after): try await change(before, after)
            case .statement(_, _, _, .failure(is CancellationError)): break
            case .statement(_, let statement, _, _) where Replay.unmodelled.contains(statement.name): break
            case .statement(let backend, let statement, let data, let outcome):
                let real = try await answer(statement, data, on: backend)
                if let difference = try compare(real, outcome, statement) { differences.append(difference) }
            }
        }
        return differences
    }

    private func answer(
        _ statement: BoundStatement, _ data: [UInt8]?, on backend: Int
    ) async throws -> Result<(rows: Rows?, tag: String), any Error> {
        let connection = try connections[backend] ?? Replay.connect(to: database)
        connections[backend] = connection
        let values = zip(statement.variables, statement.values).map { name, value in
            ["before", "started"].contains(name) ? value.map { times[$0] ?? $0 } : value
        }
        let real = BoundStatement(
            name: statement.name, sql: statement.sql, values: statement.variables.isEmpty ? statement.values : values)
        do {
            guard let data else {
                let rows = try await connection.query(real, deadline: LongestWait.duration, cancellable: true)
                return .success((rows, rows.commandTag))
            }
            let count = try await connection.copyIn(real, deadline: LongestWait.duration) { put in
                try data.withUnsafeBytes { try put($0) }
            }
            return .success((nil, "COPY \(count)"))
        } catch {
            return .failure(error)
        }
    }

    private static func connect(to database: TestDatabase) throws -> Connection {
        try Connection(
            parameters: [("dbname", database.connectionString)], deadline: LongestWait.duration,
            cancelGrace: LongestWait.duration,
            prepares: false, onNotice: { _ in })
    }

    /// Ends a session, and waits until the server has noticed.
    private func close(_ backend: Int) async throws {
        guard let process = connections.removeValue(forKey: backend)?.backendProcessID else { return }
        let query = BoundStatement(
            name: "wait", sql: "SELECT count(*) AS n FROM pg_stat_activity WHERE pid = \(process)")
        let observer = try self.observer ?? Replay.connect(to: database)
        self.observer = observer
        while try await observer.query(query, deadline: LongestWait.duration, cancellable: true).only().get("n") > 0 {
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    private func compare(
        _ real: Result<(rows: Rows?, tag: String), any Error>, _ simulated: Result<Reply, any Error>,
        _ statement: BoundStatement
    ) throws -> String? {
        func place(_ text: String) -> String { "\(statement.name) \(statement.values): \(text)" }
        switch (real, simulated) {
        case (.failure(let real), .failure(let simulated)):
            guard let own = Replay.code(real), own == Replay.code(simulated) else {
                return place("\(real) instead of \(simulated)")
            }
        case (.failure(let real), .success(let reply)): return place("\(real) instead of \(reply)")
        case (.success(let real), .failure(let simulated)): return place("\(real) instead of \(simulated)")
        case (.success(let real), .success(let reply)):
            if reply.tag == "COMMIT" || reply.tag == "ROLLBACK" || reply.tag.hasPrefix("COPY") {
                return real.tag == reply.tag ? nil : place("\(real.tag) instead of \(reply.tag)")
            }
            guard let rows = real.rows else { return place("no rows") }
            let names = reply.columns.filter { !Replay.ownColumns.contains($0) }
            func line(_ value: (String) throws -> String?) rethrows -> String {
                try names.map { try value($0) ?? "NULL" }.joined(separator: "|")
            }
            let expected = reply.rows.map { row in
                line { name in reply.columns.firstIndex(of: name).flatMap { row[$0] } }
            }
            let found = try rows.map { row in try line { try row.getIfPresent($0, as: String.self) } }
            if found.sorted() != expected.sorted() { return place("\(found) instead of \(expected)") }
            for name in ["now", "ended"] {
                guard let column = reply.columns.firstIndex(of: name) else { continue }
                for (row, values) in zip(rows, reply.rows) {
                    if let time = values[column] { times[time] = try row.get(name, as: String.self) }
                }
            }
        }
        return nil
    }

    private static func code(_ error: any Error) -> String? {
        guard case PostgresError.server(let error) = error else { return nil }
        return error.sqlState.rawValue
    }

    /// Somebody else's change of the user's table, the extents or the marks.
    private func change(_ before: StoredState, _ after: StoredState) async throws {
        var script: [String] = []
        for key in Set(before.facts.keys).union(after.facts.keys) where before.facts[key] != after.facts[key] {
            script.append("DELETE FROM facts WHERE (region, n, part) = ('\(key.partition)', \(key.unit), \(key.part))")
            if let value = after.facts[key] {
                script.append("INSERT INTO facts VALUES ('\(key.partition)', \(key.unit), \(key.part), '\(value)')")
            }
        }
        for (partition, row) in after.extents where before.extents[partition] != row {
            script.append(
                """
                INSERT INTO lacuna.cursor (stream, partition, oldest, latest)
                VALUES ('facts', '{"region": "\(partition)"}', \(row.oldest), \(row.latest))
                """)
        }
        for (id, row) in after.refetch where before.refetch[id] == nil {
            script.append(
                """
                INSERT INTO lacuna.refetch (stream, partition, lower, upper, reason)
                VALUES ('facts', '{"region": "\(row.partition)"}', \(row.units.lowerBound), \(row.units.upperBound), '\(row.reason)')
                """)
        }
        if !script.isEmpty { try await database.execute(script.joined(separator: ";\n")) }
    }

    // MARK: What is left

    /// All that is stored, a line for each row.
    static func stored(in database: TestDatabase) async throws -> [String] {
        try await database.column(
            """
            SELECT concat_ws('|', 'fact', region, n, part, v) FROM facts
            UNION ALL SELECT concat_ws('|', 'verified', partition->>'region', lower, upper) FROM lacuna.verified_empty
            UNION ALL SELECT concat_ws('|', 'refetch', partition->>'region', lower, upper, reason) FROM lacuna.refetch
            UNION ALL SELECT concat_ws('|', 'extents', partition->>'region', oldest, latest) FROM lacuna.cursor
            UNION ALL SELECT concat_ws('|', 'run', id, mode, state, planned, committed, failed, missing_units) FROM lacuna.run
            UNION ALL SELECT concat_ws('|', 'batch', run, batch, partition->>'region', lower, upper, state, rows_fetched,
                rows_inserted, rows_updated, empty_units, failures) FROM lacuna.batch
            """
        ).sorted()
    }

    /// The same of a simulated server.
    static func stored(in state: StoredState) -> [String] {
        func line(_ values: Any?...) -> String {
            values.compactMap { $0.map { "\($0)" } }.joined(separator: "|")
        }
        func range(_ units: Range<Int64>) -> String { "\(units.lowerBound)|\(units.upperBound)" }
        var lines = state.facts.map { line("fact", $0.key.partition, $0.key.unit, $0.key.part, $0.value) }
        lines += state.verified.values.map { line("verified", $0.partition, range($0.units)) }
        lines += state.refetch.values.map { line("refetch", $0.partition, range($0.units), $0.reason) }
        lines += state.extents.map { line("extents", $0.key, $0.value.oldest, $0.value.latest) }
        lines += state.runs.map { id, run in
            line("run", id, run.mode, run.state, run.planned, run.committed, run.failed, run.missing)
        }
        lines += state.batches.map { token, batch in
            line(
                "batch", token.run, token.batch, batch.partition, range(batch.units), batch.state, batch.fetched,
                batch.inserted, batch.updated, batch.empty, batch.failures)
        }
        return lines.sorted()
    }
}
