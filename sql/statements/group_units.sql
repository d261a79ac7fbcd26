-- Sums up the units of a table in words of 64 units, a bit for each, in one pass that the server's workers share, and returns
-- the words that are not full or stand beside one that has no row.
--
-- The second part of the UNION ALL is empty. It keeps the planner from taking the key's statistics for those of the
-- words: it would expect a word for each row, and not part the work.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   partition_list  fragment      the partition columns, each with a comma after it, or nothing if there are none
--   partition_values fragment      the partition as text[], of the columns above
--   in_partition    fragment      whether a row belongs to the partition that is looked at, or true
--   in_range        fragment      lower <= unit < upper in a form that an index serves; NULL keys fall out
--   unit            fragment      the ordinal of a row, bigint
--   lower, upper    bigint        the range that is looked at, half-open
-- Rows: partition_values text[], word bigint (its units are word * 64 and those that follow), before bigint, after
-- bigint (the words with rows next to it; NULL if there is none), bits bigint (the lowest one is the first unit's); in no
-- order.
--
-- psql -v schema=public -v table=ledgers -v partition_list='' -v partition_values="'{}'::text[]" -v in_partition=true -v unit=sequence \
--      -v in_range='sequence >= 1 AND sequence < 10000000' -f group_units.sql
SELECT
    :partition_values AS partition_values,
    lacuna_word AS word,
    lacuna_before AS before,
    lacuna_after AS after,
    lacuna_bits AS bits
FROM (
    SELECT
        :partition_list
        lacuna_unit >> 6 AS lacuna_word,
        LAG(lacuna_unit >> 6) OVER lacuna_partition AS lacuna_before,
        LEAD(lacuna_unit >> 6) OVER lacuna_partition AS lacuna_after,
        pg_catalog.bit_or(1::bigint << (lacuna_unit & 63)::integer) AS lacuna_bits
    FROM (
        SELECT :partition_list :unit AS lacuna_unit FROM :"schema".:"table" WHERE :in_partition AND :in_range
        UNION ALL
        SELECT :partition_list :unit AS lacuna_unit FROM :"schema".:"table" WHERE false
    ) AS lacuna_row
    GROUP BY :partition_list lacuna_unit >> 6
    WINDOW lacuna_partition AS (PARTITION BY :partition_list true ORDER BY lacuna_unit >> 6)
) AS lacuna_words
WHERE lacuna_bits <> -1
    OR lacuna_before IS DISTINCT FROM lacuna_word - 1
    OR lacuna_after IS NULL
