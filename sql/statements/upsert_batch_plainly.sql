-- Inserts a batch's records, or updates the rows that are there and differ, if the server rejects upsert_batch.sql: it does not
-- tell new rows from changed ones. Partitioned tables need it, and distributed ones may.
--
-- Rows are counted as they return: Citus counts those that it was given.
--
-- Variables: those of upsert_batch.sql.
--   schema, table   identifiers
--   columns         fragment      the columns that are written
--   records         fragment      a table expression with those columns
--   distinct        fragment      nothing, or DISTINCT ON the primary key
--   primary_key     fragment      its columns
--   action          fragment      DO NOTHING, or DO UPDATE SET … WHERE …
-- Rows: one: written bigint.
WITH written AS (
    INSERT INTO :"schema".:"table" AS target (:columns)
    SELECT :distinct :columns
    FROM :records
    ORDER BY :primary_key
    ON CONFLICT (:primary_key) :action
    RETURNING 1 AS one
)
SELECT pg_catalog.count(*) AS written
FROM written
