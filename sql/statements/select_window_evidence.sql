-- The evidence on one window of one partition.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the window, half-open
-- Rows: kind text ('verified' or 'refetch'), lower bigint, upper bigint; by kind, then lower.
SELECT 'refetch' AS kind, lower, upper
FROM lacuna.refetch
WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
    AND lower < :'upper'::bigint AND upper > :'lower'::bigint
UNION ALL
SELECT 'verified', lower, upper
FROM lacuna.verified_empty
WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
    AND lower < :'upper'::bigint AND upper > :'lower'::bigint
ORDER BY 1, 2
