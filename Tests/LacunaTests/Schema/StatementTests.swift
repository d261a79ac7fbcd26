import Foundation
import Lacuna
import Postgres
import SQLStatements
import TestSupport
import Testing

@Suite("The statements of sql/statements")
struct StatementTests {
    /// What stands for the variables `:name` and `:"name"` of a statement. One that has any needs an entry here.
    static let arguments:
        [String: (fragments: [String: String], identifiers: [String: String], userSQL: [String: String])] = {
            let table = ["schema": "public", "table": "t"]
            let upsert = [
                "columns": "\"k\", \"region\"", "records": "pg_temp.batch", "distinct": "DISTINCT ON (k)",
                "primary_key": "\"k\"", "action": "DO UPDATE SET region = EXCLUDED.region",
            ]
            let partition = [
                "partition_columns": "\"region\"", "partition_values": "ARRAY[\"region\"::text]",
                "unit": "\"k\"::bigint",
            ]
            let hull = [
                "in_partition": "region = 'gb'", "first": "min(k)::bigint", "last": "max(k)::bigint",
                "largest": "false",
                "in_range": "k >= :'lower'::bigint AND k < :'upper'::bigint",
            ]
            let withdrawn = [
                "records": "(SELECT k FROM pg_temp.batch) AS lacuna_record", "primary_key": "\"k\"",
                "unit": "\"k\"::bigint",
                "in_window": "\"k\" >= :'lower'::bigint AND \"k\" < :'upper'::bigint AND region = 'gb'",
            ]
            func chunks(_ name: String) -> [String: String] {
                [
                    name:
                        "(VALUES (0::bigint, 9::bigint, 1)) AS lacuna_chunk (lacuna_lower, lacuna_upper, lacuna_number)",
                    "in_partition": "region = 'gb'", "unit": "\"k\"::bigint",
                ]
            }
            return [
                "announce_write": (["column": "\"k\"", "in_partition": "region = 'gb'"], table, [:]),
                "copy_batch_csv": (["columns": "\"k\", \"region\""], [:], [:]),
                "copy_table_csv": (["columns": "\"k\", \"region\""], table, [:]),
                "copy_table_text": (["columns": "\"k\", \"region\""], table, [:]),
                "find_moved_rows": (
                    [
                        "records": "pg_temp.batch", "same_row": "here.k = there.k", "unit": "here.k::bigint",
                        "new_unit": "there.k::bigint", "identity": "here.k", "key": "here.k", "new_key": "there.k",
                    ], table, [:]
                ),
                "describe_source": ([:], [:], ["query": "SELECT 1 AS k -- :x"]),
                "digest_source": (
                    ["row": "ROW(lacuna_query.k)", "unit": "lacuna_query.k::bigint"], [:],
                    ["query": "SELECT 1 AS k -- :x"]
                ),
                "digest_table": (
                    [
                        "row": "ROW(k, region)", "unit": "\"k\"::bigint",
                        "in_window": "k >= :'lower'::bigint AND k < :'upper'::bigint",
                    ], table, [:]
                ),
                "find_differences": (
                    [
                        "records": "pg_temp.batch", "columns": "\"k\", \"region\"", "fields": "NULL::text[]",
                        "unit": "\"k\"::bigint", "in_window": "k >= :'lower'::bigint AND k < :'upper'::bigint",
                        "same_row": "here.k = there.k",
                        "differs": "(CASE WHEN here.region <> there.region THEN '1' ELSE '0' END)::bit(1)",
                    ], table, [:]
                ),
                "count_withdrawn": (withdrawn, table, [:]),
                "delete_withdrawn": (withdrawn, table, [:]),
                "delete_withdrawn_by_key": (
                    withdrawn.merging(["names": "lacuna_key_0", "same_row": "lacuna_target.k = lacuna_key_0"]) { $1 },
                    table, [:]
                ),
                "count_new_records": (["records": "pg_temp.batch", "primary_key": "\"k\""], table, [:]),
                "create_batch_table": (["columns": "k bigint, region text, doc jsonb"], [:], [:]),
                "find_conflicting_record": (
                    ["records": "pg_temp.batch", "row": "k, region", "primary_key": "\"k\""], [:], [:]
                ),
                "find_field_sets": (["presence": "ARRAY['a']::text[]"], [:], [:]),
                "find_odd_partition": (["type": "integer"], [:], [:]),
                "count_segments": (
                    chunks("chunks").merging(["in_chunk": "k >= lacuna_chunk.lacuna_lower", "key": "k"]) { $1 }, table,
                    [:]
                ),
                "count_unit_rows": (hull, table, [:]),
                "count_unit_shortfalls": (
                    hull.merging([
                        "partition_list": "region, ", "partition_values": "ARRAY[region::text]",
                        "unit": "\"k\"::bigint", "failing": "0::bigint", "no_more": "",
                        "shortfall": "GREATEST(2 - lacuna_rows, 0)",
                    ]) { $1 }, table, ["condition": "k > 0 -- :x", "wanted": "", "only": "AND (k < 9)"]
                ),
                "count_units": (hull, table, [:]),
                "find_short_segments": (
                    chunks("chunks").merging(["key": "k", "from_lower": "k >= lacuna_chunk.lacuna_lower"]) { $1 },
                    table, [:]
                ),
                "find_present_keys": (
                    [
                        "partition_values": "ARRAY[region::text]", "in_partition": "true", "key": "\"region\"",
                        "keys": "ARRAY['gb']",
                    ], table, [:]
                ),
                "group_shard_units": (
                    hull.merging(["partition_values": "ARRAY[region::text]", "unit": "\"k\"::bigint"]) { $1 }, table,
                    [:]
                ),
                "set_on_shards": (["name": "lock_timeout", "value": "'30s'"], [:], [:]),
                "find_gaps": (
                    partition.merging([
                        "in_range": "k >= :'lower'::bigint AND k < :'upper'::bigint", "distinct": "DISTINCT",
                        "any_row": "(SELECT true LIMIT 1)", "gate": "AND (SELECT true LIMIT 1)",
                        "key": "\"k\"", "unit": "lacuna_key::bigint",
                    ]) { $1 }, table, [:]
                ),
                "group_units": (
                    hull.merging([
                        "partition_list": "region, ", "partition_values": "ARRAY[region::text]",
                        "unit": "\"k\"::bigint",
                    ]) { $1 }, table, [:]
                ),
                "measure_partition": (hull, table, [:]),
                "measure_partitions": (
                    hull.merging([
                        "partition_columns": "region", "this_partition": "lacuna_this.region",
                        "partition_values": "ARRAY[region::text]",
                        "in_partition": "region = lacuna_this.region",
                    ]) { $1 }, table, [:]
                ),
                "probe_units": (
                    chunks("chunks").merging([
                        "in_unit": "k = lacuna_chunk.lacuna_unit", "next": "region",
                        "key": "k", "from_lower": "k >= lacuna_chunk.lacuna_lower",
                        "from_last": "k >= lacuna_chunk.lacuna_upper - 1",
                        "is_common": "k = lacuna_wanted.lacuna_unit AND region <= lacuna_common.lacuna_bound",
                    ]) { $1 }, table, [:]
                ),
                "scan_changed_chunks": (
                    chunks("chunks").merging(["in_chunk": "k >= lacuna_chunk.lacuna_lower"]) { $1 }, table, [:]
                ),
                "skip_units": (
                    chunks("chunks").merging([
                        "key": "k", "in_first": "k >= 0", "in_rest": "k > lacuna_walk.lacuna_unit",
                    ]) { $1 }, table, [:]
                ),
                "find_stray_record": (
                    [
                        "records": "pg_temp.batch", "key": "k",
                        "in_window": "k >= :'lower'::bigint AND k < :'upper'::bigint",
                    ],
                    [:], [:]
                ),
                "register_keys": (["key": "\"k\"::bigint"], [:], ["query": "SELECT 1 AS k"]),
                "select_expected_keys": (
                    [
                        "partition_values": "ARRAY[\"region\"::text]", "expected": "\"k\"::bigint", "key": "\"k\"",
                        "registered": "(SELECT NULL::bigint AS ordinal, NULL::text AS key)", "kept": "MATERIALIZED",
                    ],
                    table, ["query": "SELECT 1 AS k, 'gb' AS region"]
                ),
                "select_partitions": (
                    ["partition_values": "ARRAY[\"region\"::text]"], [:], ["query": "SELECT 'gb' AS region -- :x"]
                ),
                "select_units": (partition, [:], ["query": "SELECT 1 AS k, 'gb' AS region"]),
                "upsert_batch": (upsert, table, [:]),
                "upsert_batch_plainly": (upsert, table, [:]),
            ]
        }()

