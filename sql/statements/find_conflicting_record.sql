-- The primary key of records that come more than once in a batch and differ.
--
-- Variables:
--   records         fragment      a table expression
--   row             fragment      the columns that are written
--   primary_key     fragment      its columns
-- Rows: none or one: key text.
SELECT ROW(:primary_key)::text AS key
FROM :records
GROUP BY :primary_key
HAVING pg_catalog.count(DISTINCT pg_catalog.md5(ROW(:row)::text)) > 1
ORDER BY 1
LIMIT 1
