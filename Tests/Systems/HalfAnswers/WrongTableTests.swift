import Foundation
import TestSupport
import Testing

@Suite("Records that do not fit their table")
struct WrongTableTests {
    private func with(
        _ table: String, _ file: (name: String, text: String), first: Int = 1,
        _ body: (Installation) async throws -> Void
    ) async throws {
        let config = """
            sources: {files: {type: file, path: \(file.name)}}
            streams:
              t:
                source: files
                table: t
                key: {column: n, type: integer}
                expect: {from: \(first)}
                batch: 10
                workers: 1

            """
        try await Installation.with(table, config: config, files: [file.name: file.text], body)
    }

    @Test(
        "fail before the first row if a column gets nothing and a field is written like it",
        arguments: [
            ("rows.ndjson", "{\"n\":1,\"closeTime\":\"x\"}\n", "close_time: closeTime"),
            ("rows.csv", "n,Close Time\n1,x\n", "close_time: \"Close Time\""),
            ("rows.csv", "n,CLOSE_TIME\n1,x\n", "close_time: CLOSE_TIME"),
        ])
    func namesDiffer(name: String, text: String, advice: String) async throws {
        try await with("CREATE TABLE t (n bigint PRIMARY KEY, close_time text)", (name, text)) { installation in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1, "\(run.output)")
            #expect(run.errors.contains("columns: {\(advice)}"), "\(run.errors)")
            #expect(try await installation.database.number("SELECT count(*) FROM t") == 0)
            // Once rows are there it is told, and they land.
            try await installation.database.execute("INSERT INTO t VALUES (2, 'there')")
            let noted = try await installation.lacuna("reconcile")
            #expect(noted.status == 0, "\(noted.errors)")
            #expect(noted.errors.contains("columns: {\(advice)}"), "\(noted.errors)")
            try installation.edit("lacuna.yaml", "batch: 10", to: "batch: 10\n    columns: {\(advice)}")
            #expect(try await installation.lacuna("mark", "t", "--from", "1", "--to", "1").status == 0)
            #expect(try await installation.lacuna("reconcile").status == 0)
            #expect(try await installation.database.value("SELECT close_time FROM t WHERE n = 1") == "x")
        }
    }

    @Test(
        "in camel case fill columns in snake case by snake_case: true, the key and the partition too",
        arguments: [
            ("rows.ndjson", "{\"blockNumber\":1,\"chainId\":\"x\",\"txCount\":5,\"label\":\"l\"}\n"),
            ("rows.csv", "blockNumber,chainId,txCount,label\n1,x,5,l\n"),
        ])
    func snakeCase(name: String, text: String) async throws {
        let config = """
            sources: {files: {type: file, path: \(name)}}
            streams:
              t:
                source: files
                table: t
                key: {column: block_number, type: integer}
                partitions: {chain_id: [x]}
                expect: {from: 1, to: 1}
                columns: {name: label}

            """
        let table = """
            CREATE TABLE t (
                block_number bigint, chain_id text, tx_count integer, name text, PRIMARY KEY (block_number, chain_id))
            """
        try await Installation.with(table, config: config, files: [name: text]) { installation in
            let without = try await installation.lacuna("reconcile")
            #expect(without.status == 1, "\(without.output)")
            try installation.edit("lacuna.yaml", "columns:", to: "snake_case: true\n    columns:")
            let run = try await installation.lacuna("reconcile", "--retry-now")
            #expect(run.status == 0, "\(run.errors)")
            let row = "SELECT block_number || chain_id || tx_count || name FROM t"
            #expect(try await installation.database.value(row) == "1x5l")
        }
    }

    @Test("are said to need snake_case only if that is a remedy", arguments: ["closeTime", "CloseTime"])
    func advice(field: String) async throws {
        let table = "CREATE TABLE t (n bigint PRIMARY KEY, close_time text)"
        try await with(table, ("rows.ndjson", "{\"n\":1,\"\(field)\":\"x\"}\n")) { installation in
            let run = try await installation.lacuna("reconcile")
            #expect(run.errors.contains("snake_case: true") == (field == "closeTime"), "\(run.errors)")
            #expect(run.errors.contains("columns: {close_time: \(field)}"), "\(run.errors)")
        }
    }

    @Test("fail before the first row if they fill nothing but what identifies it")
    func onlyKeys() async throws {
        let table = "CREATE TABLE t (id integer PRIMARY KEY, n bigint NOT NULL, price numeric, name text)"
        try await with(table, ("rows.ndjson", "{\"n\":1,\"id\":7,\"cost\":3,\"label\":\"x\"}\n")) { installation in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 1, "\(run.output)")
            #expect(run.errors.contains("fill nothing of t but what identifies a row"), "\(run.errors)")
        }
    }

    @Test("are welcome if the table has a column of its own and the records a field of theirs")
    func others() async throws {
        let table = "CREATE TABLE t (n bigint PRIMARY KEY, v text, remark text)"
        try await with(table, ("rows.ndjson", "{\"n\":1,\"v\":\"x\",\"etag\":\"y\"}\n")) { installation in
            let run = try await installation.lacuna("reconcile")
            #expect(run.status == 0, "\(run.errors)")
            #expect(!run.errors.contains("columns:"), "\(run.errors)")
        }
    }

    @Test(
        "fail if they would take rows out of other units, which a wrong primary key does for ever; moved_rows: allow moves them"
    )
    func movedRows() async throws {
        let table = "CREATE TABLE t (id integer PRIMARY KEY, n bigint NOT NULL, v text)"
        // The id says nothing of the unit: ten of them for forty units.
        let rows = (0..<40).map { "\($0 % 10),\($0),v\($0)\n" }.joined()
        try await with(table, ("rows.csv", "id,n,v\n" + rows), first: 0) { installation in
            for _ in 0..<2 {
                let run = try await installation.lacuna("reconcile", "--retry-now")
                #expect(run.status == 1, "\(run.output)")
                #expect(run.errors.contains("would leave another unit, among them (id) ="), "\(run.errors)")
                #expect(run.errors.contains("check `primary_key`"), "\(run.errors)")
                #expect(
                    try await installation.database.value("SELECT count(*) || ' ' || count(DISTINCT n / 10) FROM t")
                        == "10 1")
            }
            try installation.edit("lacuna.yaml", "batch: 10", to: "batch: 10\n    moved_rows: allow")
            let moved = try await installation.lacuna("reconcile", "--retry-now", "--max-batches", "1")
            #expect(moved.output.contains("10 updated"), "\(moved.output)\(moved.errors)")
        }
    }
}
