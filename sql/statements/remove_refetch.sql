-- Takes a window out of the ranges that were declared wrong before the window was asked for. Marks that came later stay.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the window, half-open
--   before          timestamptz   when the fetch began, by the server's clock
WITH touched AS (
    DELETE FROM lacuna.refetch
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower < :'upper'::bigint AND upper > :'lower'::bigint AND marked_at <= :'before'::timestamptz
    RETURNING lower, upper, reason, replaces, marked_at, marked_by
)
INSERT INTO lacuna.refetch (stream, partition, lower, upper, reason, replaces, marked_at, marked_by)
SELECT
    :'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), pg_catalog.lower(range),
    pg_catalog.upper(range), reason, replaces, marked_at, marked_by
FROM touched, pg_catalog.unnest(
    pg_catalog.int8multirange(pg_catalog.int8range(lower, upper))
    - pg_catalog.int8multirange(pg_catalog.int8range(:'lower'::bigint, :'upper'::bigint))) AS range
