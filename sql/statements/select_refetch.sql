-- The ranges of a stream that were declared wrong and touch a range of units.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
--   lower, upper    bigint        the range asked for, half-open
-- Rows: partition_values text[], lower bigint, upper bigint; by partition, then lower.
SELECT p.partition_values, r.lower, r.upper
FROM lacuna.refetch AS r
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(r.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE r.stream = :'stream' AND r.lower < :'upper'::bigint AND r.upper > :'lower'::bigint
ORDER BY p.partition_values, r.lower
