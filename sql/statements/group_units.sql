-- Sums up the units of a table in words of 64 units, a bit for each, in one pass that the server's workers share, and returns
-- the words that are not full or stand beside one that has no row.
--
-- The second part of the UNION ALL is empty. It keeps the planner from taking the key's statistics for those of the
-- words: it would expect a word for each row, and not part the work.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   lanes           fragment      the partition columns, each with a comma after it, or nothing where there are none
--   lane            fragment      the partition as text[], of the columns above
--   in_lane         fragment      whether a row belongs to the partition that is looked at, or true
--   in_range        fragment      lower <= unit < upper in a form that an index serves; NULL keys fall out
--   unit            fragment      the ordinal of a row, bigint
--   lower, upper    bigint        the range that is looked at, half-open
-- Rows: lane text[], word bigint (its units are word * 64 and those that follow), before bigint, after bigint (the words with
-- rows next to it; NULL where there is none), bits bigint (the lowest one is the first unit's); in no order.
--
-- psql -v schema=public -v table=ledgers -v lanes='' -v lane="'{}'::text[]" -v in_lane=true -v unit=sequence \
--      -v in_range='sequence >= 1 AND sequence < 10000000' -f group_units.sql
SELECT
    :lane AS lane,
    lacuna_word AS word,
    lacuna_before AS before,
    lacuna_after AS after,
    lacuna_bits AS bits
FROM (
    SELECT
        :lanes
        lacuna_unit >> 6 AS lacuna_word,
        LAG(lacuna_unit >> 6) OVER lacuna_lane AS lacuna_before,
        LEAD(lacuna_unit >> 6) OVER lacuna_lane AS lacuna_after,
        pg_catalog.bit_or(1::bigint << (lacuna_unit & 63)::integer) AS lacuna_bits
    FROM (
        SELECT :lanes :unit AS lacuna_unit FROM :"schema".:"table" WHERE :in_lane AND :in_range
        UNION ALL
        SELECT :lanes :unit AS lacuna_unit FROM :"schema".:"table" WHERE false
    ) AS lacuna_row
    GROUP BY :lanes lacuna_unit >> 6
    WINDOW lacuna_lane AS (PARTITION BY :lanes true ORDER BY lacuna_unit >> 6)
) AS lacuna_words
WHERE lacuna_bits <> -1
    OR lacuna_before IS DISTINCT FROM lacuna_word - 1
    OR lacuna_after IS NULL
