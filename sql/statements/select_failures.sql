-- The windows that failed and have not been committed since, with how often and when last.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
-- Rows: partition_values text[], lower bigint, upper bigint, failures integer, seconds_ago bigint, error text; by
-- partition, then lower.
SELECT DISTINCT ON (p.partition_values, f.lower, f.upper)
    p.partition_values, f.lower, f.upper, f.failures,
    pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - f.ended_at))::bigint AS seconds_ago,
    f.error
FROM lacuna.batch AS f
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(f.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE f.stream = :'stream' AND f.state = 'failed'
    AND NOT EXISTS (
        SELECT
        FROM lacuna.batch AS c
        WHERE c.state = 'committed' AND c.stream = f.stream AND c.partition = f.partition
            AND c.lower < f.upper AND c.upper > f.lower AND c.ended_at > f.ended_at)
ORDER BY p.partition_values, f.lower, f.upper, f.ended_at DESC
