-- Finds the segments of a table that lack a unit, where units are unique: in a segment of n units that lacks none, the
-- row n - 1 places behind the first is the last unit's. That is cheaper than to count: nothing is done with the rows on the
-- way, and only one bound of the index is compared with each.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   chunks          fragment      lacuna_chunk: lacuna_lower, lacuna_upper bigint, half-open, lacuna_number bigint, and
--                                 what in_partition takes
--   in_partition    fragment      whether a row belongs to the chunk's partition, or true
--   from_lower      fragment      lacuna_chunk.lacuna_lower <= unit in a form that an index serves
--   key             fragment      the key column; the unit grows with it
--   unit            fragment      the ordinal of a row, bigint
-- Rows: chunk bigint (its number); in no order.
--
-- The unit has a name of its own: ORDER BY takes an output column before a column of the table, and PostgreSQL calls
-- "k"::bigint "k". It would sort all rows of each segment by it, although the index has them in order.
--
-- psql -v schema=public -v table=ledgers -v in_partition=true -v unit=sequence -v key=sequence -v chunks="(SELECT g, g + 1024, g
--      FROM generate_series(1::bigint, 10000000, 1024) AS g) AS lacuna_chunk (lacuna_lower, lacuna_upper, lacuna_number)" \
--      -v from_lower='sequence >= lacuna_chunk.lacuna_lower' -f find_short_segments.sql
SELECT lacuna_chunk.lacuna_number AS chunk
FROM :chunks
WHERE (
    SELECT :unit AS lacuna_unit
    FROM :"schema".:"table"
    WHERE :in_partition AND :from_lower
    ORDER BY :key
    OFFSET lacuna_chunk.lacuna_upper - lacuna_chunk.lacuna_lower - 1
    LIMIT 1
) IS DISTINCT FROM lacuna_chunk.lacuna_upper - 1
