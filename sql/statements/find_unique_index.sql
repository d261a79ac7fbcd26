-- Whether a table has a unique index on exactly these columns, in any order, that ON CONFLICT can use.
--
-- Variables:
--   schema, name    text          the table
--   columns         text[]        the columns
-- Rows: one: found boolean.
SELECT EXISTS (
    SELECT
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = :'name'
        AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        AND (
            SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attname)
            FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, position)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE k.position <= i.indnkeyatts
        ) = (SELECT pg_catalog.array_agg(wanted ORDER BY wanted COLLATE "C")
            FROM pg_catalog.unnest(:'columns'::text[]) AS wanted)
) AS found
