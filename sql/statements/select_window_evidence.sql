-- The evidence on one window of one partition.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the window, half-open
--   before          timestamptz   when the source is asked, by the server's clock
--   confirm         bigint        how many seconds apart two empty answers prove a unit empty
-- Rows: kind text ('confirmable', 'provisional', 'refetch', 'replacing' for a mark by which any number of rows may go, or
-- 'verified'), lower bigint, upper bigint; by kind, then lower.
SELECT CASE WHEN replaces THEN 'replacing' ELSE 'refetch' END AS kind, lower, upper
FROM lacuna.refetch
WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
    AND lower < :'upper'::bigint AND upper > :'lower'::bigint
UNION ALL
SELECT 'verified', lower, upper
FROM lacuna.verified_empty
WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
    AND lower < :'upper'::bigint AND upper > :'lower'::bigint
UNION ALL
SELECT
    CASE
        WHEN asked_at <= :'before'::timestamptz - pg_catalog.make_interval(secs => :'confirm'::bigint)
        THEN 'confirmable'
        ELSE 'provisional'
    END, lower, upper
FROM lacuna.provisional
WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
    AND lower < :'upper'::bigint AND upper > :'lower'::bigint
ORDER BY 1, 2
