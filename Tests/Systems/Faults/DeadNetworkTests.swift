import Foundation
import Testing
import TestSupport

@Suite("A middlebox that swallows everything")
struct DeadNetworkTests {
    private static let files = ["numbers.csv": Program.numbersFile]
    private static let table = """
        CREATE TABLE numbers (n bigint PRIMARY KEY, v text NOT NULL);
        INSERT INTO numbers VALUES (199, 'v199');
        CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.004); RETURN NULL; END';
        CREATE TRIGGER pause AFTER INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION pause();
        """

    private func with(_ body: (Installation, FaultProxy, String) async throws -> Void) async throws {
        try await Installation.with(
            Self.table, config: "statement_timeout: 3s\n" + Program.fileSource + Program.stream(batch: 10),
            files: Self.files
        ) { installation in
            try await installation.database.withProxy { proxy, address in
                try await body(installation, proxy, address)
            }
        }
    }

    /// What was committed is whole, and what the run said of it is true.
    private func expectTruth(_ installation: Installation, _ result: LacunaProcess.Result) async throws {
        let database = installation.database
        try await installation.waitUntilBackendsAreGone()
        #expect(
            try await database.value(
                """
                SELECT count(*) FROM numbers AS r WHERE n <> 199 AND NOT EXISTS (
                    SELECT FROM lacuna.batch AS b WHERE b.state = 'committed' AND b.lower <= r.n AND b.upper > r.n)
                """) == "0")
        let committed = try await database.number("SELECT count(*) FROM lacuna.batch WHERE state = 'committed'")
        // A batch whose outcome the run calls unknown may be among them.
        let claims = result.status == 4 ? (max(committed - 4, 0)...committed) : committed...committed
        #expect(
            claims.contains {
                result.output.contains("(\($0) batch") || $0 == 0 && result.output.contains("nothing committed")
            },
            "\(committed): \(result.output)\(result.errors)")
        try installation.edit("lacuna.yaml", "statement_timeout: 3s", to: "statement_timeout: 10m")
        let healed = try await installation.lacuna("reconcile", "--retry-now")
        #expect(healed.status == 0, "\(healed.errors)")
        #expect(
            try await database.value("SELECT count(*) || ' ' || bool_and(v = 'v' || n) FROM numbers") == "200 true")
        #expect(try await installation.leftovers() == [])
    }

    @Test("from the first byte on is given up by a deadline of Lacuna's own, with a word about what was waited for")
    func fromTheStart() async throws {
        try await with { (installation, proxy, address) async throws -> Void in
            proxy.isSwallowing = true
            let result = try await installation.lacuna("reconcile", database: address)
            #expect(result.status == 1)
            #expect(result.errors.contains("no answer within"), "\(result.errors)")
            proxy.isSwallowing = false
            try installation.edit("lacuna.yaml", "statement_timeout: 3s", to: "statement_timeout: 10m")
            #expect(try await installation.lacuna("reconcile", database: address).status == 0)
        }
    }

    @Test("from the middle of a run on ends the run by deadlines of Lacuna's own, and what it reports is true")
    func fromTheMiddle() async throws {
        try await with { (installation, proxy, address) async throws -> Void in
            let process = try installation.start(["reconcile"], database: address)
            try await installation.waitUntil("some batches are committed") {
                try await installation.database.number("SELECT count(*) FROM lacuna.batch") >= 4
            }
            proxy.isSwallowing = true
            let result = try await process.wait()
            #expect([1, 4].contains(result.status), "\(result.output)\(result.errors)")
            proxy.isSwallowing = false
            // The server has not heard that the client is gone.
            proxy.cutSwallowed()
            try await expectTruth(installation, result)
        }
    }
}
