import Testing
import TestSupport

@Suite("gaps at the ends of bigint")
struct LargestKeyTests {
    @Test(
        "counts every unit before the largest key, which is none itself",
        arguments: [
            ("(9223372036854775805), (9223372036854775807)", "public.t  9223372036854775806  1 unit\n", 2),
            ("(9223372036854775807)", "public.t  no gaps\n", 0),
            ("(9223372036854775806), (9223372036854775807)", "public.t  no gaps\n", 0),
            (
                "(-9223372036854775808), (9223372036854775807)",
                "public.t  -9223372036854775807–9223372036854775806  18,446,744,073,709,551,614 units\n", 2
            ),
        ] as [(String, String, Int32)])
    func ends(rows: String, output: String, status: Int32) async throws {
        try await TestDatabase.with { database in
            try await TestDirectory.with { directory in
                try await database.execute("CREATE TABLE t (n bigint); INSERT INTO t VALUES \(rows)")
                let arguments = [
                    "gaps", "--table", "t", "--column", "n", "--exit-code", "--database", database.connectionString,
                ]
                let gaps = try await LacunaProcess(arguments, in: directory.url).wait()
                #expect(gaps.output == output)
                #expect(gaps.status == status)
                let report = try await LacunaProcess(arguments + ["--report"], in: directory.url).wait()
                #expect(report.status == status)
            }
        }
    }
}
