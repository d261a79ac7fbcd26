-- The units that a query of the user's names.
--
-- Variables:
--   query           fragment      a SELECT that returns the partition columns and one column named like the key
--   lane            fragment      the partition as text[], of those columns
--   unit            fragment      the ordinal of a row, bigint
-- Rows: lane text[], unit bigint; by lane, then unit.
SELECT DISTINCT :lane AS lane, :unit AS unit
FROM (
:query
) AS answer
WHERE :unit IS NOT NULL
ORDER BY 1, 2
