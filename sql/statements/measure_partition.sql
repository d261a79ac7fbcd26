-- The first and the last unit of a table, or of one partition of it, as an index on the key finds them.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   in_partition    fragment      whether a row belongs to the partition, or true
--   first, last     fragments     the ordinals of the smallest and the largest key, bigint: an expression over min(key), max(key)
--   largest         fragment      whether a row has the key that no range of units holds, or false
--   in_range        fragment      lower <= unit < upper in a form that an index serves
-- Rows: one: first bigint, last bigint (NULL if no row lies in the range), has_largest boolean.
--
-- psql -v schema=public -v table=ledgers -v in_partition=true -v first='min(sequence)::bigint' -v last='max(sequence)::bigint' \
--      -v largest=false -v in_range='sequence >= 1 AND sequence < 1000' -f measure_partition.sql
SELECT
    :first AS first,
    :last AS last,
    EXISTS (SELECT FROM :"schema".:"table" WHERE :in_partition AND :largest) AS has_largest
FROM :"schema".:"table"
WHERE :in_partition AND :in_range
