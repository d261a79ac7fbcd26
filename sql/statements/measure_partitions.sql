-- The partitions of a table with the first and the last unit of each, hopping from one to the next along an index that
-- begins with the partition columns.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   partition_columns fragment      the partition columns
--   this_partition  fragment      the partition columns of lacuna_this, in the same order
--   partition_values fragment      the partition as text[], of the columns above
--   in_partition    fragment      whether a row belongs to the partition lacuna_this
--   first, last     fragments     the ordinals of the smallest and the largest key, bigint: an expression over min(key), max(key)
--   largest         fragment      whether a row has the key that no range of units holds, or false
--   in_range        fragment      lower <= unit < upper in a form that an index serves
-- Rows: partition_values text[], first bigint, last bigint (NULL if no row lies in the range), has_largest boolean; in
-- the order of the partition columns. A partition with a NULL may be left out.
--
-- psql -v schema=public -v table=games -v partition_columns=league -v this_partition=lacuna_this.league \
--      -v partition_values='ARRAY[league::text]' \
--      -v in_partition='league = lacuna_this.league' -v first='min(week)::bigint' -v last='max(week)::bigint' -v largest=false \
--      -v in_range='week >= 1 AND week < 1000' -f measure_partitions.sql
WITH RECURSIVE lacuna_partitions AS (
    (SELECT :partition_columns FROM :"schema".:"table" ORDER BY :partition_columns LIMIT 1)
    UNION ALL
    SELECT lacuna_next.*
    FROM lacuna_partitions AS lacuna_this
    CROSS JOIN LATERAL (
        SELECT :partition_columns
        FROM :"schema".:"table"
        WHERE (:partition_columns) > (:this_partition)
        ORDER BY :partition_columns
        LIMIT 1
    ) AS lacuna_next
)
SELECT
    :partition_values AS partition_values,
    lacuna_hull.lacuna_first AS first,
    lacuna_hull.lacuna_last AS last,
    EXISTS (SELECT FROM :"schema".:"table" WHERE :in_partition AND :largest) AS has_largest
FROM lacuna_partitions AS lacuna_this
CROSS JOIN LATERAL (
    SELECT :first AS lacuna_first, :last AS lacuna_last
    FROM :"schema".:"table"
    WHERE :in_partition AND :in_range
) AS lacuna_hull
ORDER BY :this_partition
