-- Takes a range of units out of those that were declared missing for good; what lies outside of it stays.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the range, half-open
WITH touched AS (
    DELETE FROM lacuna.accepted
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower < :'upper'::bigint AND upper > :'lower'::bigint
    RETURNING lower, upper, reason, ends_at, accepted_at
)
INSERT INTO lacuna.accepted (stream, partition, lower, upper, reason, ends_at, accepted_at)
SELECT
    :'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), pg_catalog.lower(range),
    pg_catalog.upper(range), reason, ends_at, accepted_at
FROM touched, pg_catalog.unnest(
    pg_catalog.int8multirange(pg_catalog.int8range(lower, upper))
    - pg_catalog.int8multirange(pg_catalog.int8range(:'lower'::bigint, :'upper'::bigint))) AS range
