-- The rows of the table that a batch's records would take out of another unit.
--
-- Variables:
--   schema, table   identifiers
--   records         fragment      a table expression with the written columns
--   same_row        fragment      whether a row of the table, as here, and a record, as there, have the same primary key
--   unit, new_unit  fragment      their units
--   identity        fragment      the primary key of a row, for a message
--   key, new_key    fragment      their keys, for a message
-- Rows: none, or one: moved bigint (how many), primary_key text and key text of one of them, as they are in the table, and new_key text.
SELECT
    pg_catalog.count(*) OVER () AS moved, (:identity)::text AS primary_key, (:key)::text AS key, (:new_key)::text AS new_key
FROM :"schema".:"table" AS here
JOIN (SELECT * FROM :records) AS there ON :same_row
WHERE :unit OPERATOR(pg_catalog.<>) :new_unit
LIMIT 1
