-- Keeps a part of a summary.
--
-- Variables:
--   id              integer       of the stream in lacuna.tracking
--   partitions      text[]        a text[] each, as text
--   largest         boolean[]     whether the partition has a row with the key 2^63-1
--   missing         text[]        an int8multirange each, as text
INSERT INTO lacuna.summary (tracking, lane, has_largest, missing)
SELECT :'id'::integer, s.partition_values::text[], s.largest, s.missing::int8multirange
FROM ROWS FROM (
    pg_catalog.unnest(:'partitions'::text[]), pg_catalog.unnest(:'largest'::boolean[]), pg_catalog.unnest(:'missing'::text[])
) AS s (partition_values, largest, missing)
