import Foundation
import TestSupport

/// Holds a database against what the source ever had, by plain SQL through psql: it shares no code with Lacuna.
///
/// Triggers of its own log every row, verified range, extent and batch with the transaction that wrote it.
struct Checker: Sendable {
    let server: PrivateServer
    let database: String

    /// What makes the user's table, the known history and the log. The `lacuna` schema has to be there.
    static let tables = """
        CREATE TABLE facts (n bigint, part integer, v text NOT NULL, PRIMARY KEY (n, part));
        CREATE SCHEMA truth;
        CREATE TABLE truth.history (n bigint, part integer, v text, PRIMARY KEY (n, part));
        CREATE TABLE truth.event (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
            who text NOT NULL DEFAULT pg_catalog.current_setting('application_name'), what text NOT NULL,
            n bigint, part integer, v text, lower bigint, upper bigint, run bigint, batch bigint);
        CREATE INDEX ON truth.event (xid);
        """

    static let triggers = """
        CREATE FUNCTION truth.log_fact() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                INSERT INTO truth.event (what, n, part, v) VALUES ('delete', OLD.n, OLD.part, OLD.v);
            ELSIF TG_OP = 'UPDATE' AND OLD.* IS NOT DISTINCT FROM NEW.* THEN
                INSERT INTO truth.event (what, n, part, v) VALUES ('rewrite', NEW.n, NEW.part, NEW.v);
            ELSE
                INSERT INTO truth.event (what, n, part, v) VALUES ('row', NEW.n, NEW.part, NEW.v);
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER log AFTER INSERT OR UPDATE OR DELETE ON facts FOR EACH ROW EXECUTE FUNCTION truth.log_fact();
        CREATE FUNCTION truth.log_batch() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO truth.event (what, lower, upper, run, batch)
            VALUES (NEW.state, NEW.lower, NEW.upper, NEW.run, NEW.batch);
            RETURN NULL;
        END $$;
        CREATE TRIGGER log AFTER INSERT ON lacuna.batch FOR EACH ROW EXECUTE FUNCTION truth.log_batch();
        CREATE FUNCTION truth.log_verified() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO truth.event (what, lower, upper) VALUES ('verified', NEW.lower, NEW.upper);
            RETURN NULL;
        END $$;
        CREATE TRIGGER log AFTER INSERT OR UPDATE ON lacuna.verified_empty
            FOR EACH ROW EXECUTE FUNCTION truth.log_verified();
        CREATE FUNCTION truth.log_extents() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO truth.event (what, lower, upper) VALUES ('extents', NEW.oldest, NEW.latest);
            RETURN NULL;
        END $$;
        CREATE TRIGGER log AFTER INSERT OR UPDATE ON lacuna.cursor FOR EACH ROW EXECUTE FUNCTION truth.log_extents();
        """

