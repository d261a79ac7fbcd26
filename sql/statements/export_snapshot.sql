-- Lets other sessions of the role read from the snapshot of this transaction, for as long as it is open.
--
-- Rows: one: snapshot text (its name), NULL if the role may not.
SELECT
    CASE WHEN pg_catalog.has_function_privilege('pg_catalog.pg_export_snapshot()', 'EXECUTE')
        THEN pg_catalog.pg_export_snapshot() END AS snapshot
