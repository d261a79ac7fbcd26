-- The ranges of a stream that are settled and touch a range of units.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
--   lower, upper    bigint        the range asked for, half-open
--   rule            text          what the units fall short of
-- Rows: partition_values text[], lower bigint, upper bigint, shortfall bigint, asked bigint (seconds since the epoch), answers
-- integer; by partition, then lower.
SELECT
    p.partition_values, s.lower, s.upper, s.shortfall,
    pg_catalog.floor(EXTRACT(epoch FROM s.asked_at))::bigint AS asked, s.answers
FROM lacuna.settled AS s
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(s.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE s.stream = :'stream' AND s.rule = :'rule' AND s.lower < :'upper'::bigint AND s.upper > :'lower'::bigint
ORDER BY p.partition_values, s.lower
