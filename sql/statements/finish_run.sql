-- Closes a run in the journal, and writes its row if there is none yet. The stream keeps the number of its first one, so that a
-- journal that was cut is known.
--
-- Variables:
--   id              bigint
--   stream, mode, state, host, note   text
--   process, planned, committed, failed   bigint
--   missing         numeric       the units that are missing after the run, NULL if unknown
--   seconds         double precision   how long the run took
WITH first AS (
    UPDATE lacuna.stream SET first_run = :'id'::bigint
    WHERE name = :'stream' AND first_run IS NULL AND :'mode' IN ('reconcile', 'catchup')
)
INSERT INTO lacuna.run AS r (
    id, stream, mode, state, host, process, planned, committed, failed, missing_units, note, started_at, ended_at)
VALUES (
    :'id'::bigint, :'stream', :'mode', :'state', :'host', :'process'::bigint, :'planned'::bigint, :'committed'::bigint,
    :'failed'::bigint, :'missing'::numeric, :'note',
    pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => :'seconds'::double precision),
    pg_catalog.clock_timestamp())
ON CONFLICT (id) DO UPDATE
SET state = EXCLUDED.state, planned = EXCLUDED.planned, committed = EXCLUDED.committed, failed = EXCLUDED.failed,
    missing_units = EXCLUDED.missing_units, note = EXCLUDED.note,
    started_at = LEAST(r.started_at, EXCLUDED.started_at), ended_at = EXCLUDED.ended_at
