-- Finds the batches of other transactions that were committed in some windows since those were asked of the source.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
--   run, batch      bigint        the token of what asks; without a batch all batches of the run
--   lower, upper    bigint        the range that holds the windows, half-open
--   started         timestamptz   when the first of them was asked for
-- Rows: partition_values text[], lower bigint, upper bigint, ended text (ISO 8601); by lower, then partition.
SELECT p.partition_values, b.lower, b.upper,
    pg_catalog.to_char(b.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ended
FROM lacuna.batch AS b
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(b.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE b.stream = :'stream' AND b.state = 'committed' AND b.ended_at > :'started'::timestamptz
    AND b.lower < :'upper'::bigint AND b.upper > :'lower'::bigint
    AND (b.run <> :'run'::bigint OR b.batch <> :'batch'::bigint)
ORDER BY b.lower, p.partition_values
