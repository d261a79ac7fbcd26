-- Whether a table has an index whose leading columns are these: the one that gap scans want.
--
-- Variables:
--   schema, name    text          the table
--   columns         text[]        the partition columns and the key column
-- Rows: one: found boolean.
SELECT EXISTS (
    SELECT
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = :'name' AND i.indisvalid AND i.indpred IS NULL
        AND (
            SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.position)
            FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, position)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE k.position <= pg_catalog.cardinality(:'columns'::text[])
        ) = :'columns'::text[]
) AS found
