-- The provisional ranges of a stream that touch a range of units.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
--   lower, upper    bigint        the range asked for, half-open
-- Rows: partition_values text[], lower bigint, upper bigint, asked bigint (seconds since the epoch); by partition, then lower.
SELECT p.partition_values, v.lower, v.upper, pg_catalog.floor(EXTRACT(epoch FROM v.asked_at))::bigint AS asked
FROM lacuna.provisional AS v
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(v.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE v.stream = :'stream' AND v.lower < :'upper'::bigint AND v.upper > :'lower'::bigint
ORDER BY p.partition_values, v.lower
