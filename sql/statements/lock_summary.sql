-- Locks the summary of a stream until the transaction ends, if it still is the one that was read
-- and nobody else is about to keep another one.
--
-- Variables:
--   id              integer       of the stream in lacuna.tracking
--   generation      bigint        of the summary that was read
-- Rows: one where it is, else none: id integer.
SELECT t.id FROM lacuna.tracking AS t WHERE t.id = :'id'::integer AND t.generation = :'generation'::bigint FOR UPDATE SKIP LOCKED
