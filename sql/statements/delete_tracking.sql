-- Forgets that a stream's changes were recorded, and all of them.
--
-- Variables:
--   stream          text
-- Rows: none or one: id integer, if something was forgotten.
WITH forgotten AS (
    DELETE FROM lacuna.tracking AS t WHERE t.stream = :'stream' RETURNING t.id
), changes AS (
    DELETE FROM lacuna.change AS c USING forgotten AS f WHERE c.tracking = f.id
), summaries AS (
    DELETE FROM lacuna.summary AS s USING forgotten AS f WHERE s.tracking = f.id
)
SELECT f.id FROM forgotten AS f
