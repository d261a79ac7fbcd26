-- Replaces what is verified empty inside a window, and joins what touches.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the window, half-open
--   empty           int8multirange   the units of the window that are truly empty
WITH touched AS (
    DELETE FROM lacuna.verified_empty
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower <= :'upper'::bigint AND upper >= :'lower'::bigint
    RETURNING lower, upper
), kept AS (
    SELECT COALESCE(pg_catalog.range_agg(pg_catalog.int8range(lower, upper)), '{}')
        - pg_catalog.int8multirange(pg_catalog.int8range(:'lower'::bigint, :'upper'::bigint))
        + :'empty'::int8multirange AS units
    FROM touched
)
INSERT INTO lacuna.verified_empty (stream, partition, lower, upper)
SELECT
    :'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), pg_catalog.lower(range),
    pg_catalog.upper(range)
FROM kept, pg_catalog.unnest(kept.units) AS range
