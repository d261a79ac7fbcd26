-- Finds the missing units of segments of a table whose units are unique: counts the rows of each along the index, and
-- looks into those alone that fall short.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   chunks          fragment      lacuna_chunk: lacuna_lower, lacuna_upper bigint, half-open, lacuna_number bigint, and
--                                 what in_partition takes
--   in_partition    fragment      whether a row belongs to the segment's partition, or true
--   in_chunk        fragment      lacuna_lower <= unit < lacuna_upper in a form that an index serves
--   key             fragment      the key column; the unit grows with it
--   unit            fragment      the ordinal of a row, bigint
-- Rows: chunk bigint (the segment's number), lower bigint, upper bigint (missing, half-open); in no order.
--
-- psql -v schema=public -v table=ledgers -v in_partition=true -v unit=sequence -v key=sequence -v chunks="(SELECT g, g + 2048, g
--      FROM generate_series(1::bigint, 10000000, 2048) AS g) AS lacuna_chunk (lacuna_lower, lacuna_upper, lacuna_number)" \
--      -v in_chunk='sequence >= lacuna_chunk.lacuna_lower AND sequence < lacuna_chunk.lacuna_upper' -f count_segments.sql
SELECT
    lacuna_chunk.lacuna_number AS chunk,
    lacuna_gap.lacuna_lower AS lower,
    lacuna_gap.lacuna_upper AS upper
FROM :chunks
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS lacuna_rows FROM :"schema".:"table" WHERE :in_partition AND :in_chunk
) AS lacuna_count
CROSS JOIN LATERAL (
    SELECT lacuna_chunk.lacuna_lower, lacuna_chunk.lacuna_upper WHERE lacuna_count.lacuna_rows = 0
    UNION ALL
    SELECT lacuna_edge.lacuna_lower, lacuna_edge.lacuna_upper
    FROM (
        SELECT
            lacuna_unit,
            LAG(lacuna_unit) OVER lacuna_order AS lacuna_previous,
            LEAD(lacuna_unit) OVER lacuna_order AS lacuna_next
        FROM (SELECT :unit AS lacuna_unit, :key AS lacuna_key FROM :"schema".:"table" WHERE :in_partition AND :in_chunk) AS lacuna_row
        WINDOW lacuna_order AS (ORDER BY lacuna_key)
    ) AS lacuna_present
    CROSS JOIN LATERAL (
        VALUES
            (CASE WHEN lacuna_previous IS NULL THEN lacuna_chunk.lacuna_lower END, lacuna_unit),
            (lacuna_unit + 1, COALESCE(lacuna_next, lacuna_chunk.lacuna_upper))
    ) AS lacuna_edge (lacuna_lower, lacuna_upper)
    WHERE (lacuna_previous IS NULL OR lacuna_next IS NULL OR lacuna_next - 1 <> lacuna_unit)
        AND lacuna_edge.lacuna_lower < lacuna_edge.lacuna_upper
) AS lacuna_gap
WHERE lacuna_count.lacuna_rows <> lacuna_chunk.lacuna_upper - lacuna_chunk.lacuna_lower
