-- What is kept of the missing units of a stream.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
-- Rows: partition_values text[], lower bigint, upper bigint, kind text, cause text, detail text, marked_by text or NULL, tries
-- integer or NULL, first_seen bigint (microseconds since the epoch), and cause_at, next_try and had_rows_until bigint or NULL
-- (seconds since the epoch); of each partition by lower.
SELECT
    p.partition_values, g.lower, g.upper, g.kind, g.cause, g.detail, g.marked_by, g.tries,
    (EXTRACT(epoch FROM g.first_seen) * 1000000)::bigint AS first_seen,
    pg_catalog.floor(EXTRACT(epoch FROM g.cause_at))::bigint AS cause_at,
    pg_catalog.floor(EXTRACT(epoch FROM g.next_try))::bigint AS next_try,
    pg_catalog.floor(EXTRACT(epoch FROM g.had_rows_until))::bigint AS had_rows_until
FROM lacuna.gap AS g
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(g.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE g.stream = :'stream'
ORDER BY g.partition, g.lower
