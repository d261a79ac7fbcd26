-- Resolves a table's name and says what it is.
--
-- Variables:
--   relation        text          the name as a user writes it, quoted as in SQL where it needs to be
-- Rows: none where there is no such table, else one: schema, name, kind ("char"), row_estimate.
SELECT
    n.nspname AS schema,
    c.relname AS name,
    c.relkind::text AS kind,
    pg_catalog.floor(c.reltuples)::bigint AS row_estimate,
    pg_catalog.has_table_privilege(c.oid, 'SELECT') AS can_select,
    pg_catalog.has_table_privilege(c.oid, 'INSERT') AS can_insert,
    pg_catalog.has_table_privilege(c.oid, 'UPDATE') AS can_update
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(:'relation') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
