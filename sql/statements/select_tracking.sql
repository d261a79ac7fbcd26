-- The id under which a stream's changes are recorded.
--
-- Variables:
--   stream          text
-- Rows: none or one: id integer.
SELECT t.id FROM lacuna.tracking AS t WHERE t.stream = :'stream'
