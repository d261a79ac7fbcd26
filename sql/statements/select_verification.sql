-- When the ranges of a stream were last held against the source.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
-- Rows: partition_values text[], lower bigint, upper bigint, proof text, is_equal boolean, verified bigint (seconds since the
--   epoch); by partition, then lower.
SELECT
    p.partition_values, v.lower, v.upper, v.proof, v.is_equal,
    pg_catalog.floor(EXTRACT(epoch FROM v.verified_at))::bigint AS verified
FROM lacuna.verification AS v
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(v.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE v.stream = :'stream'
ORDER BY p.partition_values, v.lower
