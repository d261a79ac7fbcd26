-- What has changed since a stream was summed up: all that this transaction sees and the summary's snapshot did not.
--
-- Variables:
--   id              integer       of the stream in lacuna.tracking
--   snapshot        text          of the summary
-- Rows: partition_values text[] (NULL: all), first bigint, last bigint (inclusive); in no order.
SELECT c.lane AS partition_values, c.first, c.last
FROM lacuna.change AS c
WHERE c.tracking = :'id'::integer AND NOT pg_catalog.pg_visible_in_snapshot(c.transaction, :'snapshot'::text::pg_snapshot)
