-- Whether changes can be recorded here, and what this role may do with them. The schema has to be readable.
--
-- Rows: one: installed boolean, readable boolean, writable boolean.
SELECT
    pg_catalog.to_regclass('lacuna.tracking') IS NOT NULL AS installed,
    COALESCE(pg_catalog.bool_and(pg_catalog.has_table_privilege(t.name, 'SELECT')), false) AS readable,
    COALESCE(pg_catalog.bool_and(
        pg_catalog.has_table_privilege(t.name, 'SELECT') AND pg_catalog.has_table_privilege(t.name, 'INSERT')
        AND pg_catalog.has_table_privilege(t.name, 'UPDATE') AND pg_catalog.has_table_privilege(t.name, 'DELETE')), false)
        AND NOT pg_catalog.pg_is_in_recovery() AS writable
FROM pg_catalog.unnest(ARRAY[
    pg_catalog.to_regclass('lacuna.tracking'), pg_catalog.to_regclass('lacuna.summary'),
    pg_catalog.to_regclass('lacuna.change')]) AS t (name)
