-- Drops the changes that a new summary holds already.
--
-- Variables:
--   id              integer       of the stream in lacuna.tracking
--   snapshot        text          of the new summary
DELETE FROM lacuna.change AS c
WHERE c.tracking = :'id'::integer AND pg_catalog.pg_visible_in_snapshot(c.transaction, :'snapshot'::text::pg_snapshot)
