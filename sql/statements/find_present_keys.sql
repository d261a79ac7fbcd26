-- Which of some text keys have a row: for tables that cannot be joined with lacuna.key, because their rows are on other nodes.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   partition_values fragment      the partition as text[]
--   in_partition    fragment      whether a row belongs to the partition that is looked at, or true
--   key             fragment      the key column
--   keys            fragment      an array of keys, of its type
-- Rows: partition_values text[], key text; in no order.
SELECT DISTINCT :partition_values AS partition_values, (:key)::pg_catalog.text AS key
FROM :"schema".:"table"
WHERE (:in_partition) AND :key = ANY (:keys)
