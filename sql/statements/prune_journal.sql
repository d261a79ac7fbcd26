-- Drops what the journal holds of runs that ended long ago: of runs the oldest thousand at once, which are found by their numbers.
--
-- Variables:
--   days            bigint        how long the journal reaches back
-- Rows: one: batches bigint.
WITH old_run AS (
    DELETE FROM lacuna.run
    WHERE id IN (SELECT id FROM lacuna.run ORDER BY id LIMIT 1000)
        AND COALESCE(ended_at, started_at) < pg_catalog.now() - pg_catalog.make_interval(days => :'days'::integer)
), old_batch AS (
    DELETE FROM lacuna.batch
    WHERE ended_at < pg_catalog.now() - pg_catalog.make_interval(days => :'days'::integer)
    RETURNING run
)
SELECT pg_catalog.count(*) AS batches
FROM old_batch
