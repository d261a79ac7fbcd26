-- Gives a stream an id for its triggers.
--
-- Variables:
--   stream          text
-- Rows: one: id integer.
INSERT INTO lacuna.tracking AS t (stream) VALUES (:'stream')
ON CONFLICT (stream) DO UPDATE SET snapshot = NULL
RETURNING t.id
