-- Closes a run in the journal.
--
-- Variables:
--   id              bigint
--   state           text
--   committed, failed          bigint
--   missing         numeric       the units that are missing after the run, NULL if unknown
UPDATE lacuna.run
SET state = :'state', committed = :'committed'::bigint, failed = :'failed'::bigint,
    missing_units = :'missing'::numeric, ended_at = pg_catalog.clock_timestamp()
WHERE id = :'id'::bigint
