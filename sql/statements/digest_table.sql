-- Counts the rows of parts of a partition and sums up a hash of each: whatever the order of the rows, equal ones give equal
-- sums.
--
-- Variables:
--   schema, table   identifiers
--   row             fragment      a row as canonical text; NULL: rows are only counted
--   unit            fragment      a row's unit, bigint
--   in_window       fragment      whether a row belongs to the hull of the parts and the partition
--   lower, upper    bigint        the hull, half-open
--   bounds          bigint[]      the bounds of the parts and of what lies between them, ascending
-- Rows: part integer (how many bounds are not above its units), rows bigint, digest text; by part.
SELECT
    lacuna_part AS part, pg_catalog.count(*) AS rows,
    COALESCE(pg_catalog.sum(
        ('x' || pg_catalog.substr(pg_catalog.md5(pg_catalog.convert_to(lacuna_row, 'UTF8')), 1, 15))::bit(60)::bigint
    ), 0)::text AS digest
FROM (
    SELECT pg_catalog.width_bucket(:unit, :'bounds'::bigint[]) AS lacuna_part, :row::text AS lacuna_row
    FROM :"schema".:"table"
    WHERE :in_window
) AS lacuna_rows
GROUP BY lacuna_part
ORDER BY lacuna_part
