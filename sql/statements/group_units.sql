-- Sums up the units of a table by segments of 2^shift units, in one pass that the server's workers share, and returns the
-- segments that are not full or stand beside one that has no row.
--
-- The second part of the UNION ALL is empty. It keeps the planner from taking the key's statistics for those of the
-- segments: it would expect a segment for each row, and not part the work.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   lanes           fragment      the partition columns, each with a comma after it, or nothing where there are none
--   lane            fragment      the partition as text[], of the columns above
--   in_lane         fragment      whether a row belongs to the partition that is looked at, or true
--   in_range        fragment      lower <= unit < upper in a form that an index serves; NULL keys fall out
--   unit            fragment      the ordinal of a row, bigint
--   shift           fragment      the logarithm of a segment's size to the base 2
--   summary         fragment      what is made of the rows of a segment, bigint: an aggregate over lacuna_unit
--   full            fragment      the summary of a segment that lacks nothing
--   lower, upper    bigint        the range that is looked at, half-open
-- Rows: lane text[], segment bigint (its units are segment * 2^shift and those that follow), before bigint, after bigint
-- (the segments with rows next to it; NULL where there is none), summary bigint; in no order.
--
-- psql -v schema=public -v table=ledgers -v lanes='' -v lane="'{}'::text[]" -v in_lane=true -v unit=sequence -v shift=10 \
--      -v summary='count(*)' -v full=1024 -v in_range='sequence >= 1 AND sequence < 10000000' -f group_units.sql
SELECT
    :lane AS lane,
    lacuna_segment AS segment,
    lacuna_before AS before,
    lacuna_after AS after,
    lacuna_summary AS summary
FROM (
    SELECT
        :lanes
        lacuna_unit >> :shift AS lacuna_segment,
        LAG(lacuna_unit >> :shift) OVER lacuna_lane AS lacuna_before,
        LEAD(lacuna_unit >> :shift) OVER lacuna_lane AS lacuna_after,
        :summary AS lacuna_summary
    FROM (
        SELECT :lanes :unit AS lacuna_unit FROM :"schema".:"table" WHERE :in_lane AND :in_range
        UNION ALL
        SELECT :lanes :unit FROM :"schema".:"table" WHERE false
    ) AS lacuna_row
    GROUP BY :lanes lacuna_unit >> :shift
    WINDOW lacuna_lane AS (PARTITION BY :lanes true ORDER BY lacuna_unit >> :shift)
) AS lacuna_segments
WHERE lacuna_summary <> :full
    OR lacuna_before IS DISTINCT FROM lacuna_segment - 1
    OR lacuna_after IS NULL
