-- The units that a query of the user's names.
--
-- Variables:
--   query           fragment      a SELECT that returns the partition columns and one column named like the key
--   partition_values fragment      the partition as text[], of those columns
--   unit            fragment      the ordinal of a row, bigint
-- Rows: partition_values text[], unit bigint; by partition, then unit.
SELECT DISTINCT :partition_values AS partition_values, :unit AS unit
FROM (
:query
) AS answer
WHERE :unit IS NOT NULL
ORDER BY 1, 2
