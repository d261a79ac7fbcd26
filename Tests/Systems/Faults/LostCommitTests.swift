import Foundation
import Synchronization
import Testing
import TestSupport

/// `LACUNA_LOST_COMMITS` says how many answers are lost; 20 where it does not.
@Suite("A COMMIT whose answer is lost is neither repeated nor misreported")
struct LostCommitTests {
    /// A log beside the table, so that a row that lands twice is seen though its key is unique.
    private static let schema = """
        CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
        CREATE TABLE landed (n bigint);
        CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO public.landed VALUES (NEW.n); RETURN NULL; END';
        CREATE TRIGGER log AFTER INSERT OR UPDATE ON numbers FOR EACH ROW EXECUTE FUNCTION log();
        """
    private static let config = Program.fileSource + Program.stream(batch: 5)
    private static let numbers = Program.numbersFile

    /// The part of a run's report that is held against the database.
    private struct Output: Decodable {
        let runs: [Report]
    }

    private struct Report: Decodable {
        let errors: [String]
        let notes: [String]
        let state: String
        let exit_status: Int32
        let committed: Int
        let rows_inserted: Int
        let rows_updated: Int
    }

    private func wanted(share: Int) -> Int {
        let all = ProcessInfo.processInfo.environment["LACUNA_LOST_COMMITS"].flatMap(Int.init) ?? 20
        return max(1, all * share / 100)
    }

    @Test("In a reconcile, at random batches: every row lands once, and report, journal and table agree")
    func reconcile() async throws {
        try await Installation.with(Self.schema, config: Self.config, files: ["numbers.csv": Self.numbers]) {
            installation in
            try await installation.database.withProxy { proxy, address in
                let wanted = wanted(share: 90)
                let random = Mutex((generator: SeededGenerator("lost answers of batches"), inARow: 0))
                proxy.onCommit { _ in
                    random.withLock { random in
                        // A run gives up a read that fails five times, so that no more than three fail in a row.
                        guard random.inARow < 3, Int.random(in: 0..<4, using: &random.generator) == 0 else {
                            random.inARow = 0
                            return .none
                        }
                        random.inARow += 1
                        let faults: [FaultProxy.CommitFault] = [.loseAnswer, .loseAnswer, .loseClient, .loseCommit]
                        return faults.randomElement(using: &random.generator) ?? .none
                    }
                }
                while proxy.commitFaults < wanted {
                    try await start(installation, rows: "(199, 'v199')")
                    let result = try await installation.lacuna("reconcile", "--format", "json", database: address)
                    try await expectTruth(installation, result, batches: 40, inserted: 199)
                }
                print("lost answers of batches: \(proxy.commitFaults) of \(proxy.commits) COMMITs")
            }
        }
    }

    @Test("In a catchup: all of it is there once, and report, journal and table agree")
    func catchup() async throws {
        try await Installation.with(Self.schema, config: Self.config, files: ["numbers.csv": Self.numbers]) {
            installation in
            try await installation.database.withProxy { proxy, address in
                let wanted = wanted(share: 10)
                let random = Mutex(SeededGenerator("lost answers of catchups"))
                proxy.onCommit { number in
                    // Every third gets through: a run tries a read five times, and may give up where all are lost.
                    guard !number.isMultiple(of: 3) else { return .none }
                    return random.withLock { random in
                        [.none, .loseAnswer, .loseClient, .loseCommit].randomElement(using: &random) ?? .none
                    }
                }
                while proxy.commitFaults < wanted {
                    try await start(installation, rows: "(0, 'v0')")
                    let result = try await installation.lacuna("catchup", "--format", "json", database: address)
                    try await expectTruth(installation, result, batches: 40, inserted: 199)
                }
                print("lost answers of catchups: \(proxy.commitFaults) of \(proxy.commits) COMMITs")
            }
        }
    }

    private func start(_ installation: Installation, rows: String) async throws {
        try await installation.database.execute(
            """
            TRUNCATE numbers, lacuna.cursor, lacuna.verified_empty, lacuna.run, lacuna.batch;
            INSERT INTO numbers VALUES \(rows);
            TRUNCATE landed;
            """)
    }

    private func expectTruth(
        _ installation: Installation, _ result: LacunaProcess.Result, batches: Int, inserted: Int
    ) async throws {
        let report = try #require(
            try? JSONDecoder().decode(Output.self, from: Data(result.output.utf8)).runs.first, "\(result.output)")
        #expect(result.status == 0, "\(report.errors) \(report.notes) \(result.errors)")
        #expect(report.exit_status == result.status)
        #expect(report.committed == batches)
        #expect(report.rows_inserted == inserted)
        #expect(report.rows_updated == 0)
        try await installation.waitUntilBackendsAreGone()
        #expect(
            try await installation.database.value(
                """
                SELECT format('%s %s %s %s %s', (SELECT count(*) FROM numbers WHERE v = 'v' || n),
                    (SELECT count(*) FROM landed), (SELECT count(DISTINCT n) FROM landed),
                    (SELECT count(*) FROM lacuna.batch WHERE state = 'committed'),
                    (SELECT string_agg(state || ' ' || committed, ', ') FROM lacuna.run))
                """) == "200 \(inserted) \(inserted) \(batches) \(report.state) \(batches)")
        #expect(try await installation.leftovers() == [])
    }
}
