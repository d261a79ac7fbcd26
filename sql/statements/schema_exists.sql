-- Whether the lacuna schema is installed, and what this role may do with it.
--
-- Rows: one: installed boolean, readable boolean (all of it), writable boolean (the evidence and the journal too), tables
-- text[] (by name; that of an older program has fewer).
WITH relation AS (
    SELECT
        c.oid, c.relname, c.relkind,
        pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS is_visible
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'lacuna'
), may AS (
    SELECT
        pg_catalog.bool_and(is_visible AND pg_catalog.has_table_privilege(oid, 'SELECT'))
            FILTER (WHERE relkind = 'r') AS read,
        pg_catalog.bool_and(
            pg_catalog.has_table_privilege(oid, 'INSERT') AND pg_catalog.has_table_privilege(oid, 'UPDATE')
            AND pg_catalog.has_table_privilege(oid, 'DELETE'))
            FILTER (WHERE relkind = 'r' AND relname <> 'migration') AS change,
        pg_catalog.bool_and(pg_catalog.has_sequence_privilege(oid, 'UPDATE')) FILTER (WHERE relname = 'run_id_seq') AS draw
    FROM relation
)
SELECT
    EXISTS (SELECT FROM relation WHERE relname = 'migration') AS installed,
    COALESCE(may.read, false) AS readable,
    COALESCE(may.read AND may.change AND may.draw, false) AS writable,
    ARRAY(SELECT relname::text FROM relation WHERE relkind = 'r' ORDER BY 1) AS tables
FROM may
