-- The ranges of a stream that were declared missing for good and touch a range of units.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
--   lower, upper    bigint        the range asked for, half-open
-- Rows: partition_values text[], lower bigint, upper bigint, reason text, ends bigint (seconds since the epoch, or NULL); by
-- partition, then lower.
SELECT p.partition_values, a.lower, a.upper, a.reason, pg_catalog.floor(EXTRACT(epoch FROM a.ends_at))::bigint AS ends
FROM lacuna.accepted AS a
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(a.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE a.stream = :'stream' AND a.lower < :'upper'::bigint AND a.upper > :'lower'::bigint
ORDER BY p.partition_values, a.lower
