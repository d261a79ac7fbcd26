-- The triggers that record changes for a stream, wherever they are.
--
-- Variables:
--   id              integer       of the stream in lacuna.tracking
-- Rows: schema text, name text (of the table), trigger text; by table.
SELECT n.nspname AS schema, c.relname AS name, t.tgname AS trigger
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE t.tgfoid = pg_catalog.to_regprocedure('lacuna.record_change()') AND NOT t.tgisinternal
    AND pg_catalog.substring(t.tgargs, 1, pg_catalog.octet_length(:'id'::text) + 1)
        = pg_catalog.convert_to(:'id'::text, 'UTF8') || '\x00'::bytea
ORDER BY c.oid, t.tgname
