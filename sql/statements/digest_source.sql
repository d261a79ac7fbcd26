-- Does to the rows of a source's own query what digest_table.sql does to those of the table. It is run in the source's database
-- with its own search path.
--
-- Variables:
--   query           a user's query
--   row             fragment      a row as canonical text; NULL: rows are only counted
--   unit            fragment      a row's unit, bigint
--   lower, upper    bigint        the hull of the parts, half-open
--   bounds          bigint[]      the bounds of the parts and of what lies between them, ascending
-- Rows: part integer (how many bounds are not above its units), rows bigint, digest text; by part.
SELECT
    lacuna_part, pg_catalog.count(*),
    COALESCE(pg_catalog.sum(
        ('x' OPERATOR(pg_catalog.||) pg_catalog.substr(
            pg_catalog.md5(pg_catalog.convert_to(lacuna_row, 'UTF8')), 1, 15))::pg_catalog.bit(60)::pg_catalog.int8
    ), 0)::pg_catalog.text
FROM (
    SELECT pg_catalog.width_bucket(lacuna_unit, :'bounds'::pg_catalog.int8[]) AS lacuna_part, lacuna_row
    FROM (
        SELECT :unit AS lacuna_unit, (:row)::pg_catalog.text AS lacuna_row
        FROM (
:query
        ) AS lacuna_query
    ) AS lacuna_units
    WHERE lacuna_unit OPERATOR(pg_catalog.>=) :'lower'::pg_catalog.int8
        AND lacuna_unit OPERATOR(pg_catalog.<) :'upper'::pg_catalog.int8
) AS lacuna_parts
GROUP BY lacuna_part
ORDER BY lacuna_part