    /// What must hold in every snapshot. Each row is a violation.
    static func always(overlap: Int) -> String {
        """
        SELECT 'a row that the source never had: ' || e.n || ' ' || e.part || ' ' || e.v FROM truth.event AS e
        WHERE e.what = 'row' AND e.who <> 'ingester' AND NOT EXISTS (
            SELECT FROM truth.history AS h WHERE (h.n, h.part, h.v) = (e.n, e.part, e.v))
        UNION ALL
        SELECT 'a row without a batch of its transaction whose window holds it: ' || e.n FROM truth.event AS e
        WHERE e.what = 'row' AND e.who LIKE 'lacuna%' AND NOT EXISTS (
            SELECT FROM truth.event AS b WHERE b.xid = e.xid AND b.what = 'committed'
                AND e.n >= b.lower::numeric - \(overlap) AND e.n < b.upper::numeric + \(overlap))
        UNION ALL
        SELECT e.what || ' without a batch of its transaction: ' || e.lower || ' ' || e.upper FROM truth.event AS e
        WHERE e.what IN ('verified', 'extents') AND e.who LIKE 'lacuna%' AND NOT EXISTS (
            SELECT FROM truth.event AS b WHERE b.xid = e.xid AND b.what = 'committed')
        UNION ALL
        SELECT 'a row that was equal was written again: ' || n FROM truth.event WHERE what = 'rewrite'
        UNION ALL
        SELECT 'verified empty, but the source has it: ' || h.n FROM lacuna.verified_empty AS e
        JOIN truth.history AS h ON h.n >= e.lower AND h.n < e.upper
        UNION ALL
        SELECT 'an extent was moved back: ' || id FROM (
            SELECT id, lower > lag(lower) OVER (ORDER BY id) OR upper < lag(upper) OVER (ORDER BY id) AS moved
            FROM truth.event WHERE what = 'extents') AS e
        WHERE e.moved
        UNION ALL
        SELECT 'an extent where nothing ever was: ' || x.n FROM lacuna.cursor AS c
        CROSS JOIN LATERAL (VALUES (c.oldest), (c.latest)) AS x (n)
        WHERE NOT EXISTS (SELECT FROM truth.event AS e WHERE e.what = 'row' AND e.n = x.n
            OR e.what = 'verified' AND e.lower <= x.n AND e.upper > x.n)
        UNION ALL
        SELECT 'a row outside the extents: ' || f.n FROM facts AS f CROSS JOIN lacuna.cursor AS c
        WHERE \(overlap) = 0 AND (f.n < c.oldest OR f.n > c.latest)
        UNION ALL
        SELECT 'a catchup in ' || count(DISTINCT e.xid) || ' transactions: run ' || e.run FROM truth.event AS e
        JOIN lacuna.run AS r ON r.id = e.run AND r.mode = 'catchup'
        WHERE e.what = 'committed' GROUP BY e.run HAVING count(DISTINCT e.xid) > 1
        UNION ALL
        SELECT 'run ' || r.id || ' says that it committed ' || r.committed || ', but there are ' || count(b.batch)
        FROM lacuna.run AS r LEFT JOIN lacuna.batch AS b ON b.run = r.id AND b.state = 'committed'
        WHERE r.ended_at IS NOT NULL AND r.state <> 'unknown'
        GROUP BY r.id HAVING count(b.batch) <> r.committed
        """
    }

    /// What must hold once everything has healed.
    static func healed(first: Int, tip: Int) -> String {
        """
        SELECT 'missing: ' || h.n || ' ' || h.part FROM truth.history AS h
        WHERE h.n <= \(tip) AND NOT EXISTS (SELECT FROM facts AS f WHERE (f.n, f.part, f.v) = (h.n, h.part, h.v))
        UNION ALL
        SELECT 'beyond the history: ' || f.n FROM facts AS f
        WHERE NOT EXISTS (SELECT FROM truth.history AS h WHERE (f.n, f.part, f.v) = (h.n, h.part, h.v))
        UNION ALL
        SELECT 'neither there nor verified empty: ' || u FROM generate_series(\(first)::bigint, \(tip)::bigint) AS u
        WHERE NOT EXISTS (SELECT FROM facts WHERE n = u)
            AND NOT EXISTS (SELECT FROM lacuna.verified_empty WHERE lower <= u AND upper > u)
        UNION ALL
        SELECT 'still marked wrong: ' || lower || ' ' || upper FROM lacuna.refetch
        UNION ALL
        SELECT 'left over: ' || locktype || ' lock' FROM pg_locks
        WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        UNION ALL
        SELECT 'left over: temporary table ' || relname FROM pg_class WHERE relpersistence = 't'
        UNION ALL
        SELECT 'left over: session ' || application_name || ' ' || state FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'lacuna%'
        """
    }

    /// Runs SQL through psql and returns its lines.
    ///
    /// - Parameter name: what `application_name` is.
    /// - Throws: where psql fails.
    func lines(_ sql: String, name: String = "checker") async throws -> [String] {
        // The warning of a server that is stopped may come after the last row.
        let address =
            server.connectionString(database: database)
            + " application_name=\(name) options='-c client_min_messages=error'"
        let result = try await Command.run([server.psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", sql])
        guard result.status == 0 else { throw TestEnvironmentError("psql: \(result.output)") }
        return result.output.split(separator: "\n").map(String.init)
    }
}
