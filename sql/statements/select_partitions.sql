-- The partitions that a query of the user's names.
--
-- Variables:
--   query           fragment      a SELECT that returns the partition columns
--   lane            fragment      the partition as text[], of those columns
-- Rows: lane text[]; ordered.
SELECT DISTINCT :lane AS lane
FROM (
:query
) AS answer
ORDER BY 1
