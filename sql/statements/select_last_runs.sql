-- How the runs of a stream went, by kind: the last one that ended, and when one last succeeded, had a batch to ask the source for,
-- and committed rows.
--
-- Variables:
--   stream          text
-- Rows: mode, state, note, ended_at text, seconds text, and succeeded_at, asked_at and found_at text or NULL (all in UTC),
--   succeeded_epoch bigint or NULL (seconds); by mode.
SELECT
    m.mode, last.state, last.note,
    pg_catalog.to_char(last.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS ended_at,
    pg_catalog.round(EXTRACT(epoch FROM last.ended_at - last.started_at), 1)::text AS seconds,
    pg_catalog.to_char(succeeded.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS succeeded_at,
    pg_catalog.floor(EXTRACT(epoch FROM succeeded.ended_at))::bigint AS succeeded_epoch,
    pg_catalog.to_char(asked.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS asked_at,
    pg_catalog.to_char(found.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS found_at
FROM (VALUES ('catchup'), ('reconcile')) AS m (mode)
CROSS JOIN LATERAL (
    SELECT state, note, started_at, ended_at
    FROM lacuna.run
    WHERE stream = :'stream' AND mode = m.mode AND ended_at IS NOT NULL
    ORDER BY id DESC
    LIMIT 1
) AS last
LEFT JOIN LATERAL (
    SELECT ended_at
    FROM lacuna.run
    WHERE stream = :'stream' AND mode = m.mode AND state = 'done' AND ended_at IS NOT NULL
    ORDER BY id DESC
    LIMIT 1
) AS succeeded ON true
LEFT JOIN LATERAL (
    SELECT started_at
    FROM lacuna.run
    WHERE stream = :'stream' AND mode = m.mode AND planned > 0
    ORDER BY id DESC
    LIMIT 1
) AS asked ON true
LEFT JOIN LATERAL (
    SELECT COALESCE(r.ended_at, r.started_at) AS ended_at
    FROM lacuna.run AS r
    WHERE r.stream = :'stream' AND r.mode = m.mode AND r.planned > 0 AND EXISTS (
        SELECT FROM lacuna.batch AS b
        WHERE b.run = r.id AND b.state = 'committed' AND b.rows_inserted + b.rows_updated > 0)
    ORDER BY r.id DESC
    LIMIT 1
) AS found ON true
ORDER BY m.mode
