-- Inserts a batch's records, or updates the rows that are there and differ.
--
-- Rows are compared by their stored images, which works for every type; equal rows are not written again.
--
-- Variables:
--   schema, table   identifiers
--   columns         fragment      the columns that are written
--   records         fragment      a table expression with those columns
--   distinct        fragment      nothing, or DISTINCT ON the primary key
--   primary_key     fragment      its columns
--   action          fragment      DO NOTHING, or DO UPDATE SET … WHERE …
-- Rows: one: inserted bigint, updated bigint.
WITH written AS (
    INSERT INTO :"schema".:"table" AS target (:columns)
    SELECT :distinct :columns
    FROM :records
    ORDER BY :primary_key
    ON CONFLICT (:primary_key) :action
    RETURNING target.xmax OPERATOR(pg_catalog.=) 0 AS is_new
)
SELECT
    pg_catalog.count(*) FILTER (WHERE is_new) AS inserted,
    pg_catalog.count(*) FILTER (WHERE NOT is_new) AS updated
FROM written
