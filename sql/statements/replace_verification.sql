-- Records that a range was held against the source. Ranges that touch it and were proven in the same way less than a day before
-- become one with it, and keep the older time; of others the range is cut out.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the range, half-open
--   proof           text          count, digest or rows
--   is_equal        boolean       whether both sides were equal
--   verified        bigint        when the run began, seconds since the epoch
WITH touched AS (
    DELETE FROM lacuna.verification
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower <= :'upper'::bigint AND upper >= :'lower'::bigint
    RETURNING lower, upper, proof, is_equal, verified_at,
        proof = :'proof' AND is_equal = :'is_equal'::boolean
            AND verified_at > pg_catalog.to_timestamp(:'verified'::bigint) - interval '1 day' AS is_alike
), pieces AS (
    SELECT
        pg_catalog.unnest(
            pg_catalog.int8multirange(pg_catalog.int8range(lower, upper))
            - pg_catalog.int8multirange(pg_catalog.int8range(:'lower'::bigint, :'upper'::bigint))) AS range,
        proof, is_equal, verified_at
    FROM touched
    WHERE NOT is_alike
    UNION ALL
    SELECT
        pg_catalog.int8range(
            LEAST(:'lower'::bigint, pg_catalog.min(lower)), GREATEST(:'upper'::bigint, pg_catalog.max(upper))),
        :'proof', :'is_equal'::boolean, LEAST(pg_catalog.to_timestamp(:'verified'::bigint), pg_catalog.min(verified_at))
    FROM touched
    WHERE is_alike
)
INSERT INTO lacuna.verification (stream, partition, lower, upper, proof, is_equal, verified_at)
SELECT
    :'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), pg_catalog.lower(range),
    pg_catalog.upper(range), proof, is_equal, verified_at
FROM pieces