    /// Statements that the server cannot prepare, or not before another one: they are run instead.
    static let utilities: Set<String> = [
        "analyze_batch", "arm_guard", "check_deferred_constraints", "copy_batch_csv", "copy_batch_json",
        "copy_table_csv", "copy_table_text",
        "create_batch_table", "create_guard", "create_tracking_trigger", "disarm_guard", "drop_batch_table",
        "drop_tracking_trigger", "enable_tracking_trigger", "import_snapshot", "lock_tracked_table", "set_on_shards",
        "truncate_batch_table",
    ]

    private func bound(_ template: StatementTemplate) throws -> BoundStatement {
        let arguments = StatementTests.arguments[template.name] ?? ([:], [:], [:])
        let file = try #require(StatementFile.all.first { $0.name == template.name })
        var values: [String: String?] = ["lower": "0", "upper": "10"]
        for variable in file.variables where variable[0] == "'" { values.updateValue(nil, forKey: variable[1]) }
        return try template.bound(
            identifiers: arguments.identifiers, fragments: arguments.fragments.mapValues { SQLFragment(trusted: $0) },
            values: values, userSQL: arguments.userSQL)
    }

    @Test("are all of the files in the folder, in order")
    func complete() {
        #expect(!StatementFile.all.isEmpty)
        #expect(Statements.all.map(\.name).sorted() == StatementFile.all.map(\.name))
        #expect(Set(Statements.all.map(\.name)).count == Statements.all.count)
        #expect(
            Set(StatementTests.arguments.keys).union(StatementTests.utilities).isSubset(of: Statements.all.map(\.name)))
    }

    @Test("are taken by the server, every one")
    func prepared() async throws {
        try await ScannedTable.with("CREATE TABLE t (k bigint PRIMARY KEY, region text)") { table in
            _ = try await SchemaInstaller.install(on: table.session)
            try await table.run(ClusterCatalogue.script)
            try await table.run("CREATE TEMPORARY TABLE batch (k bigint, region text, doc jsonb)")
            for template in Statements.all where !StatementTests.utilities.contains(template.name) {
                let statement = try bound(template)
                await #expect(throws: Never.self, "\(template.name)") {
                    _ = try await table.session.script(
                        "PREPARE \(template.name) AS \(statement.sql); DEALLOCATE \(template.name)", name: template.name
                    )
                }
            }
            try await table.run("DROP TABLE pg_temp.batch")
            try await table.session.withTransaction { session in
                for statement in [
                    Statements.createGuard, Statements.armGuard, Statements.disarmGuard, Statements.createBatchTable,
                ] {
                    try await session.query(try bound(statement))
                }
                for copy in [Statements.copyBatchCsv, Statements.copyBatchJson, Statements.copyTableCsv] {
                    #expect(try await session.copyIn(try bound(copy)) { _ in } == 0)
                }
                try await session.query(try bound(Statements.analyzeBatch))
                try await session.query(try bound(Statements.truncateBatchTable))
                try await session.query(try bound(Statements.dropBatchTable))
            }
        }
    }

    @Test("each say what they are for, and what every variable is", arguments: StatementFile.all)
    func headers(file: StatementFile) {
        #expect(file.header.hasPrefix("-- "))
        let parts = file.header.components(separatedBy: "-- Variables:")
        #expect((parts.first ?? "").count > 20, "the purpose")
        let words = Set((parts.last ?? "").components(separatedBy: CharacterSet.alphanumerics.union(["_"]).inverted))
        for variable in file.variables {
            #expect(parts.count == 2 && words.contains(variable[1]), "\(variable[1])")
        }
    }

    @Test("each are one statement without transaction control", arguments: StatementFile.all)
    func single(file: StatementFile) {
        let body = file.text.split(separator: "\n").filter { !$0.hasPrefix("--") }.joined(separator: "\n")
        #expect(!body.trimmingCharacters(in: .whitespacesAndNewlines).dropLast().contains(";"))
        #expect(file.text.utf8.allSatisfy { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\t") })
    }

    /// `ORDER BY` and `DISTINCT ON` take an output column before a column of the table, and PostgreSQL names an expression
    /// after a column in it: `SELECT "k"::bigint … ORDER BY "k"` sorts by the expression, which no index has in order.
    @Test("never sort by what they select where they mean a column of the table", arguments: StatementFile.all)
    func outputColumns(file: StatementFile) {
        let body = file.text.split(separator: "\n").filter { !$0.hasPrefix("--") }.joined(separator: "\n")
        let plainColumns: Set = ["columns", "partition_columns", "partition_list", "primary_key", "distinct"]
        for list in body.matches(of: /SELECT\s([^()]*?)\sFROM/) {
            for item in list.output.1.split(separator: ",") {
                let words = item.split(whereSeparator: \.isWhitespace)
                let expressions = words.filter {
                    $0.hasPrefix(":") && !$0.hasPrefix(":'") && !plainColumns.contains(String($0.dropFirst()))
                }
                #expect(expressions.isEmpty || words.contains("AS"), "\(item) has no name of its own")
            }
        }
        for column in body.matches(of: /(?:ORDER BY|DISTINCT ON \() ([a-z_]+)\b(?!\.)/) {
            let name = column.output.1
            #expect(
                name.hasPrefix("lacuna_") || !body.contains(" AS \(name)\n") && !body.contains(" AS \(name),"),
                "\(name) is an output column, too")
        }
    }

    @Test("find the same gaps when psql runs the file as it stands")
    func gapsByPsql() async throws {
        try await ScannedTable.with(
            "CREATE TABLE \"a table\" (k int, \"the region\" text); INSERT INTO \"a table\" VALUES (1, 'x'), (4, 'x'), (2, 'it''s')"
        ) { table in
            let printed = try psql(
                "find_gaps",
                [
                    "schema": "public", "table": "a table", "partition_columns": "\"the region\"",
                    "partition_values": "ARRAY[\"the region\"::text]", "unit": "lacuna_key",
                    "in_range": "k >= 0 AND k < 6",
                    "lower": "0",
                    "upper": "6", "distinct": "DISTINCT", "gate": "",
                    "any_row": "(SELECT true FROM \"a table\" WHERE k >= 0 AND k < 6 LIMIT 1)", "key": "k",
                ], table.database)
            let stream = try await table.stream("\"a table\"", type: .integer(step: 1), partitions: ["the region"])
            let result = try await WindowGapScan().scan(stream, range: 0..<6, partition: nil, on: table.session)
            let expected = result.missing.flatMap { partition, set in
                set.ranges.map { "{\(partition.values[0])}|\($0.lowerBound)|\($0.upperBound)" }
            }
            #expect(printed.sorted() == expected.sorted())
            #expect(printed.count == 5)
        }
    }

    @Test("resolve a table the same when psql runs the file as it stands")
    func relationByPsql() async throws {
        try await ScannedTable.with("CREATE SCHEMA \"S'\"; CREATE TABLE \"S'\".\"T\" (k int)") { table in
            let printed = try psql(
                "describe_relation", ["relation": "\"T\"", "search_path": "\"S'\""], table.database)
            let oid = try await table.database.value("SELECT '\"S''\".\"T\"'::regclass::oid::text")
            #expect(printed == ["S'|T|r|-1|t|t|t|t|\(oid)|f|f|f"])
            let description = try await TableDescription.load("\"S'\".\"T\"", on: table.session)
            #expect(description.schema == "S'" && description.name == "T" && description.rowEstimate == -1)
            try await table.run("SET search_path = \"S'\"")
            #expect(try await TableDescription.load("\"T\"", on: table.session).schema == "S'")
        }
    }

    @Test("report extents the same when psql runs the file as it stands")
    func extentsByPsql() async throws {
        try await ScannedTable.with("CREATE TABLE t (k int)") { table in
            _ = try await SchemaInstaller.install(on: table.session)
            try await table.run(
                "SELECT lacuna.extend_oldest('a:b', '{\"region\": \"gb\"}', 5), lacuna.extend_latest('a:b', '{\"region\": \"gb\"}', 9)"
            )
            let printed = try psql("select_extents", ["stream": "a:b", "columns": "{region}"], table.database)
            #expect(printed == ["{gb}|5|9"])
            let row = try await table.session.query(
                Statements.selectExtents.bound(values: ["stream": "a:b", "columns": "{region}"])
            ).only()
            #expect(try row.get("partition_values", as: TextArray.self).elements == ["gb"])
            #expect(try row.get("oldest", as: Int64.self) == 5 && row.get("latest", as: Int64.self) == 9)
        }
    }

    /// The lines that psql prints for a file.
    private func psql(_ name: String, _ variables: [String: String], _ database: TestDatabase) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database.connectionString]
            + variables.flatMap { ["-v", "\($0.key)=\($0.value)"] }
            + ["-f", StatementFile.folder.appendingPathComponent("\(name).sql").path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return text.split(separator: "\n").map(String.init)
    }
}
