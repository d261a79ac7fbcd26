-- The last runs of a stream.
--
-- Variables:
--   stream          text
--   limit           bigint
-- Rows: id, mode, state, host, process, planned, committed, failed, missing_units, note, started_at, seconds; newest first.
SELECT
    id, mode, state, host, process, planned, committed, failed, missing_units::text AS missing_units, note,
    pg_catalog.to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS started_at,
    pg_catalog.round(EXTRACT(epoch FROM COALESCE(ended_at, pg_catalog.clock_timestamp()) - started_at), 1)::text AS seconds
FROM lacuna.run
WHERE stream = :'stream'
ORDER BY id DESC
LIMIT :'limit'::bigint
