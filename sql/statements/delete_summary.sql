-- Drops the summary of a stream.
--
-- Variables:
--   id              integer       of the stream in lacuna.tracking
DELETE FROM lacuna.summary AS s WHERE s.tracking = :'id'::integer
