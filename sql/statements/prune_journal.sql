-- Drops what the journal holds of runs that ended long ago.
--
-- Variables:
--   days            bigint        how long the journal reaches back
-- Rows: one: batches bigint.
WITH old_run AS (
    DELETE FROM lacuna.run
    WHERE COALESCE(ended_at, started_at) < pg_catalog.now() - pg_catalog.make_interval(days => :'days'::integer)
), old_batch AS (
    DELETE FROM lacuna.batch
    WHERE ended_at < pg_catalog.now() - pg_catalog.make_interval(days => :'days'::integer)
    RETURNING run
)
SELECT pg_catalog.count(*) AS batches
FROM old_batch
