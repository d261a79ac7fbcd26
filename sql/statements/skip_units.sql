-- Hops from unit to unit along the index, whatever number of rows each has, and reports what lies between them.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   chunks          fragment      lacuna_chunk: lacuna_lower, lacuna_upper bigint, half-open, lacuna_number bigint, and
--                                 what in_partition takes
--   in_partition    fragment      whether a row belongs to the chunk's partition, or true
--   unit            fragment      the ordinal of a row, bigint; it grows with the key
--   key             fragment      the key column
--   in_first        fragment      lacuna_chunk.lacuna_lower <= unit < lacuna_chunk.lacuna_upper, as an index serves it
--   in_rest         fragment      lacuna_walk.lacuna_unit < unit < lacuna_chunk.lacuna_upper, as an index serves it
-- Rows: chunk bigint (its number), lower bigint, upper bigint (missing, half-open); in no order.
-- A chunk without a row has none.
--
-- psql -v schema=public -v table=readings -v in_partition=true -v unit=n -v key=n -v in_first='n >= 0 AND n < 20000' \
--      -v in_rest='n > lacuna_walk.lacuna_unit AND n < 20000' \
--      -v chunks="(VALUES (0::bigint, 20000::bigint, 1)) AS lacuna_chunk (lacuna_lower, lacuna_upper, lacuna_number)" \
--      -f skip_units.sql
SELECT
    lacuna_chunk.lacuna_number AS chunk,
    lacuna_gap.lacuna_lower AS lower,
    lacuna_gap.lacuna_upper AS upper
FROM :chunks
CROSS JOIN LATERAL (
    WITH RECURSIVE lacuna_walk AS (
        (SELECT :unit AS lacuna_unit FROM :"schema".:"table" WHERE :in_partition AND :in_first ORDER BY :key LIMIT 1)
        UNION ALL
        SELECT lacuna_next.lacuna_unit
        FROM lacuna_walk
        CROSS JOIN LATERAL (
            SELECT :unit AS lacuna_unit FROM :"schema".:"table" WHERE :in_partition AND :in_rest ORDER BY :key LIMIT 1
        ) AS lacuna_next
    )
    SELECT lacuna_edge.lacuna_lower, lacuna_edge.lacuna_upper
    FROM (
        SELECT
            lacuna_unit,
            LAG(lacuna_unit) OVER lacuna_order AS lacuna_previous,
            LEAD(lacuna_unit) OVER lacuna_order AS lacuna_next
        FROM lacuna_walk
        WINDOW lacuna_order AS (ORDER BY lacuna_unit)
    ) AS lacuna_present
    CROSS JOIN LATERAL (
        VALUES
            (CASE WHEN lacuna_previous IS NULL THEN lacuna_chunk.lacuna_lower END, lacuna_unit),
            (lacuna_unit + 1, COALESCE(lacuna_next, lacuna_chunk.lacuna_upper))
    ) AS lacuna_edge (lacuna_lower, lacuna_upper)
    WHERE (lacuna_previous IS NULL OR lacuna_next IS NULL OR lacuna_next - 1 <> lacuna_unit)
        AND lacuna_edge.lacuna_lower < lacuna_edge.lacuna_upper
) AS lacuna_gap
