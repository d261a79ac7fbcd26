-- Asks the index for every unit of some ranges whether it has a row.
--
-- The server reads all entries of a unit that a page of the index holds before it gives the first. So it is asked first for
-- a row that most units have and few entries stand for: one whose next column in the index is no greater than that of the
-- fourth row of a unit nearby. Only the units without such a row are asked for any. Where columns grow from unit to
-- unit, the greater of two such bounds, from the first and the last unit of a range, finds a row in each of them.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   chunks          fragment      lacuna_chunk: lacuna_lower, lacuna_upper bigint, half-open, lacuna_number bigint, and
--                                 what in_partition takes
--   in_partition    fragment      whether a row belongs to the chunk's partition, or true
--   in_unit         fragment      whether a row belongs to the unit lacuna_chunk.lacuna_unit, in a form that an index serves
--   key             fragment      the key column
--   next            fragment      the column behind it in the index, or NULL::integer
--   from_lower      fragment      lacuna_chunk.lacuna_lower <= unit; true if next is NULL
--   from_last       fragment      lacuna_chunk.lacuna_upper - 1 <= unit; true if next is NULL
--   is_common       fragment      whether a row belongs to the unit lacuna_wanted.lacuna_unit and its next column is no greater
--                                 than lacuna_common.lacuna_bound; false if next is NULL
-- Rows: chunk bigint (its number), unit bigint (missing); in no order.
--
-- psql -v schema=public -v table=readings -v in_partition=true -v key=day -v next=station \
--      -v chunks="(VALUES (0::bigint, 20000::bigint, 1)) AS lacuna_chunk (lacuna_lower, lacuna_upper, lacuna_number)" \
--      -v in_unit="day = date '1970-01-01' + lacuna_chunk.lacuna_unit::integer" \
--      -v from_lower="day >= date '1970-01-01' + lacuna_chunk.lacuna_lower::integer" \
--      -v from_last="day >= date '1970-01-01' + lacuna_chunk.lacuna_upper::integer - 1" \
--      -v is_common="day = date '1970-01-01' + lacuna_wanted.lacuna_unit::integer AND station <= lacuna_common.lacuna_bound" \
--      -f probe_units.sql
SELECT lacuna_chunk.lacuna_number AS chunk, lacuna_chunk.lacuna_unit AS unit
FROM (
    SELECT lacuna_chunk.*, lacuna_wanted.lacuna_unit
    FROM :chunks
    CROSS JOIN LATERAL (
        SELECT GREATEST(
            (SELECT :next AS lacuna_next FROM :"schema".:"table" WHERE :in_partition AND :from_lower ORDER BY :key, :next OFFSET 3 LIMIT 1),
            (SELECT :next AS lacuna_next FROM :"schema".:"table" WHERE :in_partition AND :from_last ORDER BY :key, :next OFFSET 3 LIMIT 1)
        ) AS lacuna_bound
        -- Once for a range, not for each unit.
        OFFSET 0
    ) AS lacuna_common
    CROSS JOIN LATERAL pg_catalog.generate_series(lacuna_chunk.lacuna_lower, lacuna_chunk.lacuna_upper - 1)
        AS lacuna_wanted (lacuna_unit)
    WHERE NOT EXISTS (SELECT FROM :"schema".:"table" WHERE :in_partition AND :is_common)
    -- First these, then those.
    OFFSET 0
) AS lacuna_chunk
WHERE NOT EXISTS (SELECT FROM :"schema".:"table" WHERE :in_partition AND :in_unit)
