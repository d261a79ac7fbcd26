-- Writes an act that is over at once into the journal.
--
-- Variables:
--   id, process                bigint
--   stream, mode, host, note   text
INSERT INTO lacuna.run (id, stream, mode, state, host, process, note, ended_at)
VALUES (:'id'::bigint, :'stream', :'mode', 'done', :'host', :'process'::bigint, :'note', pg_catalog.clock_timestamp())
