-- Opens a run in the journal. The stream keeps the number of its first one, so that a journal that was cut is known.
--
-- Variables:
--   id              bigint
--   stream, mode, host, note   text
--   process, planned           bigint
WITH first AS (
    UPDATE lacuna.stream SET first_run = :'id'::bigint
    WHERE name = :'stream' AND first_run IS NULL AND :'mode' IN ('reconcile', 'catchup')
)
INSERT INTO lacuna.run (id, stream, mode, host, process, planned, note)
VALUES (:'id'::bigint, :'stream', :'mode', :'host', :'process'::bigint, :'planned'::bigint, :'note')
ON CONFLICT (id) DO NOTHING
