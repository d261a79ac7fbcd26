-- Notes, in a batch's transaction, that the scripts under `after` are owed for it.
--
-- Variables:
--   stream          text
--   run, batch      bigint        the token
INSERT INTO lacuna.owed_after (stream, run, batch) VALUES (:'stream', :'run'::bigint, :'batch'::bigint)
