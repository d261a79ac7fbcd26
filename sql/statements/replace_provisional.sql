-- Replaces what is provisional inside a window. A unit that stays so keeps the time at which it was first answered, unless
-- that is so long ago that this answer would have proven it empty.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the window, half-open
--   provisional     int8multirange   the units of the window that are provisional
--   before          timestamptz   when the fetch began, by the server's clock
--   confirm         bigint        how many seconds apart two empty answers prove a unit empty
WITH touched AS (
    DELETE FROM lacuna.provisional
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower < :'upper'::bigint AND upper > :'lower'::bigint
    RETURNING lower, upper, asked_at
), pieces AS (
    SELECT
        pg_catalog.unnest(
            pg_catalog.int8multirange(pg_catalog.int8range(lower, upper))
            - pg_catalog.int8multirange(pg_catalog.int8range(:'lower'::bigint, :'upper'::bigint))) AS range,
        asked_at
    FROM touched
    UNION ALL
    SELECT
        pg_catalog.unnest(
            pg_catalog.int8multirange(pg_catalog.int8range(lower, upper)) * :'provisional'::int8multirange),
        CASE
            WHEN asked_at <= :'before'::timestamptz - pg_catalog.make_interval(secs => :'confirm'::bigint)
            THEN pg_catalog.now()
            ELSE asked_at
        END
    FROM touched
    UNION ALL
    SELECT
        pg_catalog.unnest(
            :'provisional'::int8multirange
            - COALESCE((SELECT pg_catalog.range_agg(pg_catalog.int8range(lower, upper)) FROM touched), '{}')),
        pg_catalog.now()
)
INSERT INTO lacuna.provisional (stream, partition, lower, upper, asked_at)
SELECT
    :'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), pg_catalog.lower(range),
    pg_catalog.upper(range), asked_at
FROM pieces
