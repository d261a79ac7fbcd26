import Lacuna
import Postgres
import TestSupport
import Testing

@Suite("A scan of what has changed")
struct TrackedScanTests {
    /// Something that is done to a table, and how much the next scan reads again; nil: all, for a reason.
    struct Change: Sendable, CustomTestStringConvertible {
        let sql: String
        let again: ClosedRange<UInt64>?
        var testDescription: String { sql }

        init(_ sql: String, again: ClosedRange<UInt64>?) {
            self.sql = sql
            self.again = again
        }
    }

    static let plain = """
        CREATE TABLE t (k bigint PRIMARY KEY, v text, other bigint);
        CREATE INDEX ON t (v);
        INSERT INTO t SELECT i, 'v', i FROM generate_series(0, 899) AS i WHERE i % 100 <> 7;
        CREATE TABLE parent (id bigint PRIMARY KEY);
        INSERT INTO parent SELECT generate_series(0, 1000);
        """

    static let changes: [Change] = [
        Change("SELECT", again: 0...0),
        Change("DELETE FROM t WHERE k = 50", again: 1...1),
        Change("DELETE FROM t WHERE k IN (5, 50, 500)", again: 3...3),
        Change("DELETE FROM t WHERE k BETWEEN 10 AND 19", again: 10...10),
        Change("DELETE FROM t WHERE v = 'w'", again: 0...0),
        Change("INSERT INTO t VALUES (7), (950)", again: 2...2),
        Change("INSERT INTO t VALUES (-5), (1000), (5000)", again: 0...0),
        Change("UPDATE t SET v = 'w'", again: 0...0),
        Change("UPDATE t SET k = k WHERE k < 100", again: 0...0),
        Change("UPDATE t SET k = 7 WHERE k = 8", again: 2...2),
        Change("UPDATE t SET k = k + 1000 WHERE k < 10", again: 9...9),
        Change("UPDATE t SET k = 950 WHERE ctid = (SELECT ctid FROM t WHERE k = 33)", again: 2...2),
        Change("UPDATE t SET k = k + 950 WHERE k IN (3, 4)", again: 4...4),
        Change("INSERT INTO t VALUES (50, 'w') ON CONFLICT (k) DO UPDATE SET k = 960", again: 2...2),
        Change("INSERT INTO t VALUES (50, 'w'), (960, 'w') ON CONFLICT (k) DO NOTHING", again: 1...1),
        Change(
            """
            WITH gone AS (DELETE FROM t WHERE k < 5 RETURNING k) INSERT INTO t SELECT k + 950 FROM gone
            """, again: 10...10),
        Change("BEGIN; DELETE FROM t WHERE k < 20; ROLLBACK", again: 0...0),
        Change(
            """
            BEGIN;
            SAVEPOINT a;
            DELETE FROM t WHERE k < 20;
            ROLLBACK TO a;
            DELETE FROM t WHERE k = 3;
            COMMIT
            """, again: 1...1),
        Change("BEGIN; SAVEPOINT a; DELETE FROM t WHERE k < 20; RELEASE a; COMMIT", again: 19...19),
        Change("BEGIN; DELETE FROM t WHERE k = 3; INSERT INTO t VALUES (3); COMMIT", again: 1...1),
        Change(
            """
            DO $$ BEGIN DELETE FROM t WHERE k < 5;
            RAISE EXCEPTION 'x';
            EXCEPTION WHEN OTHERS THEN NULL;
            END $$
            """, again: 0...0),
        Change(
            """
            SET session_replication_role = replica;
            DELETE FROM t WHERE k < 3;
            RESET session_replication_role
            """, again: 3...3),
        Change(
            """
            ALTER TABLE t ADD FOREIGN KEY (other) REFERENCES parent ON DELETE CASCADE;
            DELETE FROM parent WHERE id < 20
            """, again: 19...19),
        Change(
            """
            ALTER TABLE t ADD FOREIGN KEY (k) REFERENCES parent ON UPDATE CASCADE;
            UPDATE parent SET id = 2000 WHERE id = 20
            """, again: 1...1),
        Change("CREATE VIEW w AS SELECT * FROM t WHERE k < 100; DELETE FROM w WHERE k > 50", again: 49...49),
        Change(
            """
            CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL;
            END';
            CREATE TRIGGER keep BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION keep();
            DELETE FROM t WHERE k < 20
            """, again: 0...0),
        Change("VACUUM t", again: 0...0),
        Change("ANALYZE t", again: 0...0),
        Change("REINDEX TABLE t", again: 0...0),
        Change("ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME TO t; DELETE FROM t WHERE k = 3", again: 1...1),
        Change("TRUNCATE t", again: nil),
        Change("BEGIN; TRUNCATE t; INSERT INTO t VALUES (4); COMMIT", again: nil),
        Change("BEGIN; TRUNCATE t; ROLLBACK", again: 0...0),
        Change("DELETE FROM t", again: 891...891),
        Change("CLUSTER t USING t_pkey", again: nil),
        Change("VACUUM FULL t", again: nil),
        Change("ALTER TABLE t ALTER k TYPE bigint USING k + 1", again: nil),
        Change("ALTER TABLE t ALTER k TYPE integer", again: nil),
        Change(
            """
            ALTER TABLE t DISABLE TRIGGER ALL;
            DELETE FROM t WHERE k < 50;
            ALTER TABLE t ENABLE TRIGGER ALL
            """, again: nil),
        Change(
            """
            ALTER TABLE t DISABLE TRIGGER lacuna_change_1_delete;
            DELETE FROM t WHERE k < 50;
            ALTER TABLE t ENABLE ALWAYS TRIGGER lacuna_change_1_delete
            """, again: nil),
        Change(
            """
            BEGIN;
            ALTER TABLE t DISABLE TRIGGER lacuna_change_1_delete;
            DELETE FROM t WHERE k < 50;
            ALTER TABLE t ENABLE ALWAYS TRIGGER lacuna_change_1_delete;
            COMMIT
            """, again: nil),
        Change("DROP TRIGGER lacuna_change_1_delete ON t; DELETE FROM t WHERE k < 50", again: nil),
        Change(
            """
            DROP TRIGGER lacuna_change_1_delete ON t;
            DELETE FROM t WHERE k < 50;
            CREATE TRIGGER lacuna_change_1_delete AFTER DELETE ON t REFERENCING OLD TABLE AS old_rows FOR EACH
            STATEMENT EXECUTE FUNCTION lacuna.record_change('1')
            """, again: nil),
        Change(
            """
            ALTER TABLE t RENAME k TO old;
            ALTER TABLE t RENAME other TO k;
            UPDATE t SET k = k + 100 WHERE k < 100
            """, again: nil),
        Change(
            """
            ALTER TABLE t RENAME k TO x;
            ALTER TABLE t RENAME other TO k;
            DELETE FROM t WHERE x < 9;
            ALTER TABLE t RENAME k TO other;
            ALTER TABLE t RENAME x TO k
            """, again: nil),
        Change("ALTER TABLE t RENAME k TO x; DELETE FROM t WHERE x < 9; ALTER TABLE t RENAME x TO k", again: nil),
        Change(
            """
            CREATE TABLE s (LIKE t INCLUDING ALL);
            INSERT INTO s VALUES (3);
            DROP TABLE t;
            ALTER TABLE s RENAME TO t
            """, again: nil),
        Change("CREATE TABLE child () INHERITS (t); INSERT INTO child VALUES (950)", again: nil),
        Change("ALTER TABLE t SET UNLOGGED; DELETE FROM t WHERE k < 9", again: nil),
        Change("ALTER TABLE t ENABLE ROW LEVEL SECURITY", again: nil),
        Change("TRUNCATE lacuna.change", again: nil),
        Change("DELETE FROM t WHERE k < 9; DELETE FROM lacuna.change", again: nil),
        Change("DELETE FROM t WHERE k < 9; UPDATE lacuna.change SET first = 8", again: nil),
        Change("TRUNCATE lacuna.summary", again: nil),
        Change("DELETE FROM lacuna.summary", again: nil),
        Change(
            """
            CREATE OR REPLACE FUNCTION lacuna.record_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN
            NULL;
            END';
            DELETE FROM t WHERE k < 9
            """, again: nil),
        Change(
            """
            CREATE TABLE copy AS TABLE lacuna.tracking;
            DELETE FROM lacuna.tracking;
            INSERT INTO lacuna.tracking OVERRIDING SYSTEM VALUE TABLE copy
            """, again: nil),
    ]

