-- When units of a stream changed, as far as that was recorded and is not summed up yet.
--
-- Variables:
--   stream          text
-- Rows: partition_values text[] (NULL: all), first bigint, last bigint (inclusive), changed bigint (seconds since the epoch);
-- newest first.
SELECT c.lane AS partition_values, c.first, c.last, pg_catalog.floor(EXTRACT(epoch FROM c.changed_at))::bigint AS changed
FROM lacuna.change AS c
WHERE c.tracking = (SELECT t.id FROM lacuna.tracking AS t WHERE t.stream = :'stream') AND c.changed_at IS NOT NULL
ORDER BY c.changed_at DESC
