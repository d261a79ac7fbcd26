-- Counts the records of a batch whose primary key is not in the table yet.
--
-- Variables:
--   schema, table   identifiers
--   records         fragment      a table expression
--   primary_key     fragment      its columns
-- Rows: one: new bigint.
SELECT pg_catalog.count(*) AS new
FROM (
    SELECT :primary_key FROM :records
    EXCEPT
    SELECT :primary_key FROM :"schema".:"table"
    WHERE (:primary_key) IN (SELECT :primary_key FROM :records)
) AS fresh
