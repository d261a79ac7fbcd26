-- What was missing in a range when a stream was last summed up.
--
-- Variables:
--   id              integer       of the stream in lacuna.tracking
--   lower, upper    bigint        the range asked for, half-open
-- Rows: partition_values text[], has_largest boolean, lower bigint, upper bigint (missing, half-open, NULL if nothing
-- is); in no order.
SELECT s.lane AS partition_values, s.has_largest, pg_catalog.lower(gap.missing) AS lower, pg_catalog.upper(gap.missing) AS upper
FROM lacuna.summary AS s
LEFT JOIN LATERAL pg_catalog.unnest(
    s.missing * pg_catalog.int8multirange(pg_catalog.int8range(:'lower'::bigint, :'upper'::bigint))) AS gap (missing) ON true
WHERE s.tracking = :'id'::integer
