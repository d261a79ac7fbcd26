-- The units that a query of the user's names.
--
-- The query is carried out by itself: Citus joins no rows of other nodes with lacuna.key, which knows the units of ids.
--
-- Variables:
--   query           fragment      a SELECT that returns the partition columns and one column named like the key
--   partition_values fragment      the partition as text[], of those columns
--   unit            fragment      the ordinal of a row, bigint
-- Rows: partition_values text[], unit bigint; by partition, then unit.
WITH answer AS MATERIALIZED (
:query
)
SELECT DISTINCT :partition_values AS partition_values, :unit AS unit
FROM answer
WHERE :unit IS NOT NULL
ORDER BY 1, 2
