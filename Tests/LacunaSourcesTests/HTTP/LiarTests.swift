import Foundation
import Lacuna
import Synchronization
import TestSupport
import Testing

@testable import LacunaSources

@Suite("A source that lies")
struct LiarTests {
    /// How many sequences are tried: what `LACUNA_LIES` says, or a few.
    private static let rounds = ProcessInfo.processInfo.environment["LACUNA_LIES"].flatMap(Int.init) ?? 24

    /// One history, one way of paging, and what its server will say.
    private struct Episode {
        let server: LyingServer
        let unitCount: Int
        let batch: Int64
        let workers: Int
        let lies: [Lie]
        let empty: EmptyPolicy

        init(_ generator: inout SeededGenerator) {
            let paging = Paging.allCases.randomElement(using: &generator) ?? .none
            unitCount = Int.random(in: 5...40, using: &generator)
            let tip = Int.random(in: 0..<unitCount, using: &generator)
            let density = Int.random(in: 1...4, using: &generator)
            var rows: [Int: Int] = [:]
            for unit in 0..<unitCount where Int.random(in: 0..<4, using: &generator) < density {
                // A cap that cuts through a unit, so that a part of it is there, is not seen by what is empty.
                rows[unit] = paging == .none ? 1 : Int.random(in: 1...7, using: &generator)
            }
            // The tip is a record, and so is the last unit.
            for unit in [tip, unitCount - 1] { rows[unit] = rows[unit] ?? 1 }
            server = LyingServer(paging, rows: rows, tip: tip)
            batch = Int64.random(in: 1...15, using: &generator)
            workers = Int.random(in: 1...3, using: &generator)
            // A cap stays what it is: of a source that once gave more, a shorter page is the last one.
            let cap = Int.random(in: 1...12, using: &generator)
            let newestFirst = Bool.random(using: &generator)
            var behind = Int.random(in: 1...10, using: &generator)
            var lies: [Lie] = []
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                var lie: Lie
                switch Int.random(in: 0..<10, using: &generator) {
                case 0: lie = .cap(cap, newestFirst: newestFirst)
                case 1:
                    // What was shown once stays shown.
                    lie = .lag(behind: behind)
                    behind = Int.random(in: 0...behind, using: &generator)
                case 2: lie = .shift
                case 3: lie = .repeated
                case 4: lie = .none
                case 5: lie = .total(off: Int.random(in: 1...3, using: &generator))
                case 6: lie = .cut
                case 7: lie = .sign
                case 8: lie = .halfError
                default: lie = .none
                }
                // What was shown once stays shown: nothing lags behind what was honest.
                if case .lag = lie, !lies.allSatisfy(\.isLag) { lie = .none }
                lies.append(lie)
            }
            self.lies = lies
            empty = .confirm
        }

        func stream() -> StreamDefinition {
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.expect.from = .unit(0)
            stream.batch = .units(batch)
            stream.workers = workers
            stream.empty = empty
            stream.retry = RetryPolicy(attempts: 2, backoff: .milliseconds(1), maxBackoff: .milliseconds(1))
            return stream
        }
    }

    @Test("gets nothing called empty that it has, and once it is honest two runs bring every row")
    func converges() async throws {
        try await TestDatabase.with { database in
            let session = try await database.connect()
            _ = try await SchemaInstaller.install(on: session)
            await session.close()
            try await database.execute("CREATE TABLE t (n bigint, part integer, PRIMARY KEY (n, part))")
            var generator = SeededGenerator("A source that lies")
            var asked = 0
            for round in 0..<Self.rounds {
                let episode = Episode(&generator)
                try await database.execute(
                    "TRUNCATE t, lacuna.cursor, lacuna.verified_empty, lacuna.provisional, lacuna.refetch, lacuna.run, lacuna.batch"
                )
                asked += try await run(episode, database, "round \(round) of seed \(generator.seed)")
            }
            print("\(Self.rounds) sequences of lies, \(asked) requests")
        }
    }

    private func run(_ episode: Episode, _ database: TestDatabase, _ name: String) async throws -> Int {
        let server = episode.server
        return try await HTTPServer.with {
            server.answer($0)
        } _: { http in
            var settings = HTTPSettings(baseURL: try Template(http.url))
            settings.request.path = try Template("/items")
            settings.request.parameters = [
                NamedTemplate("from", try Template("{window.first}")),
                NamedTemplate("to", try Template("{window.last}")),
            ]
            settings.recordSelector = JSONPath("items")
            settings.paginator = try server.paging.settings()
            var tip = HTTPRequestSettings()
            tip.path = try Template("/tip")
            settings.tip = HTTPTipSettings(request: tip, select: nil)
            let stream = episode.stream()
            let target = Database(connectionString: database.connectionString)
            func reconciler() -> Reconciler {
                Reconciler(
                    stream: stream, source: HTTPSource(settings, connections: HTTPConnections()), database: target)
            }
            var options = RunOptions()
            options.retryNow = true
            let what = "\(name): \(server.paging), batch \(stream.batch), \(episode.lies)"
            for lie in episode.lies {
                server.state.withLock { $0.lie = lie }
                _ = await reconciler().reconcile(options)
                try await expectNoFalseEvidence(server, database, "\(what), after \(lie)")
                _ = await reconciler().catchup(options)
                try await expectNoFalseEvidence(server, database, "\(what), caught up after \(lie)")
                server.state.withLock { $0.tip = min($0.tip + 3, episode.unitCount - 1) }
                server.state.withLock { state in state.rows[state.tip] = state.rows[state.tip] ?? 1 }
            }
            server.state.withLock { state in
                state.lie = .none
                state.tip = episode.unitCount - 1
            }
            // What a source that lagged was asked for is asked for again after a while.
            try await database.execute("UPDATE lacuna.provisional SET asked_at = asked_at - interval '1 day'")
            for _ in 0..<2 {
                _ = await reconciler().reconcile(options)
                var caught = await reconciler().catchup(options)
                // The server may not have noticed yet that the catchup before has ended.
                while caught.state == .deferred {
                    try await Task.sleep(for: .milliseconds(5))
                    caught = await reconciler().catchup(options)
                }
                #expect(caught.state == .done, "\(what): \(caught.failures) \(caught.streamFailures)")
            }
            let last = await reconciler().reconcile(options)
            #expect(last.state == .done, "\(what): \(last.failures) \(last.streamFailures) \(last.notes)")
            let rows = server.state.withLock { $0.rows }
            let stored = try await database.column("SELECT n || '.' || part FROM t ORDER BY n, part")
            #expect(
                stored == rows.keys.sorted().flatMap { unit in (0..<(rows[unit] ?? 0)).map { "\(unit).\($0)" } },
                "\(what)")
            #expect(try await database.number("SELECT count(*) FROM lacuna.provisional") == 0, "\(what)")
            return http.requests.count
        }
    }

    private func expectNoFalseEvidence(_ server: LyingServer, _ database: TestDatabase, _ what: String) async throws {
        let empty = try await database.column("SELECT generate_series(lower, upper - 1) FROM lacuna.verified_empty")
        let rows = server.state.withLock { $0.rows }
        let lost = empty.compactMap { Int($0) }.filter { rows[$0] != nil }
        #expect(lost.isEmpty, "\(what): called empty, and there: \(lost)")
    }
}
