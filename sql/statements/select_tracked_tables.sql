-- The tables that changes of a stream's table can be made through: itself and all its partitions.
--
-- Variables:
--   schema, name    text          the stream's table
--   key             text          the key column
--   partitions      text[]        the partition columns
-- Rows: schema text, name text, kind text, columns text, types text (arrays, for the triggers); parents first.
WITH RECURSIVE tree (oid, level) AS (
    SELECT c.oid, 0
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = :'name'
    UNION ALL
    SELECT i.inhrelid, t.level + 1 FROM tree AS t JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid
)
SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
    pg_catalog.array_agg(a.attname ORDER BY a.attname)::text AS columns,
    pg_catalog.array_agg(a.atttypid ORDER BY a.attname)::text AS types
FROM tree AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND NOT a.attisdropped
    AND a.attname = ANY ((:'partitions'::text[] || :'key'::text)::name[])
GROUP BY t.level, t.oid, n.nspname, c.relname, c.relkind
ORDER BY t.level, t.oid
