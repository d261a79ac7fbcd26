-- Resolves a table's name and says what it is.
--
-- Only the name is resolved with the user's search path: the statement's own operators are resolved before it is set.
--
-- Variables:
--   relation        text          the name as a user writes it, quoted as in SQL where it needs to be
--   search_path     text          where it is looked for without a schema; it holds for this statement
-- Rows: none if there is no such table, else one: schema, name, kind ("char"), row_estimate bigint, can_select, can_insert,
-- can_update and can_delete boolean, oid bigint, is_columnar boolean (it takes rows and changes none), is_hypertable boolean (of
-- TimescaleDB, which parts it into chunks), in_cluster boolean (the database belongs to a Citus cluster).
WITH path AS MATERIALIZED (
    SELECT pg_catalog.set_config('search_path', :'search_path', true) AS path
), found AS MATERIALIZED (
    SELECT pg_catalog.to_regclass(CASE WHEN path.path IS NOT NULL THEN :'relation' END)::oid AS oid
    FROM path
)
SELECT
    n.nspname AS schema,
    c.relname AS name,
    c.relkind::text AS kind,
    pg_catalog.floor(c.reltuples)::bigint AS row_estimate,
    pg_catalog.has_table_privilege(c.oid, 'SELECT') AS can_select,
    pg_catalog.has_table_privilege(c.oid, 'INSERT') AS can_insert,
    pg_catalog.has_table_privilege(c.oid, 'UPDATE') AS can_update,
    pg_catalog.has_table_privilege(c.oid, 'DELETE') AS can_delete,
    c.oid::bigint AS oid,
    COALESCE((SELECT m.amname = 'columnar' FROM pg_catalog.pg_am AS m WHERE m.oid = c.relam), false) AS is_columnar,
    EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgname = 'ts_insert_blocker') AS is_hypertable,
    pg_catalog.to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS in_cluster
FROM found
JOIN pg_catalog.pg_class AS c ON c.oid = found.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
