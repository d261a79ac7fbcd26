-- How the run of a stream before another one ended: the last of the same kind that ended, those aside that were deferred.
--
-- Variables:
--   id              bigint        the other run
--   stream, mode    text
-- Rows: at most one: state text, left_gaps boolean.
SELECT state, COALESCE(missing_units, 0) > 0 AS left_gaps
FROM lacuna.run
WHERE stream = :'stream' AND mode = :'mode' AND id < :'id'::bigint AND ended_at IS NOT NULL AND state <> 'deferred'
ORDER BY id DESC
LIMIT 1
