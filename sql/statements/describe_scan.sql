-- What decides how a table is scanned for gaps: what it is, its indexes, and the planner's statistics.
--
-- An index counts as unique only where no two rows of any snapshot can be equal in partition columns and key: valid,
-- checked at once, over all rows, with the columns' own equality. NULLs may repeat, but are in no partition and no unit.
--
-- Variables:
--   schema, name    text          the table
--   partitions      text[]        the partition columns
--   key             text          the key column
-- Rows: one:
--   is_plain boolean              a table, materialized view or partitioned table whose rows are all its own
--   is_unique boolean             partition columns and key identify a row
--   is_indexed boolean            a btree index begins with the partition columns and the key
--   next text                     the column behind the key in such an index, of a type of PostgreSQL's own, which the role may
--                                 read; NULL if there is none
--   has_plain_partitions boolean       the partition columns are of types that are equal exactly where their texts are
--   rows float8                   the number of rows, as the planner estimates it; -1 where it has no statistics
--   most_rows float8              the most rows that the pages have room for
--   visible float8                the part of the pages that an index-only scan need not visit, 0 to 1
--   partition_count float8                 the estimated number of partitions; NULL if it has none
--   keys float8                   the estimated number of distinct keys; NULL if it has none
--   workers integer               how many parallel workers the server gives a statement
WITH relation AS (
    SELECT c.oid, c.relkind, c.reltuples::float8 AS reltuples, c.relpages, c.relallvisible, c.relhassubclass
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = :'name'
), wanted AS (
    SELECT w.position, a.attnum, a.attcollation, a.attname, a.atttypid,
        CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END AS base_type,
        CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * GREATEST(r.reltuples, 1) ELSE s.n_distinct END AS n_distinct
    FROM relation AS r
    CROSS JOIN pg_catalog.unnest(:'partitions'::text[] || :'key'::text) WITH ORDINALITY AS w (name, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attname = w.name
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_stats AS s ON s.schemaname = :'schema' AND s.tablename = :'name' AND s.attname = a.attname
        AND s.inherited = (r.relkind = 'p')
), indexes AS (
    SELECT i.indisunique AND i.indimmediate AS is_unique, columns.*
    FROM relation AS r
    JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
    CROSS JOIN LATERAL (
        SELECT
            pg_catalog.count(*) AS key_columns,
            pg_catalog.count(w.attnum) FILTER (WHERE i.indcollation[k.position - 1] = w.attcollation AND o.opcdefault) AS usable,
            pg_catalog.count(*) FILTER (
                WHERE k.position = w.position AND i.indcollation[k.position - 1] = w.attcollation) AS leading,
            pg_catalog.min(a.attname::text) FILTER (
                WHERE k.position = pg_catalog.cardinality(:'partitions'::text[]) + 2 AND o.opcdefault
                    AND i.indcollation[k.position - 1] = a.attcollation
                    AND t.typnamespace = 'pg_catalog'::regnamespace
                    AND pg_catalog.has_column_privilege(r.oid, a.attnum, 'SELECT')) AS next
        FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, position)
        LEFT JOIN wanted AS w ON w.attnum = k.attnum
        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = k.attnum
        LEFT JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[k.position - 1]
        WHERE k.position <= i.indnkeyatts
    ) AS columns
    WHERE i.indisvalid AND i.indisready AND i.indpred IS NULL AND i.indexprs IS NULL
), size AS (
    SELECT
        pg_catalog.sum(c.relpages) AS counted,
        pg_catalog.sum(c.relallvisible) AS visible,
        pg_catalog.sum(pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::integer) AS pages
    FROM (
        SELECT r.oid, r.relpages, r.relallvisible FROM relation AS r WHERE r.relkind <> 'p'
        UNION ALL
        SELECT c.oid, c.relpages, c.relallvisible
        FROM relation AS r
        CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) AS leaf
        JOIN pg_catalog.pg_class AS c ON c.oid = leaf.relid
        WHERE r.relkind = 'p' AND leaf.isleaf
    ) AS c
)
SELECT
    r.relkind = 'p' OR r.relkind IN ('r', 'm') AND NOT r.relhassubclass AS is_plain,
    EXISTS (SELECT FROM indexes AS i WHERE i.is_unique AND i.usable = i.key_columns) AS is_unique,
    EXISTS (SELECT FROM indexes AS i WHERE i.leading = pg_catalog.cardinality(:'partitions'::text[]) + 1) AS is_indexed,
    (SELECT pg_catalog.min(i.next) FROM indexes AS i
        WHERE i.leading = pg_catalog.cardinality(:'partitions'::text[]) + 1) AS next,
    NOT EXISTS (
        SELECT
        FROM wanted AS w
        LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = w.attcollation
        WHERE w.position <= pg_catalog.cardinality(:'partitions'::text[]) AND NOT (
            w.base_type IN ('text'::regtype, 'varchar'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype,
                'uuid'::regtype, 'date'::regtype)
            AND COALESCE(l.collisdeterministic, true))
    ) AS has_plain_partitions,
    -- As the planner does: what was counted, scaled to the pages that there are now. A row takes at least 28 bytes of a page.
    COALESCE(r.reltuples * (s.pages / NULLIF(s.counted, 0))::float8, r.reltuples) AS rows,
    COALESCE(s.pages, 0)::float8 * (pg_catalog.current_setting('block_size')::integer / 28) AS most_rows,
    COALESCE(s.visible::float8 / NULLIF(GREATEST(s.pages, s.counted), 0), 0) AS visible,
    (SELECT CASE WHEN pg_catalog.count(*) = pg_catalog.count(w.n_distinct)
            THEN pg_catalog.exp(pg_catalog.sum(pg_catalog.ln(GREATEST(w.n_distinct, 1)))) END
        FROM wanted AS w WHERE w.position <= pg_catalog.cardinality(:'partitions'::text[])) AS partition_count,
    (SELECT w.n_distinct FROM wanted AS w WHERE w.position > pg_catalog.cardinality(:'partitions'::text[])) AS keys,
    pg_catalog.current_setting('max_parallel_workers_per_gather')::integer AS workers
FROM relation AS r
CROSS JOIN size AS s
