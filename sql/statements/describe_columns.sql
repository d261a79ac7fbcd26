-- The columns of a table.
--
-- Variables:
--   schema, name    text          the table
--   search_path     text          types outside of it are named with their schemas; it holds for this statement
-- Rows: name text, type text (as in DDL), base_type text (without modifiers, domains resolved), not_null boolean, is_generated boolean (cannot be
-- written), has_default boolean, primary_key_position integer (NULL outside the primary key), collation text (quoted, with its schema; NULL if
-- it is the type's own); in the table's order.
--
-- A type's name is taken from the search path, so each is asked for only once the path is set.
WITH path AS MATERIALIZED (
    SELECT pg_catalog.set_config('search_path', :'search_path', true) AS path
)
SELECT
    a.attname AS name,
    pg_catalog.format_type(CASE WHEN path.path IS NOT NULL THEN a.atttypid END, a.atttypmod) AS type,
    (
        WITH RECURSIVE resolved AS (
            SELECT t.oid, t.typtype, t.typbasetype
            UNION ALL
            SELECT b.oid, b.typtype, b.typbasetype
            FROM resolved AS r
            JOIN pg_catalog.pg_type AS b ON r.typtype = 'd' AND b.oid = r.typbasetype
        )
        SELECT pg_catalog.format_type(CASE WHEN path.path IS NOT NULL THEN resolved.oid END, NULL) FROM resolved WHERE resolved.typtype <> 'd'
    ) AS base_type,
    a.attnotnull AS not_null,
    a.attgenerated <> '' OR a.attidentity = 'a' AS is_generated,
    a.atthasdef OR a.attidentity <> '' AS has_default,
    pg_catalog.array_position(i.indkey::pg_catalog.int2[], a.attnum) AS primary_key_position,
    CASE
        WHEN a.attcollation <> t.typcollation
        THEN (
            SELECT pg_catalog.format('%I.%I', s.nspname, o.collname)
            FROM pg_catalog.pg_collation AS o
            JOIN pg_catalog.pg_namespace AS s ON s.oid = o.collnamespace
            WHERE o.oid = a.attcollation
        )
    END AS collation
FROM path
CROSS JOIN pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
WHERE n.nspname = :'schema' AND c.relname = :'name' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
