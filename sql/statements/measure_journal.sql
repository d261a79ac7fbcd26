-- How far the journal of a stream reaches, and whether its last reconcile was deferred.
--
-- Variables:
--   stream          text
-- Rows: one: whole boolean (nothing was taken away), since bigint or NULL (seconds since the epoch: from when on it tells all),
-- deferral text or NULL (why the last reconcile was deferred).
SELECT
    COALESCE((
        SELECT s.first_run IS NULL OR EXISTS (
            SELECT FROM lacuna.run AS r WHERE r.id = s.first_run AND r.stream = s.name)
        FROM lacuna.stream AS s
        WHERE s.name = :'stream'), true)
    AND COALESCE((SELECT pg_catalog.sum(r.committed) FROM lacuna.run AS r WHERE r.stream = :'stream'), 0) <= (
        SELECT pg_catalog.count(*) FROM lacuna.batch AS b WHERE b.stream = :'stream' AND b.state = 'committed') AS whole,
    (
        SELECT pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.min(r.started_at)))::bigint
        FROM lacuna.run AS r
        WHERE r.stream = :'stream' AND r.mode IN ('reconcile', 'catchup')
    ) AS since,
    (
        SELECT CASE last.state WHEN 'deferred' THEN last.note END
        FROM (
            SELECT r.state, r.note
            FROM lacuna.run AS r
            WHERE r.stream = :'stream' AND r.mode = 'reconcile' AND r.ended_at IS NOT NULL
            ORDER BY r.id DESC
            LIMIT 1
        ) AS last
    ) AS deferral
