-- Finds the missing units of some ranges, each looked up by itself.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   chunks          fragment      lacuna_chunk: lacuna_lower, lacuna_upper bigint, half-open, lacuna_number bigint, and
--                                 what in_partition takes
--   in_partition    fragment      whether a row belongs to the chunk's partition, or true
--   in_chunk        fragment      lacuna_lower <= unit < lacuna_upper in a form that an index serves
--   unit            fragment      the ordinal of a row, bigint
-- Rows: chunk bigint (its number), lower bigint, upper bigint (missing, half-open); in no order.
SELECT
    lacuna_chunk.lacuna_number AS chunk,
    lacuna_gap.lacuna_lower AS lower,
    lacuna_gap.lacuna_upper AS upper
FROM :chunks
CROSS JOIN LATERAL (
    SELECT lacuna_edge.lacuna_lower, lacuna_edge.lacuna_upper
    FROM (
        SELECT
            lacuna_unit,
            LAG(lacuna_unit) OVER lacuna_order AS lacuna_previous,
            LEAD(lacuna_unit) OVER lacuna_order AS lacuna_next
        FROM (SELECT DISTINCT :unit AS lacuna_unit FROM :"schema".:"table" WHERE :in_partition AND :in_chunk) AS lacuna_row
        WINDOW lacuna_order AS (ORDER BY lacuna_unit)
    ) AS lacuna_present
    CROSS JOIN LATERAL (
        VALUES
            (CASE WHEN lacuna_previous IS NULL THEN lacuna_chunk.lacuna_lower END, lacuna_unit),
            (lacuna_unit + 1, COALESCE(lacuna_next, lacuna_chunk.lacuna_upper))
    ) AS lacuna_edge (lacuna_lower, lacuna_upper)
    WHERE lacuna_edge.lacuna_lower < lacuna_edge.lacuna_upper
    UNION ALL
    SELECT lacuna_chunk.lacuna_lower, lacuna_chunk.lacuna_upper
    WHERE NOT EXISTS (SELECT FROM :"schema".:"table" WHERE :in_partition AND :in_chunk)
) AS lacuna_gap
