-- Takes away what is called empty, for good or for now, outside of a range: of one range that reaches across an end the
-- part outside.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   oldest, latest  bigint        the ends of the range, both inclusive
WITH inside AS (
    SELECT pg_catalog.int8multirange(pg_catalog.int8range(:'oldest'::bigint, :'latest'::bigint, '[]')) AS units
), verified AS (
    DELETE FROM lacuna.verified_empty
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND (lower < :'oldest'::bigint OR upper - 1 > :'latest'::bigint)
    RETURNING lower, upper, verified_at
), provisional AS (
    DELETE FROM lacuna.provisional
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND (lower < :'oldest'::bigint OR upper - 1 > :'latest'::bigint)
)
INSERT INTO lacuna.verified_empty (stream, partition, lower, upper, verified_at)
SELECT
    :'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), pg_catalog.lower(range),
    pg_catalog.upper(range), verified_at
FROM verified, inside,
    pg_catalog.unnest(pg_catalog.int8multirange(pg_catalog.int8range(lower, upper)) * inside.units) AS range
