-- Counts the rows of one unit of one partition.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   in_partition    fragment      whether a row is of the partition
--   in_range        fragment      lower <= unit < upper in a form that an index serves
--   lower, upper    bigint        the unit and the one after it
-- Rows: one: count bigint.
SELECT pg_catalog.count(*) AS count
FROM :"schema".:"table"
WHERE :in_partition AND :in_range
