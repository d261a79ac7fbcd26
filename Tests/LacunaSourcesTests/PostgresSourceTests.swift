import Foundation
import Lacuna
import LacunaSources
import TestSupport
import Testing

@Suite("A postgres source")
struct PostgresSourceTests {
    @Test("copies the rows of a window, NULL apart from the empty text")
    func copies() async throws {
        try await TestDatabase.with { database in
            try await database.execute(
                """
                CREATE TABLE t (n bigint, v text);
                INSERT INTO t VALUES (1, 'a'), (2, NULL), (3, ''), (4, 'x,"y"'), (5, 'e')
                """)
            var settings = PostgresSettings(
                query: try Template("SELECT n, v FROM t WHERE n BETWEEN {window.first} AND {window.last} ORDER BY n;"))
            settings.database = database.connectionString
            settings.tip = try Template("SELECT max(n) FROM t")
            let fixture = SourceFixture(PostgresSource(settings))
            #expect(try await fixture.fetch(2..<5).lines == ["2,", "3,\"\"", "4,\"x,\"\"y\"\"\""])
            #expect(try await fixture.tip() == "5")
        }
    }

    @Test("cannot write to the database it reads, and tells what was refused")
    func readOnly() async throws {
        try await TestDatabase.with { database in
            try await database.execute(
                "CREATE TABLE t (n bigint); CREATE FUNCTION add() RETURNS bigint LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING n'"
            )
            var settings = PostgresSettings(query: try Template("SELECT add() AS n"))
            settings.database = database.connectionString
            let fixture = SourceFixture(PostgresSource(settings))
            let error = await #expect(throws: SourceError.self) { try await fixture.fetch(1..<2) }
            #expect(error?.message.contains("25006") == true)
            #expect(try await database.number("SELECT count(*) FROM t") == 0)
        }
    }

    @Test("quotes what a partition is called")
    func hostilePartition() async throws {
        try await TestDatabase.with { database in
            let name = "o'hare\\; DROP TABLE t --"
            try await database.execute("CREATE TABLE t (n bigint, who text); INSERT INTO t VALUES (1, 'x')")
            var settings = PostgresSettings(
                query: try Template("SELECT 1 AS n, {partition.who} AS who FROM t WHERE who <> {partition.who}"))
            settings.database = database.connectionString
            var stream = StreamDefinition(name: "s", table: "t", keyColumn: "n", keyType: .integer(step: 1))
            stream.partitions = .product([PartitionColumn(name: "who", values: [name])])
            let sink = RecordSink(
                layout: RecordLayout(
                    keyField: "n", keyType: stream.keyType, window: 1..<2,
                    partition: [PartitionField(field: "who", value: name)], stray: .reject))
            _ = try await PostgresSource(settings).fetch(
                FetchRequest(stream: stream, partition: Partition([name]), window: 1..<2), into: sink)
            #expect(try sink.finish().recordCount == 1)
            #expect(try await database.number("SELECT count(*) FROM t") == 1)
        }
    }
}