    @Test("finds what a whole scan finds, whatever was done to the table", arguments: changes)
    func changed(change: Change) async throws {
        try await TrackedTable.with(TrackedScanTests.plain) { table in
            #expect(try await table.check()?.wholeBecause == "there is no summary yet")
            try await table.keep()
            #expect(try await table.check()?.isAgain(0...0) == true)
            try await table.run(change.sql)
            let account = try #require(try await table.check())
            if let again = change.again {
                #expect(account.isAgain(again), "\(account)")
            } else {
                #expect(account.wholeBecause != nil, "\(account)")
            }
        }
    }

    @Test("does not run what a type of another column checks", arguments: ["origin", "replica"])
    func otherColumns(role: String) async throws {
        try await TrackedTable.with(
            """
            CREATE SEQUENCE checks;
            CREATE FUNCTION check_text(text) RETURNS boolean LANGUAGE sql VOLATILE AS
                'SELECT nextval(''public.checks'') > 0';
            CREATE DOMAIN checked AS text CHECK (check_text(VALUE));
            \(TrackedScanTests.plain);
            ALTER TABLE t ADD z checked
            """
        ) { table in
            try await table.keep()
            try await table.run(
                """
                SET session_replication_role = \(role);
                ALTER SEQUENCE checks RESTART;
                INSERT INTO t (k, z) VALUES (7, 'x');
                RESET session_replication_role
                """)
            #expect(try await table.check()?.isAgain(1...1) == true)
            // The value of the INSERT itself.
            #expect(
                try await table.table.database.column("SELECT last_value || ' ' || is_called FROM checks") == ["1 true"]
            )
        }
    }
}
