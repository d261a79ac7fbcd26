-- The partitions that a query of the user's names.
--
-- Variables:
--   query           fragment      a SELECT that returns the partition columns
--   partition_values fragment      the partition as text[], of those columns
-- Rows: partition_values text[]; ordered.
SELECT DISTINCT :partition_values AS partition_values
FROM (
:query
) AS answer
ORDER BY 1
