-- Opens a run in the journal.
--
-- Variables:
--   id              bigint
--   stream, mode, host, note   text
--   process, planned           bigint
INSERT INTO lacuna.run (id, stream, mode, host, process, planned, note)
VALUES (:'id'::bigint, :'stream', :'mode', :'host', :'process'::bigint, :'planned'::bigint, :'note')
ON CONFLICT (id) DO NOTHING
